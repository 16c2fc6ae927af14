# A test spends most of its compile time on what it shares with the others: parsing headers, instantiating the engine for
# the same keys and values. A batch is one source that includes all tests of a kind, each in a namespace of its own, so
# that names do not meet. Each test stays a ctest case: the batch, run with only the test cases of that file.

# fluxmap_batch_tests(KIND SOURCES OUT): makes the program <KIND>_batch, and lists in OUT the sources that are in it.
function(fluxmap_batch_tests kind sources out)
  set(batched "")
  set(includes "")
  set(bodies "")
  foreach(source IN LISTS sources)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")  # its includes may change
    # A test that specialises something of fluxmap, or names something of the C library, cannot be put into a namespace.
    # One that says so is a program of its own: it has many types of databases, and shares few with others.
    file(STRINGS "${source}" outside REGEX "^(struct|class) fluxmap::|^namespace fluxmap|^extern |^// A program of its own")
    if(outside)
      continue()
    endif()
    list(APPEND batched "${source}")
    file(STRINGS "${source}" lines REGEX "^#include ")
    list(APPEND includes ${lines})
    get_filename_component(name "${source}" NAME_WE)
    string(APPEND bodies "\nnamespace ${kind}_${name} {\n#include \"${source}\"\n}\n")
  endforeach()

  # The headers come first, outside the namespaces: each is included once.
  list(REMOVE_DUPLICATES includes)
  list(SORT includes)
  list(JOIN includes "\n" includes)
  set(batch "${CMAKE_CURRENT_BINARY_DIR}/${kind}_batch.cpp")
  file(CONFIGURE OUTPUT "${batch}" CONTENT "${includes}\n${bodies}" @ONLY)

  add_executable(${kind}_batch "${batch}")
  target_include_directories(${kind}_batch PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/${kind}")
  fluxmap_catch_test(${kind}_batch ${kind})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # It takes an included test for a header, whose anonymous namespace may differ from one program part to the next.
    target_compile_options(${kind}_batch PRIVATE -Wno-subobject-linkage)
  endif()
  set(${out} "${batched}" PARENT_SCOPE)
endfunction()
