// A store whose values have no protection but the protocol's, and what is done to it.
#pragma once

#include "relacy/own_slots.hpp"

#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/write_set.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <utility>

namespace fluxmap_test::relacy {

namespace engine = fluxmap::detail;
using engine::Cts;
using Value = Plain<int>;
using Store = engine::Store<int, Value, std::less<>>;
using Version = engine::Version<Value>;

// Autocommit writes; the timestamp.
inline Cts put(Store& store, int key, int value) {
  engine::SingleWrite<int, Value, std::less<>> write(store, std::move(key));
  write.set_value(Value(value));
  while (!write.put(false)) {
  }
  return write.needed();
}
inline Cts remove(Store& store, int key) {
  engine::SingleWrite<int, Value, std::less<>> write(store, std::move(key));
  const auto bury = [](const Value*) {
    return engine::PrivateVersion<Value>(Version::make(engine::Stamp::k_tombstone));
  };
  while (!write.update(bury, false)) {
  }
  return write.needed();
}

// With these keys, each written once with the value 1.
inline std::unique_ptr<Store> make_store(std::initializer_list<int> keys = {}) {
  auto store = std::make_unique<Store>(std::less<>(), 0.25, 16);
  own_slots(store->epochs);
  for (const int key : keys) put(*store, key, 1);
  return store;
}

// What a read found; all 0: nothing.
struct Seen {
  int value = 0;
  Cts cts = 0;
};
inline Seen seen(const engine::Found<Value>& found) {
  if (!found.is_value()) return {0, found.cts};
  return {found.version->value.get(), found.cts};
}
inline Seen get(Store& store, int key) {
  const engine::EpochGuard guard(store.epochs);
  auto* const entry = store.index.find(key);
  if (entry == nullptr) return {};
  return seen(engine::newest_published(*entry, [&] { return store.published(); }));
}
// At a snapshot; inside the caller's guard.
inline Seen get_at(Store& store, int key, Cts snapshot) {
  auto* const entry = store.index.find(key);
  return entry != nullptr ? seen(engine::visible_at(*entry, snapshot)) : Seen{};
}

}  // namespace fluxmap_test::relacy
