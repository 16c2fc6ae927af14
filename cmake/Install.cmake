# Install rules: headers, licence and a package for find_package(fluxmap CONFIG). Nothing is compiled, so nothing depends
# on the architecture.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(fluxmap_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/fluxmap")

install(TARGETS fluxmap EXPORT fluxmapTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY include/fluxmap DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/fluxmap")
install(EXPORT fluxmapTargets NAMESPACE fluxmap:: DESTINATION "${fluxmap_package_dir}")

configure_package_config_file(cmake/fluxmapConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmapConfig.cmake"
  INSTALL_DESTINATION "${fluxmap_package_dir}")
# Before 1.0 a new minor version may break what was there.
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmapConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmapConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmapConfigVersion.cmake"
  DESTINATION "${fluxmap_package_dir}")
