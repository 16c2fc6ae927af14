// The version of the library, in one place: CMake reads it from here.
#pragma once

// Changes with the interface or the format on disk, once it is 1 or more.
#define FLUXMAP_VERSION_MAJOR 0
// Changes with what is added; before 1.0 also with what breaks.
#define FLUXMAP_VERSION_MINOR 1
// Changes with repairs only.
#define FLUXMAP_VERSION_PATCH 0
