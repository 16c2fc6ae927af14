// A JSON object, written member by member.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace example {

class JsonObject {
 public:
  JsonObject& add(std::string_view name, std::uint64_t value);
  JsonObject& add(std::string_view name, double value);  // null, where it is not a number that JSON knows
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& add(std::string_view name, const JsonObject& value);

  std::string text() const { return "{" + members_ + "}"; }

 private:
  JsonObject& raw(std::string_view name, std::string_view value);
  std::string members_;
};

}  // namespace example
