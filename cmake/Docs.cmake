# fluxmap_docs: the reference of the public headers and the pages of docs/, by Doxygen, where it is installed.
find_package(Doxygen 1.9.2 QUIET)
find_program(FLUXMAP_AWK NAMES awk mawk gawk)
mark_as_advanced(FLUXMAP_AWK)

if(DOXYGEN_FOUND AND FLUXMAP_AWK)
  set(fluxmap_docs_output "${PROJECT_BINARY_DIR}/docs")
  set(fluxmap_awk "${FLUXMAP_AWK}")
  configure_file(docs/Doxyfile.in "${fluxmap_docs_output}/Doxyfile" @ONLY)
  add_custom_target(fluxmap_docs
    COMMAND Doxygen::doxygen "${fluxmap_docs_output}/Doxyfile"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Writing ${fluxmap_docs_output}/html/index.html"
    VERBATIM)
endif()
