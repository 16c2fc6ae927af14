#!/usr/bin/env bash
# LMDB 0.9.24: when the map is full, nothing can be removed from it. A removal needs pages of its own before the old ones
# are free, so it fails with MDB_MAP_FULL: one key's, and also all keys' together, and emptying the whole database. What
# helps is a larger map. And the map is smaller than its documentation says: unless told, 1048576 bytes, where lmdb.h
# says 10485760.
#
# A good guess: who has run into the limit gets out of it by removing.
#
# Needs a C compiler, and the packages of Debian 12 for amd64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

apt-get -o APT::Sandbox::User=root -qq download liblmdb-dev=0.9.24-1 liblmdb0=0.9.24-1
for package in *.deb; do dpkg-deb -x "$package" root; done

cat >program.c <<'PROGRAM'
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char value[3000];
static MDB_env *environment;
static MDB_dbi map;

static void open_in(const char *directory) {
  MDB_txn *transaction;
  mkdir(directory, 0700);
  if (mdb_env_create(&environment) != 0 || mdb_env_open(environment, directory, MDB_NOSYNC, 0600) != 0) exit(2);
  if (mdb_txn_begin(environment, NULL, 0, &transaction) != 0 || mdb_dbi_open(transaction, NULL, 0, &map) != 0) exit(2);
  if (mdb_txn_commit(transaction) != 0) exit(2);
}

enum what { put, removal };

/* Puts or removes the keys from 0 on, so many of them, in one transaction. */
static int change(enum what what, int keys) {
  MDB_txn *transaction;
  int code = mdb_txn_begin(environment, NULL, 0, &transaction);
  if (code != 0) return code;
  for (int i = 0; i < keys; ++i) {
    char text[16];
    MDB_val key = {(size_t)sprintf(text, "%d", i), text}, data = {sizeof value, value};
    code = what == put ? mdb_put(transaction, map, &key, &data, 0) : mdb_del(transaction, map, &key, NULL);
    if (code != 0) {
      mdb_txn_abort(transaction);
      return code;
    }
  }
  return mdb_txn_commit(transaction);
}

static int empty(void) {
  MDB_txn *transaction;
  int code = mdb_txn_begin(environment, NULL, 0, &transaction);
  if (code != 0) return code;
  code = mdb_drop(transaction, map, 0);
  if (code == 0) return mdb_txn_commit(transaction);
  mdb_txn_abort(transaction);
  return code;
}

static void say(const char *what, int code) { printf("%s: %s\n", what, mdb_strerror(code)); }

int main(void) {
  MDB_envinfo info;
  char directory[16];
  int most = 256;
  printf("%s\n", mdb_version(NULL, NULL, NULL));
  for (;; --most) { /* as many as fit, in a new database each time */
    sprintf(directory, "try%d", most);
    open_in(directory);
    const int code = change(put, most);
    if (code == 0) break;
    if (code != MDB_MAP_FULL) return 2;
    mdb_env_close(environment);
  }
  mdb_env_info(environment, &info);
  printf("map size: %zu\n", info.me_mapsize);
  printf("values of 3000 bytes that fit: %d\n", most);
  say("removing one", change(removal, 1));
  say("removing all", change(removal, most));
  say("emptying", empty());
  mdb_env_set_mapsize(environment, 2 * info.me_mapsize);
  printf("map size: doubled\n");
  say("removing one", change(removal, 1));
  mdb_env_close(environment);
  return 0;
}
PROGRAM
"${CC:-cc}" -w -isystem root/usr/include program.c root/usr/lib/x86_64-linux-gnu/liblmdb.so.0 -o program

cat >expected <<'EXPECTED'
the header says of the default map size: 10485760 bytes
LMDB 0.9.24: (July 24, 2019)
map size: 1048576
values of 3000 bytes that fit: 250
removing one: MDB_MAP_FULL: Environment mapsize limit reached
removing all: MDB_MAP_FULL: Environment mapsize limit reached
emptying: MDB_MAP_FULL: Environment mapsize limit reached
map size: doubled
removing one: Successful return: 0
EXPECTED
{
  echo "the header says of the default map size: $(grep -o '10485760 bytes' root/usr/include/lmdb.h)"
  LD_LIBRARY_PATH=root/usr/lib/x86_64-linux-gnu ./program
} | tee seen
diff expected seen && echo "as described"
