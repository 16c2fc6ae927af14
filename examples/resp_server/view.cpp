#include "view.hpp"

#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace resp {
namespace {

// Up to so many keys are removed by the one who asks for it. Above, their space is given up.
constexpr std::size_t k_few = 256;

// Calls visit(stored key, entry) for all of a stretch, until it returns false.
template <class Visit>
bool walk_over(Transaction& transaction, const Stretch& stretch, Visit visit) {
  // A range needs an end, and strings have none that is the last: the keys behind `edge` are those that begin with it.
  static const std::string edge(64, '\xff');
  const auto each = [&](auto stream) {
    while (const auto item = stream.next()) {
      const auto& [key, entry] = *item;
      if (key >= stretch.first && !visit(std::string_view(key), entry)) return false;
    }
    return true;
  };
  if (!stretch.end.empty()) return each(transaction.range_stream(stretch.first, stretch.end));
  if (stretch.first < edge && !each(transaction.range_stream(stretch.first, edge))) return false;
  return each(transaction.prefix_scan_stream(edge));
}

}  // namespace

std::chrono::milliseconds kept_for(std::int64_t deadline, std::int64_t now) noexcept {
  constexpr std::int64_t slack = 100;
  constexpr std::int64_t longest = std::int64_t{100} * 365 * 24 * 3600 * 1000;  // what nobody waits for
  return std::chrono::milliseconds(std::min(deadline - now, longest) + slack);
}

const Spaces& View::spaces() {
  if (!has_spaces_) {
    const Entry* const record = transaction_->get(k_spaces_record);
    shared_.spaces.learn(*record);
    spaces_ = decode_spaces(record->data);
    has_spaces_ = true;
  }
  return spaces_;
}

const Entry* View::get(std::string_view key) {
  const Entry* const entry = transaction_->get(stored(key));
  const bool found = entry != nullptr && (entry->deadline == 0 || is_live(*entry, now()));
  if (use_ == Use::reads) shared_.counters.count_lookup(found);
  return found ? entry : nullptr;
}

void View::put(std::string_view key, std::string data, std::int64_t deadline, Form form) {
  if (deadline != 0 && deadline <= now()) {
    remove(key);
    return;
  }
  shared_.watches.touch(database_, key, self_);
  Entry entry{std::move(data), deadline, stamp_of(shared_.next_stamp(), form)};
  std::string name(stored(key));
  if (deadline == 0) {
    transaction_->insert(std::move(name), std::move(entry));
  } else {
    transaction_->insert(std::move(name), std::move(entry), fluxmap::ExpiresAfter{kept_for(deadline, now())});
  }
}

bool View::remove(std::string_view key) {
  if (get(key) == nullptr) return false;  // one past its deadline is left to the database
  shared_.watches.touch(database_, key, self_);
  return transaction_->remove(stored(key));
}

void View::walk(std::string_view first, const Visit& visit) { walk_space(spaces()[database_], first, visit); }

void View::walk_space(Space space, std::string_view first, const Visit& visit) {
  for (const Stretch& stretch : stretches(space, first)) {
    const bool go_on = walk_over(*transaction_, stretch, [&](std::string_view name, const Entry& entry) {
      return !is_live(entry, now()) || visit(name.substr(stretch.skipped), entry);
    });
    if (!go_on) return;
  }
}

bool View::empty() {
  bool nothing = true;
  walk({}, [&](std::string_view, const Entry&) { return nothing = false; });
  return nothing;
}

std::size_t View::count(Space space, std::size_t most) {
  std::size_t seen = 0;
  walk_space(space, {}, [&](std::string_view, const Entry&) { return ++seen < most; });
  return seen;
}

std::vector<Space> View::given_up_spaces() {
  std::vector<Space> given_up;
  auto stream = transaction_->prefix_scan_stream(k_given_up_prefix);
  while (const auto record = stream.next()) given_up.push_back(given_up_space(record->first));
  return given_up;
}

// Everything that is not in this database; nothing: there is more than that in one of the others.
std::optional<std::size_t> View::count_others(std::size_t most_each) {
  std::vector<Space> others = given_up_spaces();
  std::size_t sum = others.size() + 1;  // the records
  for (unsigned i = 0; i < k_databases; ++i) {
    if (i != database_) others.push_back(spaces()[i]);
  }
  for (const Space space : others) {
    const std::size_t keys = count(space, most_each);
    if (keys == most_each) return std::nullopt;
    sum += keys;
  }
  return sum;
}

std::size_t View::size() {
  constexpr std::size_t first_look = 1024, everything = static_cast<std::size_t>(-1);
  const Space space = spaces()[database_];
  if (use_ == Use::writes) return count(space, everything);
  for (std::size_t most = first_look;; most *= 4) {
    const std::size_t keys = count(space, most);
    if (keys < most) return keys;
    if (const auto others = count_others(most)) return std::max(shared_.database->size(), *others + most) - *others;
  }
}

void View::clear() {
  if (shared_.database->size() > k_few) {  // whatever it is exactly: either way is right
    if (empty()) return;
    transaction_->insert(given_up_record(spaces()[database_]), Entry{});
    spaces_[database_] = unused_space();
    write_spaces();
    return;
  }
  std::vector<std::string> all;
  walk({}, [&](std::string_view key, const Entry&) {
    all.emplace_back(key);
    return true;
  });
  for (const std::string& key : all) remove(key);
}

Space View::unused_space() {
  for (Space space = 0;; ++space) {
    if (std::find(spaces_.begin(), spaces_.end(), space) != spaces_.end()) continue;
    if (transaction_->get(given_up_record(space)) == nullptr) return space;
  }
}

void View::swap(unsigned a, unsigned b) {
  spaces();
  const unsigned asked = database_;
  for (const unsigned one : {a, b}) {  // a key that is neither here nor there is as absent as it was
    for (const std::string& key : shared_.watches.keys_of(one)) {
      bool there = false;
      for (const unsigned place : {a, b}) {
        database_ = place;
        there = there || get(key) != nullptr;
      }
      if (there) shared_.watches.touch(one, key, self_);
    }
  }
  database_ = asked;
  std::swap(spaces_[a], spaces_[b]);
  write_spaces();
}

void View::write_spaces() {
  new_spaces_ = Entry{encode_spaces(spaces_), 0, shared_.next_stamp()};
  transaction_->insert(k_spaces_record, *new_spaces_);
}

}  // namespace resp
