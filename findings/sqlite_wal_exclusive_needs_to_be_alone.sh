#!/usr/bin/env bash
# SQLite 3.40.1, WAL mode: a connection that sets locking_mode = exclusive after it has read goes on reading, and sees
# what others commit, but each of its own writes fails with SQLITE_BUSY for as long as another connection is open that
# has used the database: one in no transaction, that waits for nothing and does nothing. To that other one the lock is
# no matter: it reads and writes. With a rollback journal the same calls do what the name says.
#
# A good guess: exclusive locking waits for transactions that are open, not for connections; and who asks for it is
# better off than who does not.
#
# Needs a C++20 compiler, and the packages of Debian 12 for amd64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

apt-get -o APT::Sandbox::User=root -qq download libsqlite3-dev=3.40.1-2+deb12u2 libsqlite3-0=3.40.1-2+deb12u2
for package in *.deb; do dpkg-deb -x "$package" root; done

cat >program.cpp <<'PROGRAM'
#include <sqlite3.h>

#include <iostream>
#include <memory>
#include <string>

class Connection {
 public:
  Connection(std::string name, const std::string& file) : name_(std::move(name)) { sqlite3_open(file.c_str(), &it_); }
  Connection(const Connection&) = delete;
  ~Connection() { sqlite3_close(it_); }

  void say(const std::string& sql) { std::cout << "  " << name_ << ": " << sql << " -> " << run(sql) << '\n'; }
  // The first column of the first row, or what sqlite3_step says.
  std::string run(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    std::string result;
    int code = sqlite3_prepare_v2(it_, sql.c_str(), -1, &statement, nullptr);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
      result = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    } else {
      result = code == SQLITE_DONE ? "done" : sqlite3_errstr(code);
    }
    sqlite3_finalize(statement);
    return result;
  }

 private:
  std::string name_;
  sqlite3* it_ = nullptr;
};

void story(const std::string& journal_mode) {
  const std::string file = "database-" + journal_mode;
  Connection one("one", file);
  auto two = std::make_unique<Connection>("two", file);
  one.say("pragma journal_mode = " + journal_mode);
  one.run("create table map (value)");
  one.run("insert into map values (1)");
  one.run("select value from map");
  two->run("select value from map");
  one.say("pragma locking_mode = exclusive");
  one.say("update map set value = 2");
  two->say("update map set value = 3");
  one.say("select value from map");
  one.say("update map set value = 4");
  two.reset();
  std::cout << "  two is closed\n";
  one.say("update map set value = 5");
}

int main() {
  std::cout << "version " << sqlite3_libversion() << '\n';
  story("wal");
  story("delete");
}
PROGRAM
"${CXX:-c++}" -std=c++20 -w -isystem root/usr/include program.cpp root/usr/lib/x86_64-linux-gnu/libsqlite3.so.0 -o program

cat >expected <<'EXPECTED'
version 3.40.1
  one: pragma journal_mode = wal -> wal
  one: pragma locking_mode = exclusive -> exclusive
  one: update map set value = 2 -> database is locked
  two: update map set value = 3 -> done
  one: select value from map -> 3
  one: update map set value = 4 -> database is locked
  two is closed
  one: update map set value = 5 -> done
  one: pragma journal_mode = delete -> delete
  one: pragma locking_mode = exclusive -> exclusive
  one: update map set value = 2 -> done
  two: update map set value = 3 -> database is locked
  one: select value from map -> 2
  one: update map set value = 4 -> done
  two is closed
  one: update map set value = 5 -> done
EXPECTED
LD_LIBRARY_PATH=root/usr/lib/x86_64-linux-gnu ./program | tee seen
diff expected seen && echo "as described"
