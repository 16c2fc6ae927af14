// Runs cases of tests/anomalies/cases, which are data, against databases:  run_cases FILE...
// Ends with 0 if all is as the cases say, 1 if not, 2 if a file cannot be understood, 77 if a case needs what this
// build does not have (ctest then says "skipped").
#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "support/case_file.hpp"
#include "support/case_run.hpp"
#include "support/interleaving_store.hpp"
#include "support/seed.hpp"

namespace {

using namespace fluxmap_test::interleaving;

enum Result { passed = 0, failed = 1, not_understood = 2, not_supported = 77 };

bool has(Need need) { return need == Need::reversed_reads ? k_has_reversed_reads : k_has_counted_reads; }

bool supported(const Case& tried) {
  bool all = true;
  for (const auto& [need, place] : tried.needs) {
    if (has(need)) continue;
    std::cout << place.file << ':' << place.line << ": not supported by this build: " << to_string(need) << '\n';
    all = false;
  }
  return all;
}

// Nothing waits unseen, nor longer than it must.
Result complain_of_folder(const std::string& file, bool waits) {
  std::cout << file
            << (waits ? ": belongs into cases/waiting until then\n" : ": need not wait in cases/waiting any more\n");
  return failed;
}

Result run_file(const std::string& file) {
  const std::vector<Case> cases = read_cases(file);
  const bool waits = !std::all_of(cases.begin(), cases.end(), supported);
  if (waits != (std::filesystem::absolute(file).parent_path().filename() == "waiting")) {
    return complain_of_folder(file, waits);
  }
  if (waits) return not_supported;
  Result result = passed;
  for (const Case& tried : cases) {
    const auto complaints =
        CaseRun(tried, database_variants()).complaints(k_interleaving_limit * fluxmap_test::stress_factor());
    for (const std::string& complaint : complaints) std::cout << complaint << '\n';
    if (!complaints.empty()) result = failed;
  }
  return result;
}

}  // namespace

int main(int count, char** files) {
  if (count < 2) {
    std::cout << "which files?\n";
    return not_understood;
  }
  Result worst = passed;
  for (int i = 1; i < count; ++i) {
    try {
      const Result result = run_file(files[i]);
      if (result == failed || worst == passed) worst = result;
    } catch (const CaseError& error) {
      std::cout << error.what() << '\n';
      return not_understood;
    } catch (const std::exception& error) {
      std::cout << files[i] << ": " << error.what() << '\n';
      worst = failed;
    }
  }
  return worst;
}
