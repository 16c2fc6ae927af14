# Usage: cmake -DCXX=<compiler> -DBOOST_VERSION=<x.y.z> -DINCLUDE_DIR=<include> -DFLAGS=<flags> -DSCRATCH=<directory>
#              -P check_cost.cmake
# What a user's program is made to compile, counted instead of timed: the preprocessed text of fluxmap.hpp beyond that of
# the Boost.Asio that a program with coroutines and timers has anyhow. Raise the ceiling only for something that is worth
# it to every program, and tell docs/building.md.
cmake_minimum_required(VERSION 3.21)

set(ceiling 2300)  # KiB; 2130 when it was set. Of g++ 12 with Boost 1.81: libraries differ in size.
# What must not come in at all: parts of Boost.Asio and of the standard library that are large, or that run code at start.
set(unwanted "/boost/asio[.]hpp|/boost/asio/ip/|/boost/asio/ssl|/boost/asio/spawn[.]hpp|/iostream$|/regex$|/future$|/execution$")

file(MAKE_DIRECTORY "${SCRATCH}")
file(WRITE "${SCRATCH}/fluxmap.cpp" "#include <fluxmap/fluxmap.hpp>\n")
file(WRITE "${SCRATCH}/asio.cpp" "#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
")

function(preprocess name out_size out_headers)
  execute_process(COMMAND "${CXX}" -std=c++20 "-I${INCLUDE_DIR}" ${FLAGS} -E -P "${SCRATCH}/${name}.cpp" -o "${SCRATCH}/${name}.ii"
    COMMAND_ERROR_IS_FATAL ANY)
  file(SIZE "${SCRATCH}/${name}.ii" size)
  file(REMOVE "${SCRATCH}/${name}.ii")
  math(EXPR size "${size} / 1024")
  execute_process(COMMAND "${CXX}" -std=c++20 "-I${INCLUDE_DIR}" ${FLAGS} -M "${SCRATCH}/${name}.cpp" OUTPUT_VARIABLE rule
    COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "\\\\?[ \n]+" ";" headers "${rule}")
  list(FILTER headers INCLUDE REGEX "^/")
  list(FILTER headers EXCLUDE REGEX "[.]cpp$")
  set(${out_size} "${size}" PARENT_SCOPE)
  set(${out_headers} "${headers}" PARENT_SCOPE)
endfunction()

preprocess(asio asio_size asio_headers)
preprocess(fluxmap size headers)
list(LENGTH asio_headers asio_count)
list(LENGTH headers count)
set(own ${headers})
list(FILTER own INCLUDE REGEX "/fluxmap/")
list(LENGTH own own_count)
math(EXPR beyond "${size} - ${asio_size}")
message(STATUS "fluxmap.hpp: ${size} KiB of ${count} headers, ${own_count} of them fluxmap's")
message(STATUS "Boost.Asio:  ${asio_size} KiB of ${asio_count} headers; beyond it: ${beyond} KiB (ceiling: ${ceiling})")

list(FILTER headers INCLUDE REGEX "${unwanted}")
if(headers)
  message(FATAL_ERROR "fluxmap.hpp brings in ${headers}")
endif()
execute_process(COMMAND "${CXX}" -dumpfullversion -dumpversion OUTPUT_VARIABLE version)
if(beyond GREATER ceiling AND version MATCHES "^12[.]" AND BOOST_VERSION MATCHES "^1[.]81")
  message(FATAL_ERROR "fluxmap.hpp makes every program compile ${beyond} KiB beyond Boost.Asio: more than ${ceiling}")
endif()
