// Small parts that stand alone: errors, formatting of keys, weights, look-up keys, and the decisions about retries.
#include <fluxmap/detail/front/lookup_key.hpp>
#include <fluxmap/detail/front/retry_fsm.hpp>
#include <fluxmap/detail/platform/format_key.hpp>
#include <fluxmap/error.hpp>
#include <fluxmap/memory_size.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using fluxmap::errc;
using fluxmap::MemorySize;
using fluxmap::RetryPolicy;
using fluxmap::detail::format_key;
using fluxmap::detail::lookup_key;
using fluxmap::detail::owned_key;
using fluxmap::detail::RetryFsm;

constexpr std::array k_all_errors{errc::serialization_conflict,
                                  errc::transaction_inactive,
                                  errc::read_only,
                                  errc::memory_limit,
                                  errc::log_failed,
                                  errc::log_corrupt,
                                  errc::already_open,
                                  errc::decode_failed,
                                  errc::invalid_option,
                                  errc::closed,
                                  errc::user_exception};

struct Streamed {
  int number;
  friend std::ostream& operator<<(std::ostream& out, const Streamed& s) { return out << "#" << s.number; }
};
struct Refusing {
  friend std::ostream& operator<<(std::ostream&, const Refusing&) { throw std::runtime_error("no"); }
};
struct Opaque {};

}  // namespace

TEST_CASE("every_error_has_a_message_of_its_own") {
  std::set<std::string> messages;
  for (const errc code : k_all_errors) {
    const boost::system::error_code error = code;
    CHECK(error.category() == fluxmap::error_category());
    CHECK(error == code);
    CHECK(error.failed());
    CHECK_FALSE(error.message().empty());
    messages.insert(error.message());
  }
  CHECK(messages.size() == k_all_errors.size());
  CHECK(messages.count(fluxmap::error_category().message(12345)) == 0);
  CHECK(std::string(fluxmap::error_category().name()) == "fluxmap");
}

TEST_CASE("the_numbers_of_the_errors_never_change") {
  for (std::size_t i = 0; i < k_all_errors.size(); ++i) CHECK(static_cast<std::size_t>(k_all_errors[i]) == i + 1);
}

TEST_CASE("only_a_conflict_is_retryable") {
  for (const errc code : k_all_errors) CHECK(fluxmap::is_retryable(code) == (code == errc::serialization_conflict));
  CHECK_FALSE(fluxmap::is_retryable({}));
  CHECK_FALSE(fluxmap::is_retryable({1, boost::system::system_category()}));
  CHECK(fluxmap::is_retryable(fluxmap::ConflictError("k").code()));
  CHECK(fluxmap::ConflictError("k").key() == "k");
  CHECK(fluxmap::ConflictError("").key().empty());
}

TEST_CASE("keys_are_formatted_where_they_can_be") {
  CHECK(format_key(-5) == "-5");
  CHECK(format_key(std::uint64_t{1} << 63) == "9223372036854775808");
  CHECK(format_key('x') == "x");
  CHECK(format_key(std::string("a b")) == "\"a b\"");
  CHECK(format_key(std::string_view("view")) == "\"view\"");
  CHECK(format_key(std::string()) == "\"\"");
  CHECK(format_key(Streamed{7}) == "#7");
  CHECK(format_key(1.5) == "1.5");
  CHECK(format_key(Opaque{}).empty());
  CHECK(format_key(Refusing{}).empty());
}

TEST_CASE("memory_size_counts_what_a_value_owns") {
  CHECK(MemorySize<int>::of(1) == sizeof(int));
  CHECK(MemorySize<std::string>::of("short") == sizeof(std::string));
  const std::string text(1000, 'x');
  using fluxmap::detail::heap_bytes;
  const std::size_t owned = heap_bytes(text.capacity() + 1);
  CHECK(MemorySize<std::string>::of(text) == sizeof(std::string) + owned);
  using Pair = std::pair<int, std::string>;
  CHECK(MemorySize<Pair>::of({1, text}) == sizeof(Pair) + owned);
  using Tuple = std::tuple<char, std::string, std::string>;
  CHECK(MemorySize<Tuple>::of(Tuple('x', text, text)) == sizeof(Tuple) + 2 * owned);
  CHECK(MemorySize<std::tuple<>>::of({}) == sizeof(std::tuple<>));
  using Maybe = std::optional<std::string>;
  CHECK(MemorySize<Maybe>::of(std::nullopt) == sizeof(Maybe));
  CHECK(MemorySize<Maybe>::of(text) == sizeof(Maybe) + owned);
  CHECK(MemorySize<std::array<std::string, 2>>::of({text, text}) == 2 * (sizeof(std::string) + owned));
  std::vector<int> numbers(10);
  numbers.reserve(100);
  CHECK(MemorySize<std::vector<int>>::of(numbers) == sizeof(numbers) + heap_bytes(numbers.capacity() * sizeof(int)));
  std::vector<std::string> texts(3, text);
  texts.reserve(8);
  CHECK(MemorySize<std::vector<std::string>>::of(texts) ==
        sizeof(texts) + heap_bytes(texts.capacity() * sizeof(std::string)) + 3 * owned);
  const std::map<int, std::string> map{{1, text}, {2, text}};
  CHECK(MemorySize<std::map<int, std::string>>::of(map) >= sizeof(map) + 2 * owned);
  CHECK(MemorySize<std::vector<std::vector<std::string>>>::of({{text}, {text}}) > 2 * owned);
  struct Account {
    std::string owner;
    std::int64_t cents = 0;
    std::vector<int> history;
  };
  CHECK(MemorySize<Account>::of({text, 1, numbers}) ==
        sizeof(Account) + owned + heap_bytes(std::vector<int>(numbers).capacity() * sizeof(int)));
  CHECK(MemorySize<std::vector<bool>>::of(std::vector<bool>(64)) >= sizeof(std::vector<bool>));
}

