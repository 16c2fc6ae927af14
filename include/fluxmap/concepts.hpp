// What the functions and keys that are handed to fluxmap must be, by name: declarations use these names.
#pragma once

#include <fluxmap/detail/front/lookup_key.hpp>
#include <fluxmap/fwd.hpp>

#include <concepts>
#include <functional>
#include <iterator>
#include <type_traits>

namespace fluxmap::inline FLUXMAP_ABI {

namespace detail {
namespace walk {

using std::begin;
using std::end;

// What a range-based for loop takes.
template <class Range>
concept Walkable = requires(const Range& range) {
  begin(range) != end(range);
  *begin(range);
};

}  // namespace walk
}  // namespace detail

// What Handle::transaction runs: called with a `Transaction<Key, Value, Compare>&`. It is a plain function, or a
// coroutine that returns `asio::awaitable<T>`. A copy of it is called, more than once where there are conflicts.
template <class F, class Key, class Value, class Compare = std::less<>>
concept TransactionClosure = std::is_invocable_v<std::decay_t<F>&, Transaction<Key, Value, Compare>&>;

// What Handle::update runs: called with `const Value*`, the old value or nullptr, it returns the new one. A copy of it
// is called, more than once where there are conflicts. It must not suspend.
template <class F, class Value>
concept Updater = std::is_invocable_r_v<Value, std::decay_t<F>&, const Value*>;

// What looks at something in its place: called with a `const T&` that is good until it returns. It must not suspend.
template <class F, class T>
concept Visitor = std::is_invocable_v<F, const T&>;

// A key to be written: it converts to Key. A number that Key cannot hold is not cut, but refused when it is written.
template <class K, class Key>
concept InsertableKey = std::convertible_to<K, Key>;

// A key from which a Key can be made without a number that is cut on the way: what names the ends of a range, or the
// key to be removed. The calls that take one say in a static_assert what is wrong with another.
template <class K, class Key>
concept ExactKey = detail::way_to<Key, K>() != detail::Way::none;

// A key to look for: compared as it is where the comparator is transparent and does so as mathematics does; otherwise
// an ExactKey. The calls that take one say in a static_assert what is wrong with another.
template <class K, class Key, class Compare = std::less<>>
concept LookupKey = detail::can_be_looked_up<Key, Compare, K>();

// Keys to look for: what a range-based for loop takes. Each is a LookupKey.
template <class Keys>
concept KeyRange = detail::walk::Walkable<Keys>;

}  // namespace fluxmap::inline FLUXMAP_ABI
