// Indexes the words of real text files with several coroutines at once, answers prefix queries meanwhile, and
// proves at the end that nothing was lost: a plain recount must give the same numbers.
//
// The index holds two kinds of entry, so that all there is about a word lies side by side:
//   word                the total: how often, in how many files
//   word \0 file-number the count in that one file
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>
#include <fmt/format.h>

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
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z');
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
        throw UsageError("--query wants the beginning of a word: letters, digits and underscores");
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

// Splits text that arrives in pieces into lower-case words: runs of letters, digits, underscores and bytes beyond
// ASCII that do not begin with a digit, of which the first 64 bytes count.
class WordSplitter {
 public:
  template <class Sink>
  void feed(std::string_view text, Sink&& sink) {
    for (const char c : text) {
      if (is_word_byte(c)) {
        if (word_.size() < k_max_word) word_.push_back(to_lower(c));
      } else if (!word_.empty()) {
        finish(sink);
      }
    }
  }

  template <class Sink>
  void finish(Sink&& sink) {
    if (!word_.empty() && !(word_.front() >= '0' && word_.front() <= '9')) sink(std::string_view(word_));
    word_.clear();
  }

 private:
  static constexpr std::size_t k_max_word = 64;
  std::string word_;
};

struct File {
  fs::path path;
  std::uint64_t bytes_indexed = 0;  // written by the one coroutine that indexes the file
};

std::vector<File> find_files(const Options& options, Console& console) {
  std::set<fs::path> found;  // in order, and each path once
  for (const auto& path : options.paths) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) throw UsageError(fmt::format("{}: {}", path.string(), error.message()));
    if (fs::is_regular_file(status)) {
      found.insert(path.lexically_normal());
      continue;
    }
    if (!fs::is_directory(status)) throw UsageError(fmt::format("{}: not a file or directory", path.string()));
    for (auto walk = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, error);
         !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      std::error_code ignored;  // a dangling link, a socket, a vanished file: not a text to index
      if (walk->is_regular_file(ignored)) found.insert(walk->path().lexically_normal());
    }
    if (error) console.note(fmt::format("{}: {}; its remaining files are left out", path.string(), error.message()));
  }
  std::vector<File> files;
  for (const auto& path : found) {
    if (options.limit_files != 0 && files.size() == options.limit_files) break;
    files.push_back({path});
  }
  if (files.empty()) throw UsageError("there are no files to index");
  return files;
}

// ---- Indexing -------------------------------------------------------------------------------------------------------

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

using Batch = std::unordered_map<std::string, std::uint64_t, StringHash, std::equal_to<>>;

// One transaction per so many different words: large enough to be quick, small enough that two of them, which
// nearly always share words such as "the" or "include", do not throw away much when they collide.
constexpr std::size_t k_batch_words = 300;
constexpr std::size_t k_chunk_bytes = 4096;

struct Shared {
  Shared(std::vector<File> found, Console& output) : files(std::move(found)), console(output) {}

  std::vector<File> files;
  Console& console;
  std::shared_ptr<Index> index = Index::builder().auto_vacuum({.interval = 1s}).build();
  std::atomic<std::size_t> next_file{0};
  std::atomic<std::size_t> files_done{0};
  std::atomic<std::size_t> files_skipped{0};
  std::atomic<std::uint64_t> words{0};
  std::atomic<std::uint64_t> queries{0};
  std::atomic<std::uint64_t> words_checked{0};
  std::atomic<std::uint64_t> inconsistencies{0};
  std::atomic<bool> stop{false};
};

std::string posting_key(std::string_view word, std::size_t file) {
  return fmt::format("{}{}{:06x}", word, '\0', file);
}

// Adds the batch to the index, all of it or nothing; runs again if another coroutine changed one of the totals.
void add_batch(auto& tx, const Batch& batch, std::size_t file, bool first_of_file) {
  for (const auto& [word, count] : batch) {
    auto key = posting_key(word, file);
    Posting in_file;
    if (!first_of_file) {  // no one else writes this file's postings: the first time there cannot be any
      if (const Posting* old = tx.get(key)) in_file = *old;
    }
    Posting total;
    if (const Posting* old = tx.get(word)) total = *old;
    total.count += count;
    if (in_file.count == 0) ++total.files;
    tx.insert(word, total);
    tx.insert(std::move(key), Posting{in_file.count + count, 1});
  }
}

// Why the file is not a text we can read; nothing: it is one. A zero byte early on means binary, as in many tools.
std::optional<std::string> complaint_about(const std::ifstream& in, std::string_view first_chunk) {
  if (!in.is_open()) return "cannot be opened";
  if (in.bad()) return "cannot be read";
  if (first_chunk.find('\0') != std::string_view::npos) return "is binary";
  return std::nullopt;
}

