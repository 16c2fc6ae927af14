// A database at work, and a page that shows its statistics moving: dashboard --port 8080, then open what it prints.
//   /  the page      /stats.json  what it plots      /metrics  the same for Prometheus
#include <fluxmap/prometheus.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>

#include "http_server.hpp"
#include "page.hpp"
#include "report.hpp"
#include "workload.hpp"

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;
using example::HttpRequest;
using example::HttpResponse;
using example::Store;
using example::Workload;
using std::chrono::steady_clock;

namespace {

struct Options {
  std::uint16_t port = 0;
  std::uint32_t seconds = 0;
  std::uint32_t idle_seconds = 15;
  std::filesystem::path directory;  // empty: a temporary one
};

// A directory of its own below that for temporary files, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory()
      : path_(std::filesystem::temp_directory_path() /
              ("fluxmap-dashboard-" + std::to_string(std::random_device()()))) {}
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

HttpResponse answer(const HttpRequest& request, const Store& store, const Workload& workload,
                    steady_clock::time_point started) {
  if (request.path == "/") {
    return {.type = "text/html; charset=utf-8",
            .body = std::string(example::k_page),
            .headers = {{"Content-Security-Policy", std::string(example::k_page_policy)}}};
  }
  if (request.path == "/stats.json") {
    const std::chrono::duration<double> running = steady_clock::now() - started;
    return {.type = "application/json",
            .body = example::to_json(running.count(), store.stats(), workload.counts(), workload.flushes()),
            .headers = {}};
  }
  if (request.path == "/metrics") {
    return {.type = std::string(fluxmap::k_prometheus_content_type),
            .body = example::to_metrics(store.stats(), workload.counts(), workload.flushes()),
            .headers = {}};
  }
  return {.status = 404, .body = "there is /, /stats.json and /metrics\n", .headers = {}};
}

// Serves until it is interrupted, or the time is over.
void serve(const Options& options, const Store& store, const Workload& workload) {
  asio::io_context io(1);
  const auto started = steady_clock::now();
  example::HttpServer server(
      io, tcp::endpoint(asio::ip::address_v4::loopback(), options.port),
      [&, started](const HttpRequest& request) { return answer(request, store, workload, started); },
      {.idle = std::chrono::seconds(options.idle_seconds)});

  asio::signal_set signals(io, SIGINT, SIGTERM);
  asio::steady_timer end(io);
  const auto stop = [&](auto...) {
    server.stop();
    signals.cancel();
    end.cancel();
  };
  signals.async_wait(stop);
  if (options.seconds > 0) {
    end.expires_after(std::chrono::seconds(options.seconds));
    end.async_wait(stop);
  }
  std::cout << "dashboard: http://127.0.0.1:" << server.port() << '/' << std::endl;
  io.run();
}

int run(const Options& options) {
  std::optional<TemporaryDirectory> temporary;
  if (options.directory.empty()) temporary.emplace();
  const std::shared_ptr<Store> store =
      Store::builder()
          .durability_relaxed({.directory = temporary ? temporary->path() : options.directory,
                               .segment_bytes = 1 << 20,
                               .checkpoint_after_bytes = 4 << 20})  // small, so that there is something to be seen
          .auto_vacuum({.interval = 500ms})
          .build();
  Workload workload(*store);
  workload.start();
  std::exception_ptr failure;
  try {
    serve(options, *store, workload);
  } catch (...) {  // the port is taken: the coroutines must come to an end first
    failure = std::current_exception();
  }
  workload.finish();
  if (failure) std::rethrow_exception(failure);

  const auto counts = workload.counts();
  const auto stats = store->stats();
  std::cout << stats.commits << " commits, " << stats.conflicts << " conflicts, " << counts.scans << " scans, "
            << stats.expirations << " expirations, " << stats.checkpoints << " checkpoints; " << counts.wrong
            << " wrong sums\n";
  return counts.wrong == 0 && stats.failed_checkpoints == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char* argv[]) {
  Options options;
  CLI::App line("A database at work, and a page that shows its statistics moving");
  line.option_defaults()->take_last();
  line.add_option("--port", options.port, "of the loopback address to listen on; 0: one that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  line.add_option("--seconds", options.seconds, "end after so long; 0: when interrupted")->capture_default_str();
  line.add_option("--directory", options.directory, "where the database is kept, instead of a temporary one");
  line.add_option("--idle", options.idle_seconds, "close connections that are silent for so many seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  try {
    line.parse(argc, argv);
    return run(options);
  } catch (const CLI::ParseError& error) {
    return line.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "dashboard: " << error.what() << '\n';
    return 1;
  }
}
