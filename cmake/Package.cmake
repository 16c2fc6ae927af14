# CPack: `cpack -G TGZ` and `cpack -G DEB` in the build directory make fluxmap-<version>.tar.gz, which is unpacked anywhere
# and found with CMAKE_PREFIX_PATH, and libfluxmap-dev_<version>_all.deb.
set(CPACK_PACKAGE_NAME fluxmap)
set(CPACK_PACKAGE_VENDOR fluxmap)
set(CPACK_PACKAGE_CONTACT "The fluxmap authors <fluxmap@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_FILE_NAME "fluxmap-${PROJECT_VERSION}")
set(CPACK_RESOURCE_FILE_LICENSE "${CMAKE_CURRENT_SOURCE_DIR}/LICENSE")
set(CPACK_RESOURCE_FILE_README "${CMAKE_CURRENT_SOURCE_DIR}/README.md")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR TGZ)

# One package of the one component, whatever else a build directory may come to install.
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR}" fluxmap ${fluxmap_component} /)

set(CPACK_DEBIAN_PACKAGE_NAME libfluxmap-dev)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Debian 12 has Boost 1.81 beside its default, which is older.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libboost-dev (>= 1.81) | libboost1.81-dev")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "Headers only. Strictly serializable transactions whose readers never wait or
abort, lazy scans over one snapshot, and a log with checkpoints.")

include(CPack)
