# Usage: cmake -DCXX=<compiler> -DFLAGS=<flags> -DSOURCE=<cases.cpp> -DCASE=<n> -DTEXT=<text> -P check_refused.cmake
# The case does not compile, and the compiler prints the text; or, where the text is "compiles", it does.
cmake_minimum_required(VERSION 3.21)

execute_process(COMMAND "${CXX}" -std=c++20 ${FLAGS} -fsyntax-only "-DCASE=${CASE}" "${SOURCE}"
  RESULT_VARIABLE result ERROR_VARIABLE errors OUTPUT_VARIABLE errors)
if(TEXT STREQUAL "compiles")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "case ${CASE} does not compile:\n${errors}")
  endif()
  return()
endif()
if(result EQUAL 0)
  message(FATAL_ERROR "case ${CASE} compiles; it should say: ${TEXT}")
endif()
string(FIND "${errors}" "${TEXT}" at)
if(at LESS 0)
  message(FATAL_ERROR "case ${CASE} is refused without saying: ${TEXT}\n${errors}")
endif()
