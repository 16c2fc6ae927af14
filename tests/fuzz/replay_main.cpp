// Runs a fuzz target without libFuzzer: on every file of the directories given, on all beginnings of each, and on
// random mutations of each. FLUXMAP_SEED replays the mutations, FLUXMAP_STRESS makes there be more of them.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/seed.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// There with a sanitizer only; its reports do not pass through abort().
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Input = std::vector<std::uint8_t>;
using fluxmap_test::SplitMix;

constexpr unsigned k_mutations = 2000;  // of each file

struct Current {
  std::string from;
  Input input;
};
Current current;

// What was being run, when it has failed: enough to make a file of it.
void report() {
  std::fprintf(stderr, "while running %s, %zu bytes:", current.from.c_str(), current.input.size());
  for (const std::uint8_t byte : current.input) std::fprintf(stderr, " %02x", byte);
  std::fprintf(stderr, "\n");
}

void run(std::string from, Input input) {
  input.shrink_to_fit();  // so that AddressSanitizer sees a read past the end
  current = {std::move(from), std::move(input)};
  LLVMFuzzerTestOneInput(current.input.data(), current.input.size());
}

void mutate(Input& input, SplitMix& random) {
  constexpr std::array<std::uint8_t, 8> interesting{0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xfe, 0xff};
  const auto byte = [&] {
    return random.below(2) == 0 ? interesting[random.below(interesting.size())] : static_cast<std::uint8_t>(random());
  };
  const auto place = [&] { return static_cast<std::ptrdiff_t>(random.below(input.size())); };
  for (std::uint64_t changes = 1 + random.below(4); changes > 0; --changes) {
    if (input.empty() || random.below(8) == 0) {
      input.insert(input.begin() + static_cast<std::ptrdiff_t>(random.below(input.size() + 1)), byte());
      continue;
    }
    const std::ptrdiff_t at = place();
    switch (random.below(5)) {
      case 0:
        input[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << random.below(8));
        break;
      case 1:
        input[static_cast<std::size_t>(at)] = byte();
        break;
      case 2: {  // a part goes
        const std::ptrdiff_t last = place() + 1;
        if (at < last) input.erase(input.begin() + at, input.begin() + last);
        break;
      }
      case 3: {  // a part comes twice
        const Input part(input.begin() + at, input.begin() + std::max(at, place() + 1));
        input.insert(input.begin() + place(), part.begin(), part.end());
        break;
      }
      default:  // a run of the same byte
        std::fill(input.begin() + at, input.begin() + std::max(at, place() + 1), byte());
    }
  }
}

Input read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return Input(std::istreambuf_iterator<char>(file), {});
}

int run_all(int argc, char* argv[]) {
  std::vector<std::filesystem::path> paths;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  if (paths.empty()) {
    std::fprintf(stderr, "no files in the directories given\n");
    return EXIT_FAILURE;
  }
  std::sort(paths.begin(), paths.end());  // or the seed would not replay
  SplitMix random(fluxmap_test::seed(argv[0]));
  std::size_t runs = 1;
  run("nothing", {});
  for (const auto& path : paths) {
    const Input original = read_file(path);
    const std::string name = path.filename().string();
    for (std::size_t size = original.size() + 1; size-- > 0; ++runs) {
      run(name + " cut to", Input(original.begin(), original.begin() + static_cast<std::ptrdiff_t>(size)));
    }
    for (unsigned i = 0; i < k_mutations * fluxmap_test::stress_factor(); ++i, ++runs) {
      Input input = original;
      mutate(input, random);
      run("a mutation of " + name, std::move(input));
    }
  }
  std::printf("%zu files, %zu runs\n", paths.size(), runs);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char* argv[]) {
  std::signal(SIGABRT, [](int) { report(); });
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(report);
  try {
    return run_all(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    report();
    return EXIT_FAILURE;
  }
}
