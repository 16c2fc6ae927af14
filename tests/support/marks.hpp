// Writes down, at the end of a program that is compiled with FLUXMAP_MARKS, which marks it has reached: their names, in
// a file of its own in the directory that FLUXMAP_MARKS_DIRECTORY names. To be included once in each program.
#pragma once

#ifdef FLUXMAP_MARKS
#include <fluxmap/detail/platform/mark.hpp>

#include <errno.h>  // program_invocation_short_name
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace fluxmap_test {

struct MarksWriter {
  MarksWriter() = default;
  MarksWriter(const MarksWriter&) = delete;
  MarksWriter& operator=(const MarksWriter&) = delete;
  ~MarksWriter() {
    const char* const directory = std::getenv("FLUXMAP_MARKS_DIRECTORY");
    if (directory == nullptr) return;
    const std::string path =
        std::string(directory) + "/" + program_invocation_short_name + "." + std::to_string(getpid());
    std::FILE* const file = std::fopen(path.c_str(), "w");
    if (file == nullptr) return;
    for (std::size_t i = 0; i < fluxmap::detail::k_mark_names.size(); ++i) {
      if (fluxmap::detail::marks_reached[i]) std::fprintf(file, "%s\n", fluxmap::detail::k_mark_names[i]);
    }
    std::fclose(file);
  }
};
inline const MarksWriter marks_writer;

}  // namespace fluxmap_test
#endif
