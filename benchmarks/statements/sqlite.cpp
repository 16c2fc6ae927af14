// What docs/comparison.md says of SQLite: who waits for whom, in WAL mode and in the others.
#include "statement.hpp"

#include "../peers/scratch_directory.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace {

using fluxmap_bench::ScratchDirectory;
using fluxmap_bench::Statements;

class Connection {
 public:
  explicit Connection(const ScratchDirectory& directory) {
    const std::string file = directory.path().string() + "/database";
    if (sqlite3_open(file.c_str(), &connection_) != SQLITE_OK) throw std::runtime_error("cannot open " + file);
    sqlite3_extended_result_codes(connection_, 1);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { sqlite3_close(connection_); }

  // A result code; SQLITE_BUSY at once, where it would have to wait.
  int try_run(const char* sql) { return sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr); }
  void run(const char* sql) {
    if (try_run(sql) != SQLITE_OK) throw std::runtime_error(std::string(sql) + ": " + sqlite3_errmsg(connection_));
  }
  // The first column of the first row; "busy": one would have to wait.
  std::string read(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    std::string text = "busy";
    const int prepared = sqlite3_prepare_v2(connection_, sql, -1, &statement, nullptr);
    if (prepared == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
      text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return text;
  }

 private:
  sqlite3* connection_ = nullptr;
};

constexpr const char* k_make = "create table map (v); insert into map values (1)";
constexpr const char* k_read = "select v from map";

// A database with one row, 1, and two connections to it.
struct Two {
  explicit Two(const char* journal_mode) {
    one.run(journal_mode);
    one.run(k_make);
  }

  ScratchDirectory directory{ScratchDirectory::Place::memory};
  Connection one{directory}, two{directory};
};

constexpr const char* k_wal = "pragma journal_mode = wal";
constexpr const char* k_delete = "pragma journal_mode = delete";

void wal(Statements& statements) {
  {
    Two at(k_wal);
    at.one.run("begin immediate; update map set v = 2");
    statements.holds("WAL: a reader does not wait for an open writer", at.two.read(k_read) == "1");
    statements.holds("a second writer does", at.two.try_run("begin immediate") == SQLITE_BUSY);
    at.two.run("begin");
    at.two.read(k_read);
    statements.holds("nor a writer for an open reader", at.one.try_run("commit") == SQLITE_OK);
    statements.holds("a reader sees one snapshot", at.two.read(k_read) == "1");
    statements.holds("and cannot write on top of it when it is old",
                     at.two.try_run("update map set v = v + 1") == SQLITE_BUSY_SNAPSHOT);
    at.two.run("commit; begin");
    statements.holds("until it has begun anew", at.two.try_run("update map set v = v + 1") == SQLITE_OK);
  }
  {
    Two at(k_wal);
    Connection exclusive(at.directory);
    exclusive.run("pragma locking_mode = exclusive");
    statements.holds("WAL, locking_mode = exclusive: one cannot even read while another connection is open that has",
                     exclusive.read(k_read) == "busy");
  }
  {
    const ScratchDirectory directory(ScratchDirectory::Place::memory);
    {
      Connection maker(directory);
      maker.run(k_wal);
      maker.run(k_make);
    }
    Connection one(directory), two(directory);
    one.run("pragma locking_mode = exclusive");
    statements.holds("one that has read, outside any transaction, locks others out, readers too",
                     one.read(k_read) == "1" && two.read(k_read) == "busy");
    one.run("pragma locking_mode = normal");
    statements.holds("for as long as it is open, locking_mode = normal or not",
                     one.read(k_read) == "1" && two.read(k_read) == "busy");
  }
}

void rollback_journal(Statements& statements) {
  {
    Two at(k_delete);
    at.one.run("begin immediate; update map set v = 2");
    statements.holds("rollback journal: a reader does not wait for an open writer", at.two.read(k_read) == "1");
    at.two.run("begin");
    at.two.read(k_read);
    statements.holds("a writer that commits waits for readers", at.one.try_run("commit") == SQLITE_BUSY);
    Connection three(at.directory);
    statements.holds("and while it does so, new readers wait for it", three.read(k_read) == "busy");
  }
  {
    const ScratchDirectory directory(ScratchDirectory::Place::memory);
    Connection connection(directory);
    statements.holds("the rollback journal is the default", connection.read("pragma journal_mode") == "delete");
  }
}

}  // namespace

int main() {
  Statements statements(std::string("SQLite ") + sqlite3_libversion());
  wal(statements);
  rollback_journal(statements);
  return statements.result();
}
