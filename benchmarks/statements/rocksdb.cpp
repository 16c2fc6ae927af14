// What docs/comparison.md says of RocksDB's transactions: which reads are of a snapshot, and what is protected.
#include "statement.hpp"

#include "../peers/scratch_directory.hpp"

#include <rocksdb/utilities/optimistic_transaction_db.h>
#include <rocksdb/utilities/transaction.h>
#include <rocksdb/utilities/transaction_db.h>
#include <rocksdb/version.h>

#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <unistd.h>

namespace {

using fluxmap_bench::ScratchDirectory;
using fluxmap_bench::Statements;
using TransactionPtr = std::unique_ptr<rocksdb::Transaction>;

void check(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

long resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  long all = 0, resident = 0;
  statm >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// Base: rocksdb::TransactionDB, which locks, or rocksdb::OptimisticTransactionDB.
template <class Base>
class Store {
 public:
  static constexpr bool k_locks = std::is_same_v<Base, rocksdb::TransactionDB>;

  Store() : directory_(ScratchDirectory::Place::memory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    Base* opened = nullptr;
    if constexpr (k_locks) {
      rocksdb::TransactionDBOptions transactions;
      transactions.transaction_lock_timeout = 1;  // ms: here nobody lets go of a lock while another one waits
      check(Base::Open(options, transactions, directory_.path().string(), &opened));
    } else {
      check(Base::Open(options, directory_.path().string(), &opened));
    }
    database_.reset(opened);
  }

  TransactionPtr begin(bool set_snapshot = false) {
    if constexpr (k_locks) {
      rocksdb::TransactionOptions options;
      options.set_snapshot = set_snapshot;
      return TransactionPtr(database_->BeginTransaction({}, options));
    } else {
      rocksdb::OptimisticTransactionOptions options;
      options.set_snapshot = set_snapshot;
      return TransactionPtr(database_->BeginTransaction({}, options));
    }
  }
  // Of the same directory, by somebody else.
  bool opens_again() const {
    Base* opened = nullptr;
    bool opens = false;
    if constexpr (k_locks) {
      opens = Base::Open({}, rocksdb::TransactionDBOptions(), directory_.path().string(), &opened).ok();
    } else {
      opens = Base::Open({}, directory_.path().string(), &opened).ok();
    }
    delete opened;
    return opens;
  }
  void put(const char* key, const char* value) { check(database_->Put({}, key, value)); }
  std::string get(const char* key) {
    std::string value;
    check(database_->Get({}, key, &value));
    return value;
  }

 private:
  ScratchDirectory directory_;
  std::unique_ptr<Base> database_;
};

std::string get(rocksdb::Transaction& transaction, const char* key, const rocksdb::Snapshot* snapshot = nullptr) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  check(transaction.Get(options, key, &value));
  return value;
}

// Two reads of one key by one transaction, around another's commit.
template <class Base>
std::string read_twice(bool set_snapshot, bool read_at_it) {
  Store<Base> store;
  store.put("key", "1");
  const TransactionPtr reader = store.begin(set_snapshot);
  const rocksdb::Snapshot* const at = read_at_it ? reader->GetSnapshot() : nullptr;
  const std::string first = get(*reader, "key", at);
  store.put("key", "2");
  return first + get(*reader, "key", at);
}

enum class Read { plain, plain_set_snapshot, for_update };

// One of two transactions side by side, until something of it is refused.
template <class Base>
class Side {
 public:
  Side(Store<Base>& store, Read read) : read_(read), transaction_(store.begin(read == Read::plain_set_snapshot)) {}

  void read(const char* key) {
    std::string value;
    note(read_ == Read::for_update ? transaction_->GetForUpdate({}, key, &value) : transaction_->Get({}, key, &value));
  }
  void write_and_commit(const char* key, const char* value) {
    if (!refused_) note(transaction_->Put(key, value));
    if (!refused_) note(transaction_->Commit());
  }
  bool refused() const { return refused_; }

