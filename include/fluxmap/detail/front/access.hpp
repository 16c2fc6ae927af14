// A door into the engine for the project's own tests and benchmarks. Not part of the interface. · layer: front
#pragma once

#include <fluxmap/builder.hpp>
#include <fluxmap/database.hpp>
#include <fluxmap/detail/txn/autocommit.hpp>

#include <memory>
#include <thread>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

struct TransactionAccess {
  template <class K, class V, class C>
  static TxnState<K, V, C>& state(Transaction<K, V, C>& transaction) {
    return transaction.state();
  }
  template <class K, class V, class C>
  static Store<K, V, C>& store(Transaction<K, V, C>& transaction) {
    return transaction.lease().session()->store();
  }
  template <class K, class V, class C>
  static Store<K, V, C>& store(Database<K, V, C>& database) {
    return *database.store_;
  }
  template <class K, class V, class C>
  static Session<K, V, C>& session(Handle<K, V, C>& handle) {
    return *handle.session_;
  }
};

// Opens a database on a file system of a test's.
struct BuilderAccess {
  template <class K, class V, class C>
  static void use(DatabaseBuilder<K, V, C>& builder, std::shared_ptr<FileSystem> files) {
    builder.files_ = std::move(files);
  }
};

// Handle::insert without the coroutine, for measuring what the coroutine costs. Blocks its thread where that one would
// suspend.
template <class K, class V, class C>
void plain_insert(Handle<K, V, C>& handle, K key, V value) {
  auto& store = TransactionAccess::session(handle).store();
  SingleWrite<K, V, C> write(store, std::move(key));
  write.set_value(std::move(value));
  while (!write.put(true)) std::this_thread::yield();
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail
