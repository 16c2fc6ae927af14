// Boost.JSON is a library of sources too; here it is compiled, for the programs that read or write results.
#include <boost/json/src.hpp>
