#include "view.hpp"

#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace resp {

std::chrono::milliseconds kept_for(std::int64_t deadline, std::int64_t now) noexcept {
  constexpr std::int64_t slack = 100;
  constexpr std::int64_t longest = std::int64_t{100} * 365 * 24 * 3600 * 1000;  // what nobody waits for
  return std::chrono::milliseconds(std::min(deadline - now, longest) + slack);
}

const Entry* View::get(std::string_view key) {
  const Entry* const entry = transaction_->get(key);
  return entry != nullptr && (entry->deadline == 0 || is_live(*entry, now())) ? entry : nullptr;
}

void View::put(std::string_view key, std::string data, std::int64_t deadline) {
  if (deadline != 0 && deadline <= now()) {
    remove(key);
    return;
  }
  shared_.watches.touch(key, self_);
  Entry entry{std::move(data), deadline, shared_.next_stamp()};
  if (deadline == 0) {
    transaction_->insert(std::string(key), std::move(entry));
  } else {
    transaction_->insert(std::string(key), std::move(entry), fluxmap::ExpiresAfter{kept_for(deadline, now())});
  }
}

bool View::remove(std::string_view key) {
  if (get(key) == nullptr) return false;  // one past its deadline is left to the database
  shared_.watches.touch(key, self_);
  return transaction_->remove(key);
}

void View::walk(std::string_view first, const Visit& visit) {
  // A range needs an end, and strings have none that is the last: the keys behind `edge` are those that begin with it.
  static const std::string edge(64, '\xff');
  const auto walk_over = [&](auto stream) {
    while (const auto item = stream.next()) {
      const auto& [key, entry] = *item;
      if (key < first || !is_live(entry, now())) continue;
      if (!visit(key, entry)) return false;
    }
    return true;
  };
  if (first < edge && !walk_over(transaction_->range_stream(first, edge))) return;
  walk_over(transaction_->prefix_scan_stream(edge));
}

std::size_t View::size() {
  if (use_ == Use::reads) return shared_.database->size();
  std::size_t count = 0;
  walk({}, [&](std::string_view, const Entry&) {
    ++count;
    return true;
  });
  return count;
}

}  // namespace resp
