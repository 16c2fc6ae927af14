// The version of the library, in one place: CMake reads it from here.
#pragma once

#define FLUXMAP_VERSION_MAJOR 0
#define FLUXMAP_VERSION_MINOR 1
#define FLUXMAP_VERSION_PATCH 0
