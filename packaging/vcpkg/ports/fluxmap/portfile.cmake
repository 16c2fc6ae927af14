# An overlay port of the clone it lies in: vcpkg install fluxmap --overlay-ports=<clone>/packaging/vcpkg/ports
# In a registry, vcpkg_from_github() takes the place of the next line.
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release)  # headers only

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DFLUXMAP_BUILD_TESTS=OFF
    -DFLUXMAP_BUILD_EXAMPLES=OFF
    -DFLUXMAP_BUILD_BENCHMARKS=OFF
    -DFLUXMAP_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/fluxmap)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
