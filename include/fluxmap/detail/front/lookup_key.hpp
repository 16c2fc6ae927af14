// The keys that searches, ranges and writes are made with. · layer: front
#pragma once

#include <fluxmap/detail/front/held_key.hpp>
#include <fluxmap/detail/index/key_order.hpp>
#include <fluxmap/detail/txn/read_set.hpp>
#include <fluxmap/error.hpp>

#include <concepts>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Compare>
concept Transparent = requires { typename Compare::is_transparent; };

// Whether the comparator takes a look-up key as it is, and compares it as mathematics does.
template <class Key, class Compare, class K>
consteval bool is_taken_as_it_is() {
  if constexpr (std::same_as<K, Key>) {
    return true;
  } else if constexpr (!Transparent<Compare>) {
    return false;
  } else if constexpr (mixes_numbers<Key, K>()) {
    return false;
  } else if constexpr (k_direction<Compare, Key> == Direction::own) {
    return true;
  } else if constexpr (!std::is_void_v<text_char_t<Key>>) {
    // Not what compares with text in another order, as a path does.
    return std::convertible_to<const K&, std::basic_string_view<text_char_t<Key>>>;
  } else {
    return requires(const Compare& compare, const Key& key, const K& other) {
      compare(key, other);
      compare(other, key);
    };
  }
}

// Whether there is a look-up by such a key.
template <class Key, class Compare, class K>
consteval bool can_be_looked_up() {
  if constexpr (is_taken_as_it_is<Key, Compare, K>()) {
    return requires(const Compare& compare, const Key& key, const K& other) {
      compare(key, other);
      compare(other, key);
    };
  } else {
    return way_to<Key, K>() != Way::none;
  }
}

// A look-up key as it is; or nothing, where it cannot be a key's equal.
template <class K>
class KeyAsItIs {
 public:
  KeyAsItIs(const K& key, bool is_there) noexcept : key_(std::addressof(key)), is_there_(is_there) {}
  explicit operator bool() const noexcept { return !may_differ_from_itself<K>() || is_there_; }
  const K& operator*() const noexcept { return *key_; }

 private:
  const K* key_;
  bool is_there_;
};

// A look-up key as the index should be searched with: itself where the comparator takes it as it is, else one Key made
// from it, once, instead of one for every comparison. Nothing where no key can be equal to it.
template <class Key, class Compare, class K>
auto lookup_key([[maybe_unused]] const Compare& compare, const K& key) {
  if constexpr (is_taken_as_it_is<Key, Compare, K>()) {
    return KeyAsItIs<K>(key, has_place<Key>(compare, key));
  } else {
    Placed<Key> placed = place_key<Key>(key);
    const bool is_there = placed.fit == Fit::exact && has_place<Key>(compare, placed.value);
    return is_there ? std::optional<Key>(std::move(placed.value)) : std::nullopt;
  }
}

// A Key of its own, for a removal: a Key where there always is one, else an optional one.
template <class Key, class Compare, class K>
auto owned_key(const Compare& compare, const K& key) {
  if constexpr (std::same_as<K, Key> && !may_differ_from_itself<Key>()) {
    return Key(key);
  } else if constexpr (std::same_as<K, Key>) {
    return has_place<Key>(compare, key) ? std::optional<Key>(key) : std::nullopt;
  } else if constexpr (way_to<Key, K>() == Way::constructor && !may_differ_from_itself<Key>()) {
    return Key(key);
  } else {
    Placed<Key> placed = place_key<Key>(key);
    const bool is_there = placed.fit == Fit::exact && has_place<Key>(compare, placed.value);
    return is_there ? std::optional<Key>(std::move(placed.value)) : std::nullopt;
  }
}

// A key that is to be written, which was given as a K that converts to it: a Key where none can be cut on the way, else
// an optional one.
template <class Key, class K>
auto given_key(K&& key) {
  using Plain = std::remove_cvref_t<K>;
  if constexpr (std::same_as<Plain, Key>) {
    return Key(std::forward<K>(key));
  } else if constexpr (mixes_numbers<Key, Plain>() || way_to<Key, Plain>() == Way::given) {
    Placed<Key> placed = place_key<Key>(key);
    const bool held = placed.fit == Fit::exact || !is_equal_to_itself(placed.value);  // that is told by check_place
    return held ? std::optional<Key>(std::move(placed.value)) : std::nullopt;
  } else {
    const auto convert = [&]() -> Key { return std::forward<K>(key); };
    return convert();
  }
}

