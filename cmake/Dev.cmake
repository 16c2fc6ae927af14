# fluxmap_dev: warnings and sanitizers of fluxmap's own programs. Never installed, never linked by a user's target.
add_library(fluxmap_dev INTERFACE)

target_compile_options(fluxmap_dev INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(FLUXMAP_WERROR)
  target_compile_options(fluxmap_dev INTERFACE -Werror)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ inlines the operator new of Boost.Asio's awaitable frames but not their operator delete, and takes the two for a
  # mismatched pair wherever a coroutine is inlined into its caller (https://gcc.gnu.org/PR109224).
  target_compile_options(fluxmap_dev INTERFACE -Wno-mismatched-new-delete)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND FLUXMAP_QUICK_BUILD)
  # g++ collects its garbage from 128 MiB on, again and again: a fifth of the time of a large test. Not where memory is short.
  cmake_host_system_information(RESULT memory QUERY TOTAL_PHYSICAL_MEMORY)  # MiB
  if(memory GREATER_EQUAL 12000)
    target_compile_options(fluxmap_dev INTERFACE "SHELL:--param ggc-min-heapsize=1000000")
  endif()
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # A key of any type may be given in braces, and the tests do so.
  target_compile_options(fluxmap_dev INTERFACE -Wno-braced-scalar-init)
endif()

if(FLUXMAP_SANITIZE)
  set(fluxmap_sanitize_flags "-fsanitize=${FLUXMAP_SANITIZE}" -fno-sanitize-recover=all)
  if(FLUXMAP_SANITIZE MATCHES "undefined")
    # These four check every member access and more than double the compile time of template-heavy code (76 s against
    # 31 s for a small user program). AddressSanitizer sees accesses through null and outside objects by itself; our
    # classes have no virtual functions; alignment of keys and values is checked by unit_skiplist_test.
    list(APPEND fluxmap_sanitize_flags -fno-sanitize=null,vptr,alignment,object-size)
  endif()
  target_compile_options(fluxmap_dev INTERFACE ${fluxmap_sanitize_flags} -fno-omit-frame-pointer)
  target_link_options(fluxmap_dev INTERFACE ${fluxmap_sanitize_flags})
  if(FLUXMAP_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Boost.Asio 1.81 has standalone fences; g++ warns that ThreadSanitizer does not model them. Fluxmap has none.
    target_compile_options(fluxmap_dev INTERFACE -Wno-tsan)
  endif()
  if(FLUXMAP_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ takes AddressSanitizer's own code for reads of uninitialised members of std::function and std::string
    # (https://gcc.gnu.org/PR105616). The plain builds keep the warning.
    target_compile_options(fluxmap_dev INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
