// The database as commands see it: the live entries of one of the 16, at one moment, inside one transaction.
//
// Commands are compiled against this and not against fluxmap, whose templates are instantiated once, in view.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "entry.hpp"
#include "shared.hpp"
#include "spaces.hpp"

namespace resp {

class View {
 public:
  enum class Use { reads, writes };
  // Without a transaction: for commands that use no key. `self`: whose EXEC it is, if it is one.
  View(Shared& shared, Transaction* transaction, Use use, unsigned database, const Watcher* self = nullptr) noexcept
      : shared_(shared), transaction_(transaction), use_(use), self_(self), database_(database) {}

  // The same for all commands of a transaction.
  std::int64_t now() {
    if (now_ == 0) now_ = milliseconds_now();
    return now_;
  }

  unsigned database() const noexcept { return database_; }
  void select(unsigned database) noexcept { database_ = database; }  // less than k_databases

  // nullptr: none. Good until this key is written again, or the transaction ends.
  const Entry* get(std::string_view key);
  // Inserts or overwrites. A deadline that has passed removes.
  void put(std::string_view key, std::string data, std::int64_t deadline = 0, Form form = Form::by_content);
  bool remove(std::string_view key);

  // Calls visit(key, entry) for the live entries from `first` on, in order, until it returns false.
  using Visit = std::function<bool(std::string_view, const Entry&)>;
  void walk(std::string_view first, const Visit& visit);

  bool empty();
  // Where nothing can have been written, in time of the second largest database at most: the largest has what fluxmap
  // has counted and the others have not, which includes keys past their deadline that it has not come to yet. Else a
  // walk.
  std::size_t size();
  std::size_t unswept() { return given_up_spaces().size(); }  // not yet empty

  void clear();                       // removes everything in the database
  void swap(unsigned a, unsigned b);  // the contents of two databases
  // The record of the spaces, where it was written: to be learned when the transaction has committed.
  const std::optional<Entry>& new_spaces() const noexcept { return new_spaces_; }

 private:
  const Spaces& spaces();
  std::string_view stored(std::string_view key) { return stored_key(spaces()[database_], key, scratch_); }
  void walk_space(Space space, std::string_view first, const Visit& visit);
  std::size_t count(Space space, std::size_t most);
  std::optional<std::size_t> count_others(std::size_t most_each);
  std::vector<Space> given_up_spaces();
  Space unused_space();
  void write_spaces();

  Shared& shared_;
  Transaction* const transaction_;
  const Use use_;
  const Watcher* const self_;
  unsigned database_;
  std::int64_t now_ = 0;
  bool has_spaces_ = false;
  Spaces spaces_{};
  std::optional<Entry> new_spaces_;
  std::string scratch_;
};

// The time to live of a deadline that lies ahead, as the database is to have it. A little longer than it really is: the
// entry counts as absent in time by itself, and what the database counts from may be some moments ago.
std::chrono::milliseconds kept_for(std::int64_t deadline, std::int64_t now) noexcept;

}  // namespace resp
