// The database as commands see it: live entries only, at one moment, inside one transaction.
//
// Commands are compiled against this and not against fluxmap, whose templates are instantiated once, in view.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "entry.hpp"
#include "shared.hpp"

namespace resp {

class View {
 public:
  enum class Use { reads, writes };
  // Without a transaction: for commands that use no key. `self`: whose EXEC it is, if it is one.
  View(Shared& shared, Transaction* transaction, Use use, const Watcher* self = nullptr) noexcept
      : shared_(shared), transaction_(transaction), use_(use), self_(self) {}

  // The same for all commands of a transaction.
  std::int64_t now() {
    if (now_ == 0) now_ = milliseconds_now();
    return now_;
  }

  // nullptr: none. Good until this key is written again, or the transaction ends.
  const Entry* get(std::string_view key);
  // Inserts or overwrites. A deadline that has passed removes.
  void put(std::string_view key, std::string data, std::int64_t deadline = 0);
  bool remove(std::string_view key);

  // Calls visit(key, entry) for the live entries from `first` on, in order, until it returns false.
  using Visit = std::function<bool(std::string_view, const Entry&)>;
  void walk(std::string_view first, const Visit& visit);

  // Where nothing can have been written, what the database has counted, which includes keys past their deadline that it
  // has not come to yet; else a walk.
  std::size_t size();

 private:
  Shared& shared_;
  Transaction* const transaction_;
  const Use use_;
  const Watcher* const self_;
  std::int64_t now_ = 0;
};

// The time to live of a deadline that lies ahead, as the database is to have it. A little longer than it really is: the
// entry counts as absent in time by itself, and what the database counts from may be some moments ago.
std::chrono::milliseconds kept_for(std::int64_t deadline, std::int64_t now) noexcept;

}  // namespace resp
