// What docs/comparison.md says of LMDB: its readers, its one writer, the room in its file.
#include "statement.hpp"

#include "../peers/scratch_directory.hpp"

#include <lmdb.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {
int syncs = 0;
}  // namespace

// The C library's, as far as LMDB asks for it: what is written here goes to a file system in memory.
extern "C" int fdatasync(int) {
  ++syncs;
  return 0;
}

namespace {

using fluxmap_bench::ScratchDirectory;
using fluxmap_bench::Statements;

void check(int code) {
  if (code != MDB_SUCCESS) throw std::runtime_error(mdb_strerror(code));
}

MDB_val bytes(std::string& text) { return {text.size(), text.data()}; }

// An environment with as much room as mdb_env_create gives it, unless told.
class Store {
 public:
  explicit Store(unsigned flags = 0, std::size_t map_bytes = 0) : directory_(ScratchDirectory::Place::memory) {
    check(mdb_env_create(&environment_));
    if (map_bytes != 0) check(mdb_env_set_mapsize(environment_, map_bytes));
    check(mdb_env_open(environment_, path(), flags, 0600));
    MDB_txn* const transaction = begin(0);
    check(mdb_dbi_open(transaction, nullptr, 0, &map_));
    check(mdb_txn_commit(transaction));
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() { mdb_env_close(environment_); }

  MDB_env* get() const { return environment_; }
  const char* path() const { return directory_.path().c_str(); }
  MDB_txn* begin(unsigned flags) const {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, flags, &transaction));
    return transaction;
  }
  int try_put(MDB_txn* transaction, std::string key, std::string value) const {
    MDB_val wanted = bytes(key), written = bytes(value);
    return mdb_put(transaction, map_, &wanted, &written, 0);
  }
  void put(const std::string& key, const std::string& value) const {
    MDB_txn* const transaction = begin(0);
    check(try_put(transaction, key, value));
    check(mdb_txn_commit(transaction));
  }
  MDB_val find(MDB_txn* transaction, std::string key) const {
    MDB_val wanted = bytes(key), found{};
    check(mdb_get(transaction, map_, &wanted, &found));
    return found;
  }
  std::string read(MDB_txn* transaction, const std::string& key) const {
    const MDB_val found = find(transaction, key);
    return {static_cast<const char*>(found.mv_data), found.mv_size};
  }
  int try_remove(MDB_txn* transaction, std::string key) const {
    MDB_val wanted = bytes(key);
    return mdb_del(transaction, map_, &wanted, nullptr);
  }
  MDB_envinfo info() const {
    MDB_envinfo info{};
    check(mdb_env_info(environment_, &info));
    return info;
  }

 private:
  ScratchDirectory directory_;
  MDB_env* environment_ = nullptr;
  MDB_dbi map_ = 0;
};

// Whether a mapping of a file with this name has the address.
bool is_mapped_from_file(const void* address, const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0, to = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> from >> dash >> to;
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    if (from <= at && at < to) return line.ends_with("/" + name);
  }
  return false;
}

void readers(Statements& statements) {
  const Store store(MDB_NOTLS);  // else a thread has one reader
  store.put("key", "1");
  MDB_txn* const writer = store.begin(0);
  check(store.try_put(writer, "key", "2"));
  MDB_txn* const reader = store.begin(MDB_RDONLY);
  statements.holds("a reader does not wait for an open writer, and sees what was committed",
                   store.read(reader, "key") == "1");
  check(mdb_txn_commit(writer));
  statements.holds("it sees one snapshot: the same after the writer's commit", store.read(reader, "key") == "1");

  statements.holds("a value is read where it lies in the file",
                   is_mapped_from_file(store.find(reader, "key").mv_data, "data.mdb"));
  mdb_txn_abort(reader);
}

// What another process finds.
std::string read_by_child(const Store& store) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    MDB_env* environment = nullptr;
    MDB_txn* transaction = nullptr;
    MDB_dbi map = 0;
    MDB_val key{3, const_cast<char*>("key")}, found{};
    const bool read = mdb_env_create(&environment) == 0 && mdb_env_open(environment, store.path(), 0, 0600) == 0 &&
                      mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction) == 0 &&
                      mdb_dbi_open(transaction, nullptr, 0, &map) == 0 &&
                      mdb_get(transaction, map, &key, &found) == 0 && write(ends[1], found.mv_data, found.mv_size) >= 0;
    _exit(read ? 0 : 1);
  }
  close(ends[1]);
  char text[16];
  const ssize_t size = read(ends[0], text, sizeof text);
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return {text, text + (size > 0 ? size : 0)};
}

