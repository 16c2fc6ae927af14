# Usage: cmake -DPREFIX=<prefix> -DVERSION=<x.y.z> -DCXX=<compiler> -DSOURCE=<file> -DOUTPUT=<directory>
#              -P check_pkg_config.cmake
# Compiles and runs the consumer with what pkg-config says of the fluxmap under PREFIX, and nothing else.
cmake_minimum_required(VERSION 3.21)

find_program(pkg_config NAMES pkg-config pkgconf)
if(NOT pkg_config)
  message(STATUS "skipped: there is no pkg-config")
  return()
endif()
set(ENV{PKG_CONFIG_PATH} "${PREFIX}/share/pkgconfig")

function(ask out)
  execute_process(COMMAND "${pkg_config}" ${ARGN} fluxmap
    RESULT_VARIABLE status OUTPUT_VARIABLE answer ERROR_VARIABLE error OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "pkg-config ${ARGN} fluxmap: ${error}")
  endif()
  set(${out} "${answer}" PARENT_SCOPE)
endfunction()

ask(version --modversion)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "pkg-config says version ${version}, not ${VERSION}")
endif()
# As a path it is the prefix; spelt, it goes up from the file.
ask(directory --variable=includedir)
file(REAL_PATH "${directory}" directory)
file(REAL_PATH "${PREFIX}/include" expected)
if(NOT directory STREQUAL expected)
  message(FATAL_ERROR "pkg-config says ${directory}, not ${expected}")
endif()
ask(flags --cflags --libs)
message(STATUS "flags: ${flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")

file(MAKE_DIRECTORY "${OUTPUT}")
execute_process(COMMAND "${CXX}" -std=c++20 "${SOURCE}" ${flags} -o "${OUTPUT}/consumer" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${OUTPUT}/consumer" COMMAND_ERROR_IS_FATAL ANY)
