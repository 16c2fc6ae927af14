// The parts of Boost.Asio that need not be inline, compiled once for all Catch2 tests: see
// BOOST_ASIO_SEPARATE_COMPILATION in tests/CMakeLists.txt. Only a matter of compile time; the examples and consumers
// use Asio header-only, as users do.
#include <boost/asio/impl/src.hpp>