 private:
  void note(const rocksdb::Status& status) { refused_ = refused_ || !status.ok(); }

  Read read_;
  TransactionPtr transaction_;
  bool refused_ = false;
};

// Both read a key and write what they have read and 1, one after the other. True: both committed, so one is lost.
template <class Base>
bool update_is_lost(Read read) {
  Store<Base> store;
  store.put("key", "0");
  Side<Base> one(store, read), two(store, read);
  one.read("key");
  two.read("key");
  one.write_and_commit("key", "1");
  two.write_and_commit("key", "1");
  return !one.refused() && !two.refused();
}

// Both read two keys, and each writes another one of them. True: both committed, which no order of the two explains.
template <class Base>
bool skew_passes(Read read) {
  Store<Base> store;
  store.put("a", "0");
  store.put("b", "0");
  Side<Base> one(store, read), two(store, read);
  for (const char* key : {"a", "b"}) {
    one.read(key);
    two.read(key);
  }
  one.write_and_commit("a", "1");
  two.write_and_commit("b", "1");
  return !one.refused() && !two.refused();
}

// A transaction counts the keys, another one adds one, the first one writes down its count.
template <class Base>
bool phantom_passes() {
  Store<Base> store;
  store.put("a", "");
  const TransactionPtr counter = store.begin(true);
  rocksdb::ReadOptions options;
  options.snapshot = counter->GetSnapshot();
  int count = 0;
  const std::unique_ptr<rocksdb::Iterator> at(counter->GetIterator(options));
  for (at->SeekToFirst(); at->Valid(); at->Next()) ++count;
  store.put("b", "");
  return count == 1 && counter->Put("count", "1").ok() && counter->Commit().ok();
}

template <class Base>
void state(Statements& statements) {
  statements.holds("a plain Get of a transaction is not a read of a snapshot", read_twice<Base>(false, false) == "12");
  statements.holds("nor is it with set_snapshot", read_twice<Base>(true, false) == "12");
  statements.holds("it is with ReadOptions::snapshot", read_twice<Base>(true, true) == "11");
  statements.holds("keys are protected from the write on: an update after a plain Get is lost",
                   update_is_lost<Base>(Read::plain));
  statements.holds("with set_snapshot from there on: it is not lost", !update_is_lost<Base>(Read::plain_set_snapshot));
  statements.holds("after GetForUpdate it is not", !update_is_lost<Base>(Read::for_update));
  statements.holds("write skew passes with plain Get", skew_passes<Base>(Read::plain));
  statements.holds("with set_snapshot too", skew_passes<Base>(Read::plain_set_snapshot));
  statements.holds("with GetForUpdate it does not", !skew_passes<Base>(Read::for_update));
  statements.holds("a phantom passes: nobody checks what an iterator has read", phantom_passes<Base>());
}

}  // namespace

int main() {
  Statements statements("RocksDB " + rocksdb::GetRocksVersionAsString());
  const long at_first = resident_bytes();
  Store<rocksdb::TransactionDB> with_locks;
  const long between = resident_bytes();
  Store<rocksdb::OptimisticTransactionDB> optimistic;
  const long at_last = resident_bytes();
  std::printf("  opened: TransactionDB %ld kB, OptimisticTransactionDB %ld kB\n", (between - at_first) / 1024,
              (at_last - between) / 1024);
  statements.holds("TransactionDB takes less than 10 MB when it is opened", between - at_first < 10'000'000);
  statements.holds("OptimisticTransactionDB takes more than 50", at_last - between > 50'000'000);

  statements.holds("a directory is open once", !with_locks.opens_again() && !optimistic.opens_again());

  std::printf(" TransactionDB\n");
  state<rocksdb::TransactionDB>(statements);
  std::printf(" OptimisticTransactionDB\n");
  state<rocksdb::OptimisticTransactionDB>(statements);
  return statements.result();
}
