#!/usr/bin/env bash
# RocksDB 7.8.3: a transaction that was begun with set_snapshot checks its writes against that snapshot, but does not
# read from it: Get shows what others have committed since. So the transaction sees a value, and is then refused for
# writing the key because it is newer than what it stands on.
#
# A good guess: with a snapshot set, two Gets of a key give the same. They do only if the snapshot is passed to each Get
# too, as ReadOptions::snapshot.
#
# Needs a C++20 compiler, and the packages of Debian 12 for amd64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

packages=(librocksdb-dev=7.8.3-2 librocksdb7.8=7.8.3-2 libsnappy1v5=1.1.9-3 libgflags2.2=2.2.2-2
  libbz2-1.0=1.0.8-5+b1 liblz4-1=1.9.4-1 libzstd1=1.5.4+dfsg2-5 zlib1g=1:1.2.13.dfsg-1)
apt-get -o APT::Sandbox::User=root -qq download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done

cat >program.cpp <<'PROGRAM'
#include <rocksdb/utilities/transaction.h>
#include <rocksdb/utilities/transaction_db.h>
#include <rocksdb/version.h>

#include <iostream>
#include <memory>
#include <string>

using namespace rocksdb;

void check(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

int main() {
  std::cout << "version " << GetRocksVersionAsString() << '\n';
  Options options;
  options.create_if_missing = true;
  TransactionDB* opened = nullptr;
  check(TransactionDB::Open(options, TransactionDBOptions(), "database", &opened));
  const std::unique_ptr<TransactionDB> database(opened);
  check(database->Put({}, "key", "1"));

  TransactionOptions with_snapshot;
  with_snapshot.set_snapshot = true;
  const std::unique_ptr<Transaction> transaction(database->BeginTransaction({}, with_snapshot));
  ReadOptions at_snapshot;
  at_snapshot.snapshot = transaction->GetSnapshot();

  const auto get = [&](const char* how, const ReadOptions& read) {
    std::string value;
    check(transaction->Get(read, "key", &value));
    std::cout << how << ' ' << value << '\n';
  };
  get("Get", {});
  check(database->Put({}, "key", "2"));
  std::cout << "another one commits\n";
  get("Get", {});
  get("Get with ReadOptions::snapshot", at_snapshot);
  std::cout << "Put of what Get has shown, and 1: " << transaction->Put("key", "3").ToString() << '\n';
}
PROGRAM
"${CXX:-c++}" -std=c++20 -w -isystem root/usr/include program.cpp root/usr/lib/x86_64-linux-gnu/librocksdb.so.7.8 \
  -Wl,-rpath-link,root/usr/lib/x86_64-linux-gnu:root/lib/x86_64-linux-gnu -o program

cat >expected <<'EXPECTED'
version 7.8.3
Get 1
another one commits
Get 2
Get with ReadOptions::snapshot 1
Put of what Get has shown, and 1: Resource busy: 
EXPECTED
LD_LIBRARY_PATH=root/usr/lib/x86_64-linux-gnu:root/lib/x86_64-linux-gnu ./program | tee seen
diff expected seen && echo "as described"