asio::awaitable<void> index_file(Shared& shared, std::size_t number) {
  File& file = shared.files[number];
  auto handle = shared.index->handle();
  std::ifstream in(file.path, std::ios::binary);
  std::string chunk(k_chunk_bytes, '\0');
  WordSplitter splitter;
  Batch batch;
  std::uint64_t words = 0;
  bool first = true;
  const auto collect = [&](std::string_view word) {
    ++words;
    if (const auto found = batch.find(word); found != batch.end()) {
      ++found->second;
    } else {
      batch.emplace(word, 1);
    }
  };

  for (bool at_end = false; !at_end;) {
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    const std::string_view text(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (file.bytes_indexed == 0) {
      if (const auto complaint = complaint_about(in, text)) {
        shared.console.note(fmt::format("skipped: {} {}", file.path.string(), *complaint));
        ++shared.files_skipped;
        co_return;
      }
    }
    file.bytes_indexed += text.size();
    splitter.feed(text, collect);
    at_end = !in;
    if (at_end) splitter.finish(collect);
    if (batch.size() < k_batch_words && !at_end) continue;
    if (!batch.empty()) {
      co_await handle.transaction([&](auto& tx) { add_batch(tx, batch, number, first); });
      shared.words += words;
      words = 0;
      first = false;
      batch.clear();
    }
    co_await asio::post(asio::use_awaitable);  // a fair share of the pool for the queries
  }
  if (in.bad()) {
    shared.console.note(fmt::format("{}: reading failed after {} bytes", file.path.string(), file.bytes_indexed));
  }
}

asio::awaitable<void> index_files(Shared& shared) {
  while (!shared.stop) {
    const auto number = shared.next_file++;
    if (number >= shared.files.size()) break;
    co_await index_file(shared, number);
    ++shared.files_done;
  }
}

// ---- Queries while the index changes --------------------------------------------------------------------------------

// Walks entries in key order and checks that the counts in the files of each word add up to the word's total.
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
      sum_.count += posting.count;
      ++sum_.files;
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
};

void report_difference(Recount& recount, const std::string& what) {
  if (++recount.differences <= 20) fmt::print("difference: {}\n", what);
}

std::string describe(const std::optional<Posting>& posting) {
  return posting ? fmt::format("{} in {} files", posting->count, posting->files) : std::string("absent");
}

// Counts everything again without the database: one thread, std::map, whole files; then compares entry by entry.
Recount recount_files(const Shared& shared) {
  Recount recount;
  auto handle = shared.index->handle();
  std::map<std::string, Posting, std::less<>> totals;
  std::uint64_t postings = 0;
  for (std::size_t number = 0; number < shared.files.size(); ++number) {
    const File& file = shared.files[number];
    if (file.bytes_indexed == 0) continue;
    std::string text(file.bytes_indexed, '\0');
    std::ifstream(file.path, std::ios::binary).read(text.data(), static_cast<std::streamsize>(text.size()));
    std::map<std::string, std::uint64_t, std::less<>> counts;
    const auto count = [&](std::string_view word) {
      ++recount.words;
      if (const auto found = counts.find(word); found != counts.end()) {
        ++found->second;
      } else {
        counts.emplace(word, 1);
      }
    };
    WordSplitter splitter;
    splitter.feed(text, count);
    splitter.finish(count);

    postings += counts.size();
    for (const auto& [word, in_file] : counts) {
      auto& total = totals[word];
      total.count += in_file;
      ++total.files;
      const auto indexed = handle.get(posting_key(word, number));
      if (indexed != Posting{in_file, 1}) {
        report_difference(recount, fmt::format("'{}' in {}: index {}, recount {}", word, file.path.string(),
                                               describe(indexed), in_file));
      }
    }
  }
  recount.distinct = totals.size();
  for (const auto& [word, total] : totals) {
    if (const auto indexed = handle.get(word); indexed != total) {
      report_difference(recount,
                        fmt::format("'{}': index {}, recount {}", word, describe(indexed), describe(total)));
    }
  }
  if (shared.index->size() != totals.size() + postings) {
    report_difference(recount, fmt::format("the index has {} entries, the recount {}", shared.index->size(),
                                           totals.size() + postings));
  }
  if (shared.words != recount.words) {
    report_difference(recount, fmt::format("{} words indexed, {} recounted", shared.words.load(), recount.words));
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
    fmt::print("the index DISAGREES with the recount in {} places\n", recount.differences);
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
