// Whatever a client of examples/resp_server sends, parsing it stays inside the bytes, ends, and gives the same requests
// however the bytes were cut into pieces.
#include "../../examples/resp_server/parser.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using resp::RequestLimits;
using resp::RequestParser;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

struct Parsed {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

// In pieces; each buffer is exactly as long as what was given, so that AddressSanitizer sees a read past the end.
Parsed parse(std::string_view bytes, std::size_t piece) {
  RequestLimits limits;
  limits.bulk = 1000;
  limits.arguments = 100;
  limits.line = 50;
  RequestParser parser(limits);
  Parsed parsed;
  std::size_t begin = 0, end = 0;
  for (;;) {
    const std::vector<char> given(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                                  bytes.begin() + static_cast<std::ptrdiff_t>(end));
    std::vector<std::string_view> words;
    switch (parser.parse(std::string_view(given.data(), given.size()), words)) {
      case RequestParser::Status::complete:
        require(parser.consumed() > 0 && parser.consumed() <= given.size(), "a request outside the bytes");
        require(words.size() <= limits.line + limits.arguments, "too many arguments");
        parsed.requests.emplace_back(words.begin(), words.end());
        begin += parser.consumed();
        break;
      case RequestParser::Status::incomplete:
        require(words.empty(), "arguments of no request");
        if (end == bytes.size()) return parsed;
        end = std::min(bytes.size(), end + piece);
        break;
      case RequestParser::Status::failed:
        require(!parser.error().empty(), "no reason");
        parsed.error = parser.error();
        return parsed;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(bytes, size + 1);
  require(parse(bytes, 1) == whole && parse(bytes, 7) == whole, "pieces make a difference");
  return 0;
}