TEST_CASE("a_look_up_key_is_passed_on_where_the_comparator_takes_it") {
  const std::string key = "key";
  const std::string_view view = key;
  CHECK(&*lookup_key<std::string>(std::less<>(), key) == &key);
  CHECK(&*lookup_key<std::string>(std::less<std::string>(), key) == &key);
  CHECK(&*lookup_key<std::string>(std::less<>(), view) == &view);
  static_assert(
      std::same_as<decltype(lookup_key<std::string>(std::less<std::string>(), "text")), std::optional<std::string>>);
  CHECK(lookup_key<std::string>(std::less<std::string>(), "text") == "text");
}

TEST_CASE("an_integer_is_looked_up_as_the_key_type") {
  static_assert(std::same_as<decltype(lookup_key<std::int64_t>(std::less<>(), 1U)), std::optional<std::int64_t>>);
  CHECK(lookup_key<std::int64_t>(std::less<>(), 7U) == 7);
  CHECK(lookup_key<std::int64_t>(std::less<>(), -1) == -1);
  CHECK(lookup_key<std::int64_t>(std::less<>(), ~std::uint64_t{0}) == std::nullopt);
  CHECK(owned_key<std::int64_t>(std::less<>(), -1) == -1);
  CHECK(owned_key<std::uint64_t>(std::less<>(), -1) == std::nullopt);
  CHECK(owned_key<std::string>(std::less<>(), "text") == "text");
  CHECK(owned_key<std::string>(std::less<>(), std::string_view("text")) == "text");
}

TEST_CASE("retries_end_after_the_attempts_allowed") {
  for (const unsigned attempts : {1U, 2U, 7U}) {
    RetryFsm retry({.attempts = attempts}, 1);
    for (unsigned failed = 1; failed < attempts; ++failed) CHECK(retry.on_conflict(1).again);
    CHECK_FALSE(retry.on_conflict(1).again);
    CHECK(retry.failures() == attempts);
  }
}

TEST_CASE("the_first_retry_is_immediate_and_later_pauses_grow_up_to_the_cap") {
  const RetryPolicy policy{.attempts = 1000, .backoff = 100us, .backoff_cap = 5ms, .reserve_after = 0};
  std::chrono::nanoseconds longest{0};
  std::set<std::chrono::nanoseconds> first_pauses;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RetryFsm retry(policy, seed * 0x9e3779b97f4a7c15ULL);
    CHECK(retry.on_conflict(1).pause == 0ns);
    for (unsigned failures = 2; failures < 40; ++failures) {
      const RetryFsm::Action action = retry.on_conflict(1);
      const auto bound = failures < 12 ? 100us * (1 << (failures - 1)) : 5000us;
      CHECK(action.pause >= 0ns);
      CHECK(action.pause <= std::min<std::chrono::nanoseconds>(bound, 5ms));
      longest = std::max(longest, action.pause);
      if (failures == 2) first_pauses.insert(action.pause);
      CHECK_FALSE(action.announce);
    }
  }
  CHECK(longest > 4ms);
  CHECK(first_pauses.size() > 100);  // jitter: concurrent transactions do not wait in step
}

TEST_CASE("a_transaction_announces_its_reads_after_the_failures_chosen") {
  RetryFsm retry({.reserve_after = 3}, 1);
  CHECK_FALSE(retry.on_conflict(1).announce);
  CHECK_FALSE(retry.on_conflict(1).announce);
  for (int i = 0; i < 5; ++i) CHECK(retry.on_conflict(1).announce);
}

TEST_CASE("sixteen_keys_read_in_vain_are_as_good_as_a_failure") {
  RetryFsm long_one({.reserve_after = 3}, 1);
  CHECK(long_one.on_conflict(48).announce);
  RetryFsm middling({.reserve_after = 3}, 1);
  CHECK_FALSE(middling.on_conflict(24).announce);
  CHECK(middling.on_conflict(24).announce);
  RetryFsm never({.reserve_after = 0}, 1);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(never.on_conflict(1000).announce);
}

TEST_CASE("odd_backoffs_are_harmless") {
  for (const RetryPolicy& policy :
       {RetryPolicy{.attempts = 200, .backoff = 0us, .backoff_cap = 1ms, .reserve_after = 0},
        RetryPolicy{.attempts = 200, .backoff = 1ms, .backoff_cap = 0us, .reserve_after = 0},
        RetryPolicy{.attempts = 200, .backoff = 24h, .backoff_cap = 24h, .reserve_after = 0},
        RetryPolicy{
            .attempts = 200, .backoff = 1us, .backoff_cap = std::chrono::microseconds::max(), .reserve_after = 0},
        RetryPolicy{.attempts = 200, .backoff = -1ms, .backoff_cap = 1ms, .reserve_after = 0}}) {
    RetryFsm retry(policy, 3);
    for (int i = 0; i < 150; ++i) {
      const RetryFsm::Action action = retry.on_conflict(1);
      CHECK(action.again);
      CHECK(action.pause >= 0ns);
      CHECK(std::chrono::floor<std::chrono::microseconds>(action.pause) <= policy.backoff_cap);
    }
  }
}
