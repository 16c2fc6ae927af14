// fluxmap with default options. The plain calls are here; what is awaited stands in coroutine_work.hpp.
#pragma once

#include "workload.hpp"

#include <fluxmap/detail/front/access.hpp>
#include <fluxmap/fluxmap.hpp>

#include <optional>
#include <utility>

namespace fluxmap_bench {

class FluxMap {
 public:
  using Database = fluxmap::Database<Key, Value>;
  using Handle = decltype(std::declval<Database&>().handle());

  class Session {
   public:
    explicit Session(Handle handle) : handle_(std::move(handle)) {}

    std::optional<Value> get(Key key) const { return handle_.get(key); }
    void insert(Key key, Value value) { fluxmap::detail::plain_insert(handle_, key, value); }
    void overwrite(Key key, Value value) { insert(key, value); }
    Entries scan(Key first, Key last) const { return handle_.range(first, last); }

   private:
    Handle handle_;
  };

  Session session() { return Session(database_.handle()); }
  Handle handle() { return database_.handle(); }

 private:
  Database database_;
};

}  // namespace fluxmap_bench
