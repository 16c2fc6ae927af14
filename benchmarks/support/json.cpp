// Boost.JSON is a library of sources too; here it is compiled.
#include <boost/json/src.hpp>
