# Install rules: headers, licence, what debuggers read, a package for find_package(fluxmap CONFIG), and one for pkg-config.
# Nothing is compiled, so nothing depends on the architecture.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(fluxmap_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/fluxmap")
set(fluxmap_pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
set(fluxmap_component fluxmap_Development)  # of a larger project that installs only parts

if(PROJECT_IS_TOP_LEVEL)
  # `make install` and cpack would build the tests first, of which nothing is installed.
  set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
endif()

install(TARGETS fluxmap EXPORT fluxmapTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY include/fluxmap DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT ${fluxmap_component}
  FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/fluxmap" COMPONENT ${fluxmap_component})
# For debuggers: see docs/operations.md.
install(FILES tools/gdb/fluxmap_gdb.py DESTINATION "${CMAKE_INSTALL_DATADIR}/fluxmap/gdb" COMPONENT ${fluxmap_component})
install(FILES tools/fluxmap.natvis DESTINATION "${CMAKE_INSTALL_DATADIR}/fluxmap" COMPONENT ${fluxmap_component})
install(EXPORT fluxmapTargets NAMESPACE fluxmap:: DESTINATION "${fluxmap_package_dir}" COMPONENT ${fluxmap_component})

configure_package_config_file(cmake/fluxmapConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmapConfig.cmake"
  INSTALL_DESTINATION "${fluxmap_package_dir}")
# Before 1.0 a new minor version may break what was there.
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmapConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmapConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmapConfigVersion.cmake"
  DESTINATION "${fluxmap_package_dir}" COMPONENT ${fluxmap_component})

# pkg-config: the prefix is told from where the file lies, so that the tree can be moved, unless a directory was chosen as
# an absolute path. Boost has no .pc file of its own; compilers look in its usual place by themselves.
if(IS_ABSOLUTE "${CMAKE_INSTALL_DATADIR}")
  set(fluxmap_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH fluxmap_pc_up "/prefix/${fluxmap_pkgconfig_dir}" "/prefix")
  string(REGEX REPLACE "/$" "" fluxmap_pc_up "${fluxmap_pc_up}")
  set(fluxmap_pc_prefix "\${pcfiledir}/${fluxmap_pc_up}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(fluxmap_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(fluxmap_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
set(fluxmap_pc_boost "")
foreach(directory IN LISTS Boost_INCLUDE_DIRS)
  if(NOT directory IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    string(APPEND fluxmap_pc_boost " -I${directory}")
  endif()
endforeach()
configure_file(cmake/fluxmap.pc.in "${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmap.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/cmake/fluxmap.pc"
  DESTINATION "${fluxmap_pkgconfig_dir}" COMPONENT ${fluxmap_component})

if(PROJECT_IS_TOP_LEVEL)
  include(cmake/Package.cmake)
endif()