void processes_and_syncs(Statements& statements) {
  const Store store;
  store.put("key", "1");
  statements.holds("another process reads what was committed", read_by_child(store) == "1");
  syncs = 0;
  for (int i = 0; i < 10; ++i) store.put("key", "2");
  statements.holds("each commit is synced", syncs == 10);
}

void slots(Statements& statements) {
  const Store store(MDB_NOTLS);
  std::vector<MDB_txn*> open;
  int code = MDB_SUCCESS;
  for (;;) {
    MDB_txn* reader = nullptr;
    code = mdb_txn_begin(store.get(), nullptr, MDB_RDONLY, &reader);
    if (code != MDB_SUCCESS || open.size() == 10'000) break;
    open.push_back(reader);
  }
  statements.holds("126 readers at a time, unless more were asked for", open.size() == 126 && code == MDB_READERS_FULL);
  mdb_txn_reset(open.back());
  MDB_txn* reader = nullptr;
  statements.holds("a reader that is kept for later counts",
                   mdb_txn_begin(store.get(), nullptr, MDB_RDONLY, &reader) == MDB_READERS_FULL);
  for (MDB_txn* each : open) mdb_txn_abort(each);
}

void one_writer(Statements& statements) {
  const Store store;
  MDB_txn* const first = store.begin(0);
  std::atomic<bool> second_began{false};
  std::thread second([&] {
    MDB_txn* const transaction = store.begin(0);
    second_began = true;
    mdb_txn_abort(transaction);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const bool waited = !second_began;
  mdb_txn_abort(first);
  second.join();
  statements.holds("a writer waits for the one before it", waited && second_began);
}

// The pages in use after some hundred commits of one key.
std::size_t pages_after_commits(bool with_old_reader) {
  const Store store(MDB_NOTLS, std::size_t{64} << 20);
  store.put("key", std::string(2000, 'a'));
  MDB_txn* const reader = with_old_reader ? store.begin(MDB_RDONLY) : nullptr;
  for (int i = 0; i < 500; ++i) store.put("key", std::string(2000, 'b'));
  if (reader != nullptr) mdb_txn_abort(reader);
  return store.info().me_last_pgno + 1;
}

void room(Statements& statements) {
  const std::size_t without = pages_after_commits(false), with = pages_after_commits(true);
  std::printf("  pages after 500 commits of one key: %zu; with a reader open from before them: %zu\n", without, with);
  statements.holds("an old reader keeps pages from being used again", without < 50 && with > 500);

  const Store store;
  statements.holds("the size of the map is set in advance; 1 MiB unless told", store.info().me_mapsize == 1u << 20);
  statements.holds("keys have up to 511 bytes", mdb_env_get_maxkeysize(store.get()) == 511);
  MDB_txn* const writer = store.begin(0);
  statements.holds("a longer one is refused", store.try_put(writer, std::string(512, 'k'), "") == MDB_BAD_VALSIZE);
  mdb_txn_abort(writer);
}

// As many values of 3000 bytes as one transaction gets in. False: not so many.
bool fill(const Store& store, int values) {
  MDB_txn* const transaction = store.begin(0);
  for (int i = 0; i < values; ++i) {
    if (store.try_put(transaction, std::to_string(i), std::string(3000, 'v')) == MDB_SUCCESS) continue;
    mdb_txn_abort(transaction);
    return false;
  }
  return mdb_txn_commit(transaction) == MDB_SUCCESS;
}
int remove_one(const Store& store) {
  MDB_txn* const transaction = store.begin(0);
  const int code = store.try_remove(transaction, "0");
  if (code == MDB_SUCCESS) return mdb_txn_commit(transaction);
  mdb_txn_abort(transaction);
  return code;
}

void full(Statements& statements) {
  int most = 0;
  for (int values = 256; values > 0 && most == 0; --values) {
    const Store store;
    if (fill(store, values)) most = values;
  }
  const Store store;
  statements.holds("a full map refuses removals too", fill(store, most) && remove_one(store) == MDB_MAP_FULL);
  check(mdb_env_set_mapsize(store.get(), std::size_t{2} << 20));
  statements.holds("until it is made larger", remove_one(store) == MDB_SUCCESS);
}

}  // namespace

int main() {
  Statements statements(mdb_version(nullptr, nullptr, nullptr));
  readers(statements);
  processes_and_syncs(statements);
  slots(statements);
  one_writer(statements);
  room(statements);
  full(statements);
  return statements.result();
}