// What given_key has made. Throws errc::invalid_key where it is no Key.
template <class Key, class Given>
Key&& held(Given& given) {
  if constexpr (std::same_as<Given, Key>) {
    return std::move(given);
  } else {
    if (!given) throw_error(errc::invalid_key, "fluxmap: Key cannot hold the key that is to be written");
    return std::move(*given);
  }
}

// Where a range begins or ends.
template <class Key>
struct Bound {
  std::optional<Key> key;
  bool behind = false;    // right behind the key, in the order of the database; else right before it
  bool nowhere = false;   // it is in no order with the keys
  bool at_front = false;  // before all keys, where there is no key; else behind them
};

template <class Key, class Compare, class K>
Bound<Key> bound_key(const Compare& compare, const K& bound) {
  if constexpr (std::same_as<K, Key>) {
    return {Key(bound), false, !has_place<Key>(compare, bound), false};
  } else {
    constexpr Direction k_order = k_direction<Compare, Key>;
    Placed<Key> placed = place_key<Key>(bound);
    const bool nowhere = placed.fit == Fit::exact && !has_place<Key>(compare, placed.value);
    switch (placed.fit) {
      case Fit::exact:
        return {std::move(placed.value), false, nowhere, false};
      case Fit::below:
        if (k_order == Direction::own) break;
        return {std::move(placed.value), k_order == Direction::descending, false, false};
      case Fit::past:
        if (k_order == Direction::own) break;
        return {std::nullopt, false, false, k_order == Direction::descending};
      case Fit::unordered:
        return {std::nullopt, false, true, false};
      case Fit::unknown:
        break;
    }
    throw_error(errc::invalid_key, "fluxmap: a bound that Key cannot hold has no known place in this order");
  }
}

// The keys in [first, last).
template <class Key, class Value, class Compare, class F, class L>
RangeRead<Key, Value> range_between(const Compare& compare, const F& first, const L& last) {
  Bound<Key> from = bound_key<Key>(compare, first);
  Bound<Key> to = bound_key<Key>(compare, last);
  RangeRead<Key, Value> range;
  range.kind = from.nowhere || to.nowhere || (!from.key && !from.at_front) || (!to.key && to.at_front) ? RangeKind::none
               : !to.key                                                                               ? RangeKind::from
               : to.behind ? RangeKind::through
                           : RangeKind::half_open;
  range.first = std::move(from.key);
  range.last = std::move(to.key);
  range.after = from.behind;
  return range;
}

// The least text that is greater than all that begin with `prefix`: false where there is none.
template <class Text>
bool raise_prefix(Text& prefix) {
  using Char = text_char_t<Text>;
  using Number = std::conditional_t<std::same_as<Char, char>, unsigned char, Char>;  // as char_traits orders them
  while (!prefix.empty() && static_cast<Number>(prefix.back()) == std::numeric_limits<Number>::max()) {
    prefix.pop_back();
  }
  if (prefix.empty()) return false;
  prefix.back() = static_cast<Char>(static_cast<Number>(prefix.back()) + 1);
  return true;
}

template <class Key>
inline constexpr bool k_is_string = requires(Key& key) {
  requires !std::is_void_v<text_char_t<Key>>;
  key.pop_back();  // it is not a view
};

// The keys that begin with `prefix`.
template <class Key, class Value, class Compare, class P>
RangeRead<Key, Value> range_with_prefix(const P& prefix) {
  constexpr Direction k_order = k_direction<Compare, Key>;
  constexpr bool k_text = !std::is_void_v<text_char_t<Key>>;
  static_assert(k_text, "fluxmap: prefix scans need keys that are text: a std::basic_string or a view of one");
  static_assert(!k_text || k_order != Direction::own,
                "fluxmap: prefix scans need text keys in the order of std::less or std::greater, for no other order "
                "tells where keys with a prefix lie");
  static_assert(k_order != Direction::descending || k_is_string<Key>,
                "fluxmap: prefix scans of views need the order of std::less");
  RangeRead<Key, Value> range;
  if constexpr (k_text && k_order != Direction::own) {
    using View = std::basic_string_view<text_char_t<Key>>;
    static_assert(std::convertible_to<const P&, View>, "fluxmap: the prefix must be text of the keys' characters");
    if constexpr (k_order == Direction::ascending) {
      range.first = Key(View(prefix));
      range.kind = RangeKind::prefix;
    } else if constexpr (k_is_string<Key>) {
      range.last = Key(View(prefix));
      range.kind = RangeKind::through;
      if (Key end(*range.last); raise_prefix(end)) {
        range.first = std::move(end);
        range.after = true;
      }
    }
  }
  return range;
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail
