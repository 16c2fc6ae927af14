// The page, which CMake puts together from page.html, page.css, plot.js and page.js.
#pragma once

#include <string_view>

namespace example {

extern const std::string_view k_page;

// It may load nothing but what it asks of the server it comes from.
inline constexpr std::string_view k_page_policy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace example
