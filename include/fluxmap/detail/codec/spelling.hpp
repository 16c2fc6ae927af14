// The spelling of a type, which its fingerprint is made from. · vocabulary
#pragma once

#include <fluxmap/config.hpp>
#include <fluxmap/fwd.hpp>

#include <boost/core/type_name.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// The text that codec_fingerprint() hashes, while it is put together.
class Spelling {
 public:
  void add(std::string_view text) { text_ += text; }
  void add(std::intmax_t number) { text_ += std::to_string(number); }

  template <class T>
  void add_type() {
    using Plain = std::remove_cv_t<T>;
    if constexpr (requires { std::string_view(Codec<Plain>::name); }) {
      add("user:");
      add(std::string_view(Codec<Plain>::name));
    } else if constexpr (requires(Spelling& out) { Codec<Plain>::spell(out); }) {
      Codec<Plain>::spell(*this);
    } else {
      add("user:");
      add(boost::core::type_name<Plain>());
    }
  }

  template <class... T>
  void add_list(const char* open, const char* close) {
    add(open);
    std::string_view separator;
    ((add(separator), add_type<T>(), separator = ","), ...);
    add(close);
  }

  // A recursive type would be spelt without end: inside itself it is "^" and how many aggregates further out it began.
  template <class T, class... Fields>
  void add_aggregate() {
    const auto found = std::find(open_.rbegin(), open_.rend(), std::type_index(typeid(T)));
    if (found != open_.rend()) {
      add("^");
      return add(found - open_.rbegin() + 1);
    }
    open_.emplace_back(typeid(T));
    add_list<Fields...>("{", "}");
    open_.pop_back();
  }

  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::vector<std::type_index> open_;  // the aggregates around this place
};

// "map<string,{i64,optional<f64>}>", for instance.
template <class T>
std::string codec_spelling() {
  Spelling spelling;
  spelling.add_type<T>();
  return spelling.text();
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail
