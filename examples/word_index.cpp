// Indexes the words of real text files with several coroutines at once, answers prefix queries meanwhile, and
// proves at the end that nothing was lost: a plain recount must give the same numbers.
//
// The index holds two kinds of entry, so that all there is about a word lies side by side:
//   word               how often it occurs, and in how many files
//   word \0 directory  the same for the files of one directory, given by its number
#include <fluxmap/fluxmap.hpp>

#include <fmt/format.h>
#include <boost/asio.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

struct Posting {
  std::uint64_t count = 0;
  std::uint64_t files = 0;

  Posting& operator+=(const Posting& other) {
    count += other.count;
    files += other.files;
    return *this;
  }
  bool operator==(const Posting&) const = default;
};

using Index = fluxmap::Database<std::string, Posting>;

// ---- Command line ---------------------------------------------------------------------------------------------------

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  unsigned threads = std::max(2U, std::thread::hardware_concurrency());
  std::size_t limit_files = 0;  // 0: all of them
  std::string query;
  std::vector<fs::path> paths;
  bool help = false;
};

constexpr std::string_view k_help =
    "usage: word_index [--threads N] [--limit-files N] [--query PREFIX] PATH...\n"
    "\n"
    "Indexes the words of text files (directories are searched recursively), e.g. word_index /usr/include\n"
    "\n"
    "  --threads N       threads of the pool, 1 to 256 (default: one per processor, at least 2)\n"
    "  --limit-files N   index only the first N files, in the order of their names\n"
    "  --query PREFIX    ask for this prefix while indexing, and list its most frequent words at the end\n"
    "  --help            print this\n"
    "\n"
    "Exit code: 0 the index agrees with a recount, 1 it does not, 2 bad arguments.\n";

std::size_t parse_number(std::string_view option, std::string_view text, std::size_t largest) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > largest) {
    throw UsageError(fmt::format("{} wants a number from 1 to {}, not '{}'", option, largest, text));
  }
  return value;
}

bool is_word_byte(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Options parse_options(int argc, char** argv) {
  Options options;
  bool only_paths = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&]() -> std::string_view {
      if (i + 1 == argc) throw UsageError(fmt::format("{} wants a value", argument));
      return argv[++i];
    };
    if (only_paths || argument.empty() || argument.front() != '-') {
      if (argument.empty()) throw UsageError("a path is empty");
      options.paths.emplace_back(argument);
    } else if (argument == "--") {
      only_paths = true;
    } else if (argument == "--help" || argument == "-h") {
      options.help = true;
      return options;
    } else if (argument == "--threads") {
      options.threads = static_cast<unsigned>(parse_number(argument, value(), 256));
    } else if (argument == "--limit-files") {
      options.limit_files = parse_number(argument, value(), 1'000'000'000);
    } else if (argument == "--query") {
      options.query = value();
      std::ranges::transform(options.query, options.query.begin(), to_lower);
      if (options.query.empty() || !std::ranges::all_of(options.query, is_word_byte)) {
        throw UsageError("--query wants the beginning of a word: letters only");
      }
    } else {
      throw UsageError(fmt::format("unknown option '{}'", argument));
    }
  }
  if (options.paths.empty()) throw UsageError("no path given");
  return options;
}

// ---- What the user sees while it runs -------------------------------------------------------------------------------

// Notes and the progress line share stderr: a note wipes the line, the next refresh brings it back.
class Console {
 public:
  bool terminal() const { return terminal_; }

  void note(std::string_view text) {
    const std::lock_guard lock(mutex_);
    ++notes_;
    if (notes_ > k_max_notes) return;
    fmt::print(stderr, "{}{}\n", wipe(), text);
    if (notes_ == k_max_notes) fmt::print(stderr, "(further notes are only counted)\n");
  }

  void progress(std::string_view line) {
    const std::lock_guard lock(mutex_);
    fmt::print(stderr, "{}{}{}", wipe(), line, terminal_ ? "" : "\n");
    std::fflush(stderr);
  }

  void end_progress() {
    const std::lock_guard lock(mutex_);
    fmt::print(stderr, "{}", wipe());
  }

 private:
  static constexpr std::size_t k_max_notes = 20;

  std::string_view wipe() const { return terminal_ ? "\r\033[K" : ""; }

  const bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  std::mutex mutex_;
  std::size_t notes_ = 0;
};

// ---- Files and words ------------------------------------------------------------------------------------------------

// Splits text that arrives in pieces into lower-case words: runs of letters and of bytes beyond ASCII. Those of less
// than three bytes are left out, longer ones than 64 cut off.
class WordSplitter {
 public:
  template <class Sink>
  void feed(std::string_view text, Sink&& sink) {
    for (const char c : text) {
      if (is_word_byte(c)) {
        if (word_.size() < k_longest) word_.push_back(to_lower(c));
      } else if (!word_.empty()) {
        finish(sink);
      }
    }
  }

  template <class Sink>
  void finish(Sink&& sink) {
    if (word_.size() >= k_shortest) sink(std::string_view(word_));
    word_.clear();
  }

 private:
  static constexpr std::size_t k_shortest = 3;
  static constexpr std::size_t k_longest = 64;
  std::string word_;
};

struct File {
  fs::path path;
  std::size_t directory = 0;
  std::uint64_t bytes_indexed = 0;  // this and the hash are written by the one coroutine that indexes the file
  std::uint64_t hash = k_empty_hash;

  static constexpr std::uint64_t k_empty_hash = 14695981039346656037U;
};

// FNV-1a, continued from `hash`; tells whether a file was changed between indexing and recounting.
std::uint64_t hash_of(std::string_view text, std::uint64_t hash = File::k_empty_hash) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

std::vector<File> find_files(const Options& options, Console& console) {
  std::set<std::pair<fs::path, fs::path>> found;  // directory and name: in order, and each file once
  const auto add = [&](const fs::path& path) {
    const auto normal = path.lexically_normal();
    found.emplace(normal.parent_path(), normal.filename());
  };
  for (const auto& path : options.paths) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) throw UsageError(fmt::format("{}: {}", path.string(), error.message()));
    if (fs::is_regular_file(status)) {
      add(path);
      continue;
    }
    if (!fs::is_directory(status)) throw UsageError(fmt::format("{}: not a file or directory", path.string()));
    for (auto walk = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, error);
         !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      std::error_code ignored;  // a dangling link, a socket, a vanished file: not a text to index
      if (walk->is_regular_file(ignored)) add(walk->path());
    }
    if (error) console.note(fmt::format("{}: {}; its remaining files are left out", path.string(), error.message()));
  }
  std::vector<File> files;
  const fs::path* directory = nullptr;
  std::size_t number = 0;
  for (const auto& [parent, name] : found) {
    if (options.limit_files != 0 && files.size() == options.limit_files) break;
    if (directory != nullptr && *directory != parent) ++number;
    directory = &parent;
    files.push_back({parent / name, number});
  }
  if (files.empty()) throw UsageError("there are no files to index");
  return files;
}

// ---- Indexing -------------------------------------------------------------------------------------------------------

// A transaction for each so many different words: large enough to be quick, small enough that two of them, which nearly
// always share words such as "the" or "include", do not throw away much when they collide.
constexpr std::size_t k_batch_words = 400;
constexpr std::size_t k_chunk_bytes = 16 << 10;
constexpr std::size_t k_run_files = 16;

using Batch = std::map<std::string, Posting>;  // sorted: neighbours in the index are cheaper to find one after another

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using WordCounts = std::unordered_map<std::string, std::uint64_t, StringHash, std::equal_to<>>;

void count_word(auto& counts, std::string_view word) {
  if (const auto found = counts.find(word); found != counts.end()) {
    ++found->second;
  } else {
    counts.emplace(word, 1);
  }
}

// Some files of one directory, taken by one coroutine.
struct Run {
  std::size_t first;
  std::size_t last;
};

std::vector<Run> runs_of(const std::vector<File>& files) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool fits = !runs.empty() && files[runs.back().first].directory == files[i].directory &&
                      i - runs.back().first < k_run_files;
    if (fits) {
      runs.back().last = i + 1;
    } else {
      runs.push_back({i, i + 1});
    }
  }
  return runs;
}

// What all coroutines and the main thread have in common.
struct Shared {
  Shared(std::vector<File> found, Console& output) : files(std::move(found)), console(output) {}

  std::vector<File> files;
  const std::vector<Run> runs = runs_of(files);
  Console& console;
  std::shared_ptr<Index> index = Index::builder().auto_vacuum({.interval = 1s}).build();
  std::atomic<std::size_t> next_run{0};
  std::atomic<std::size_t> files_done{0};
  std::atomic<std::size_t> files_skipped{0};
  std::atomic<std::uint64_t> words{0};
  std::atomic<std::uint64_t> queries{0};
  std::atomic<std::uint64_t> words_checked{0};
  std::atomic<std::uint64_t> inconsistencies{0};
  std::atomic<bool> stop{false};
};

// Why the file is not a text we can read; nothing: it is one. A zero byte early on means binary, as in many tools.
std::optional<std::string> complaint_about(const std::ifstream& in, std::string_view first_chunk) {
  if (!in.is_open()) return "cannot be opened";
  if (in.bad()) return "cannot be read";
  if (first_chunk.find('\0') != std::string_view::npos) return "is binary";
  return std::nullopt;
}

// Gives up the thread so that others have their turn, too.
asio::awaitable<void> give_way() { co_await asio::post(asio::use_awaitable); }

asio::awaitable<WordCounts> count_words(Shared& shared, File& file) {
  WordCounts counts;
  const auto count = [&](std::string_view word) { count_word(counts, word); };
  std::ifstream in(file.path, std::ios::binary);
  std::string chunk(k_chunk_bytes, '\0');
  WordSplitter splitter;
  do {
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    const std::string_view text(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (file.bytes_indexed == 0) {
      if (const auto complaint = complaint_about(in, text)) {
        shared.console.note(fmt::format("skipped: {} {}", file.path.string(), *complaint));
        ++shared.files_skipped;
        co_return counts;
      }
    }
    file.bytes_indexed += text.size();
    file.hash = hash_of(text, file.hash);
    splitter.feed(text, count);
    co_await give_way();
  } while (in);
  splitter.finish(count);
  if (in.bad()) {
    shared.console.note(fmt::format("{}: reading failed after {} bytes", file.path.string(), file.bytes_indexed));
  }
  co_return counts;
}

std::string key_in_directory(std::string_view word, std::size_t directory) {
  return fmt::format("{}{}{:06x}", word, '\0', directory);
}

void add_to(auto& tx, std::string key, const Posting& more) {
  Posting sum = more;
  if (const Posting* old = tx.get(key)) sum += *old;
  tx.insert(std::move(key), sum);
}

// Adds the batch to the index, all of it or nothing; again, if another coroutine changed one of its words meanwhile.
asio::awaitable<void> commit_batch(Shared& shared, Batch& batch, std::size_t directory) {
  auto handle = shared.index->handle();
  co_await handle.transaction([&](auto& tx) {
    for (const auto& [word, posting] : batch) {
      add_to(tx, word, posting);
      add_to(tx, key_in_directory(word, directory), posting);
    }
  });
  for (const auto& [word, posting] : batch) shared.words += posting.count;
  batch.clear();
  co_await give_way();
}

asio::awaitable<void> index_run(Shared& shared, Run run) {
  const auto directory = shared.files[run.first].directory;
  Batch batch;
  for (std::size_t number = run.first; number < run.last; ++number) {
    const auto counts = co_await count_words(shared, shared.files[number]);
    for (const auto& [word, count] : counts) {
      batch[word] += Posting{count, 1};
      if (batch.size() == k_batch_words) co_await commit_batch(shared, batch, directory);
    }
    ++shared.files_done;
  }
  if (!batch.empty()) co_await commit_batch(shared, batch, directory);
}

asio::awaitable<void> index_files(Shared& shared) {
  while (!shared.stop) {
    const auto number = shared.next_run++;
    if (number >= shared.runs.size()) break;
    co_await index_run(shared, shared.runs[number]);
  }
}

// ---- Queries while the index changes --------------------------------------------------------------------------------

// Walks entries in key order and checks that what the directories have of a word adds up to the word's total.
class SumCheck {
 public:
  void add(const std::string& key, const Posting& posting) {
    const auto zero = key.find('\0');
    if (zero == std::string::npos) {
      finish_word();
      word_ = key;
      total_ = posting;
      sum_ = {};
    } else {
      if (std::string_view(key).substr(0, zero) != word_) ++wrong_;  // a posting without its total
      sum_ += posting;
    }
  }

  void finish_word() {
    if (word_.empty()) return;
    ++words_;
    if (sum_ != total_) ++wrong_;
    word_.clear();
  }

  std::uint64_t words() const { return words_; }
  std::uint64_t wrong() const { return wrong_; }

 private:
  std::string word_;
  Posting total_;
  Posting sum_;
  std::uint64_t words_ = 0;
  std::uint64_t wrong_ = 0;
};

void report_inconsistency(Shared& shared, const std::string& what) {
  ++shared.inconsistencies;
  shared.console.note("INCONSISTENT: " + what);
}

asio::awaitable<void> query(Shared& shared, std::string fixed_prefix, std::uint64_t seed) {
  auto handle = shared.index->handle();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  std::mt19937_64 random(seed);
  const fluxmap::TransactionOptions read_only{.read_only = true};
  while (!shared.stop) {
    std::string prefix = fixed_prefix;
    if (prefix.empty()) {
      for (int i = 0; i < 2; ++i) prefix.push_back(static_cast<char>('a' + random() % 26));
    }
    {
      auto tx = handle.begin(read_only);
      SumCheck check;
      std::string seen;
      Posting total;
      for (const auto& [key, posting] : tx.prefix_scan_stream(prefix)) {
        if (seen.empty()) {
          seen = key;
          total = posting;
        }
        check.add(key, posting);
      }
      check.finish_word();
      shared.words_checked += check.words();
      if (check.wrong() != 0) {
        report_inconsistency(shared, fmt::format("{} sums wrong below prefix '{}'", check.wrong(), prefix));
      }

      timer.expires_after(2ms);  // the others commit meanwhile, and this transaction must not notice
      co_await timer.async_wait(asio::use_awaitable);
      if (!seen.empty()) {
        const Posting* again = tx.get(seen);
        if (again == nullptr || *again != total) {
          report_inconsistency(shared, fmt::format("'{}' changed inside one read-only transaction", seen));
        }
      }
    }
    ++shared.queries;
    timer.expires_after(8ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

// ---- The recount ----------------------------------------------------------------------------------------------------

struct Recount {
  std::uint64_t words = 0;
  std::uint64_t distinct = 0;
  std::uint64_t differences = 0;
  std::uint64_t changed_files = 0;
};

void report_difference(Recount& recount, const std::string& what) {
  if (++recount.differences <= 20) fmt::print("difference: {}\n", what);
}

std::string describe(const std::optional<Posting>& posting) {
  return posting ? fmt::format("{} in {} files", posting->count, posting->files) : std::string("absent");
}

using Totals = std::map<std::string, Posting, std::less<>>;

void add_file(Totals& directory, const File& file, Recount& recount) {
  std::string text(file.bytes_indexed, '\0');
  std::ifstream(file.path, std::ios::binary).read(text.data(), static_cast<std::streamsize>(text.size()));
  if (hash_of(text) != file.hash) {
    ++recount.changed_files;
    fmt::print("changed since it was indexed: {}\n", file.path.string());
  }
  std::map<std::string, std::uint64_t, std::less<>> counts;
  const auto count = [&](std::string_view word) {
    count_word(counts, word);
    ++recount.words;
  };
  WordSplitter splitter;
  splitter.feed(text, count);
  splitter.finish(count);
  for (const auto& [word, times] : counts) directory[word] += Posting{times, 1};
}

// Counts everything again without the database: one thread, std::map, whole files; and compares entry by entry.
Recount recount_files(const Shared& shared) {
  Recount recount;
  const auto handle = shared.index->handle();
  const auto compare = [&](const std::string& key, const Posting& expected, const fs::path& place) {
    const auto indexed = handle.get(key);
    if (indexed == expected) return;
    report_difference(recount, fmt::format("'{}' in {}: index {}, recount {}", key.substr(0, key.find('\0')),
                                           place.string(), describe(indexed), describe(expected)));
  };

  Totals totals;
  std::size_t entries = 0;
  const auto& files = shared.files;
  for (std::size_t first = 0; first < files.size();) {
    const auto directory = files[first].path.parent_path();
    Totals in_directory;
    std::size_t last = first;
    for (; last < files.size() && files[last].directory == files[first].directory; ++last) {
      if (files[last].bytes_indexed != 0) add_file(in_directory, files[last], recount);
    }
    for (const auto& [word, posting] : in_directory) {
      totals[word] += posting;
      compare(key_in_directory(word, files[first].directory), posting, directory);
    }
    entries += in_directory.size();
    first = last;
  }
  for (const auto& [word, posting] : totals) compare(word, posting, "all files");
  recount.distinct = totals.size();
  entries += totals.size();
  if (shared.index->size() != entries) {
    report_difference(recount, fmt::format("entries: index {}, recount {}", shared.index->size(), entries));
  }
  if (shared.words != recount.words) {
    report_difference(recount, fmt::format("words: indexed {}, recounted {}", shared.words.load(), recount.words));
  }
  return recount;
}

// ---- Putting it together --------------------------------------------------------------------------------------------

std::string progress_line(const Shared& shared, Clock::time_point start) {
  const auto stats = shared.index->stats();
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  const auto words = shared.words.load();
  return fmt::format("{}/{} files  {} words  {} commits  {} conflicts  {} retries  {:.0f} words/s",
                     shared.files_done.load(), shared.files.size(), words, stats.commits, stats.conflicts,
                     stats.retries, static_cast<double>(words) / elapsed.count());
}

void build_index(Shared& shared, const Options& options) {
  const auto start = Clock::now();
  asio::thread_pool pool(options.threads);
  std::vector<std::future<void>> indexers;
  std::vector<std::future<void>> queries;
  for (unsigned i = 0; i < options.threads + 1; ++i) {  // one more than threads: someone can work while one backs off
    indexers.push_back(asio::co_spawn(pool, index_files(shared), asio::use_future));
  }
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    queries.push_back(asio::co_spawn(pool, query(shared, options.query, seed), asio::use_future));
  }

  std::exception_ptr failure;
  const auto wait_for = [&](std::future<void>& work) {
    const auto period = shared.console.terminal() ? 250ms : 2000ms;
    while (work.wait_for(period) != std::future_status::ready) {
      shared.console.progress(progress_line(shared, start));
    }
    try {
      work.get();
    } catch (...) {
      failure = std::current_exception();
      shared.stop = true;
    }
  };
  for (auto& work : indexers) wait_for(work);
  shared.stop = true;
  for (auto& work : queries) wait_for(work);
  pool.join();
  shared.console.end_progress();
  if (failure) std::rethrow_exception(failure);
  fmt::print("indexed {} files ({} skipped) in {:.1f} s: {}\n", shared.files.size() - shared.files_skipped,
             shared.files_skipped.load(), std::chrono::duration<double>(Clock::now() - start).count(),
             progress_line(shared, start));
  fmt::print("{} queries meanwhile checked the sums of {} words: {} inconsistencies\n", shared.queries.load(),
             shared.words_checked.load(), shared.inconsistencies.load());
}

void list_words(Index& index, const std::string& prefix) {
  std::vector<std::pair<std::string, Posting>> words;
  const auto handle = index.handle();
  for (const auto& [key, posting] : handle.prefix_scan_stream(prefix)) {
    if (key.find('\0') == std::string::npos) words.emplace_back(key, posting);
  }
  std::ranges::sort(words, [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  fmt::print("{} words begin with '{}'\n", words.size(), prefix);
  if (words.size() > 10) words.resize(10);
  for (const auto& [word, posting] : words) {
    fmt::print("  {:<24} {:>8} times in {} files\n", word, posting.count, posting.files);
  }
}

int run(const Options& options) {
  Console console;
  Shared shared(find_files(options, console), console);
  build_index(shared, options);
  if (!options.query.empty()) list_words(*shared.index, options.query);

  const auto start = Clock::now();
  const auto recount = recount_files(shared);
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  if (recount.differences != 0) {
    fmt::print("the index DISAGREES with the recount in {} places; {} files were changed meanwhile\n",
               recount.differences, recount.changed_files);
    return 1;
  }
  fmt::print("index agrees with the recount: {} words, {} distinct ({:.1f} s)\n", recount.words, recount.distinct,
             elapsed.count());
  return shared.inconsistencies == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto options = parse_options(argc, argv);
    if (options.help) {
      fmt::print("{}", k_help);
      return 0;
    }
    return run(options);
  } catch (const UsageError& error) {
    fmt::print(stderr, "word_index: {} (--help tells more)\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "word_index: {}\n", error.what());
    return 1;
  }
}
