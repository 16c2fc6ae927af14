// DatabaseBuilder: all the options of a database.
#pragma once

#include <fluxmap/database.hpp>
#include <fluxmap/options.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI {

// Collects options and makes databases. Setters return the builder; options are checked by build(), which throws
// errc::invalid_option with the option's name. Not thread-safe; may be used more than once.
template <class Key, class Value, class Compare>
class DatabaseBuilder {
 public:
  using DatabaseType = Database<Key, Value, Compare>;

  // No log: what is in memory is all there is. The default.
  DatabaseBuilder& in_memory() { return *this; }

  // Vacuums by itself, on a thread of its own, every interval.
  DatabaseBuilder& auto_vacuum(VacuumOptions options) {
    auto_vacuum_ = options;
    return *this;
  }

  // The probability that a tower of the index reaches one level further, in (0, 1). Smaller takes less memory.
  DatabaseBuilder& skiplist_p(double p) {
    skiplist_p_ = p;
    return *this;
  }

  // The comparator, where it is more than its type.
  DatabaseBuilder& comparator(Compare compare) {
    compare_.emplace(std::move(compare));
    return *this;
  }

  std::shared_ptr<DatabaseType> build() const {
    if (!(skiplist_p_ > 0.0 && skiplist_p_ < 1.0)) {
      detail::throw_error(errc::invalid_option, "fluxmap: skiplist_p must lie in (0, 1)");
    }
    if (auto_vacuum_ && auto_vacuum_->interval <= std::chrono::milliseconds::zero()) {
      detail::throw_error(errc::invalid_option, "fluxmap: auto_vacuum's interval must be positive");
    }
    return std::shared_ptr<DatabaseType>(new DatabaseType(comparator_or_default(), skiplist_p_, auto_vacuum_));
  }

  // The same, without blocking the caller's thread where there is something to wait for.
  asio::awaitable<std::shared_ptr<DatabaseType>> async_build() const { return build_op(*this); }
  template <boost::asio::completion_token_for<void(boost::system::error_code, std::shared_ptr<DatabaseType>)> Token>
  auto async_build(Token&& token) const {
    return detail::initiate_with_code<std::shared_ptr<DatabaseType>>(std::forward<Token>(token),
                                                                     [self = *this] { return build_op(self); });
  }

 private:
  Compare comparator_or_default() const {
    if (compare_) return *compare_;
    if constexpr (std::default_initializable<Compare>) {
      return Compare();
    } else {
      detail::throw_error(errc::invalid_option, "fluxmap: this comparator has no default; give one to comparator()");
    }
  }

  static asio::awaitable<std::shared_ptr<DatabaseType>> build_op(DatabaseBuilder self) { co_return self.build(); }

  std::optional<Compare> compare_;
  double skiplist_p_ = DatabaseType::k_default_p;
  std::optional<VacuumOptions> auto_vacuum_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI
