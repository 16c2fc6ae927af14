// A queue of jobs that several workers take from at once. Taking a job, finishing it and giving it back are
// transactions, so that each job is done exactly once although workers fail in the middle now and then.
//
// A job moves between three prefixes:  pending/ID → running/ID → done/ID
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace {

struct Job {
  std::uint64_t input = 0;
  std::uint64_t result = 0;
  int attempts = 0;
  int worker = -1;
};

using Queue = fluxmap::Database<std::string, Job>;

constexpr std::uint64_t k_jobs = 1000;
constexpr int k_workers = 6;

struct WorkerFailed {};

// Zero-padded, so that jobs are in the order of their numbers.
std::string job_id(std::uint64_t number) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%08llu", static_cast<unsigned long long>(number));
  return text.data();
}

asio::awaitable<void> submit(Queue& queue, std::uint64_t first, std::uint64_t last) {
  auto handle = queue.handle();
  for (std::uint64_t number = first; number < last; ++number) {
    co_await handle.insert("pending/" + job_id(number), Job{.input = number});
    if (number % 8 == 0) co_await asio::post(asio::use_awaitable);
  }
}

struct Claim {
  std::string id;
  Job job;
};

// The first pending job, moved to running/ in the same transaction: no other worker can have it too.
asio::awaitable<std::optional<Claim>> claim(Queue& queue, int worker) {
  auto handle = queue.handle();
  co_return co_await handle.transaction([worker](auto& tx) -> std::optional<Claim> {
    std::optional<Claim> claim;
    for (const auto& [key, job] : tx.prefix_scan_stream("pending/")) {
      claim = Claim{key.substr(key.find('/') + 1), job};
      break;
    }
    if (!claim) return claim;
    claim->job.worker = worker;
    ++claim->job.attempts;
    tx.remove("pending/" + claim->id);
    tx.insert("running/" + claim->id, claim->job);
    return claim;
  });
}

asio::awaitable<void> move_job(Queue& queue, const Claim& claim, std::string to) {
  auto handle = queue.handle();
  co_await handle.transaction([&](auto& tx) {
    if (!tx.remove("running/" + claim.id)) throw std::logic_error("job " + claim.id + " is not running");
    tx.insert(to + claim.id, claim.job);
  });
}

// Takes a while, and fails about once in eight times.
asio::awaitable<std::uint64_t> work_on(const Job& job, std::mt19937& random) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::microseconds(random() % 300));
  co_await timer.async_wait(asio::use_awaitable);
  if (random() % 8 == 0) throw WorkerFailed{};
  co_return job.input* job.input;
}

asio::awaitable<void> worker(Queue& queue, std::vector<std::atomic<int>>& times_done, std::atomic<int>& failures,
                             std::atomic<std::uint64_t>& finished, int number) {
  std::mt19937 random(static_cast<unsigned>(number));
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (finished < k_jobs) {
    auto claimed = co_await claim(queue, number);
    if (!claimed) {  // nothing pending: more may be submitted, or given back by a worker that failed
      timer.expires_after(std::chrono::milliseconds(1));
      co_await timer.async_wait(asio::use_awaitable);
      continue;
    }
    bool failed = false;
    try {
      claimed->job.result = co_await work_on(claimed->job, random);
    } catch (const WorkerFailed&) {
      failed = true;
    }
    if (failed) {
      ++failures;
      co_await move_job(queue, *claimed, "pending/");
    } else {
      co_await move_job(queue, *claimed, "done/");
      ++times_done[claimed->job.input];
      ++finished;
    }
  }
}

}  // namespace

int main() {
  Queue queue;
  std::vector<std::atomic<int>> times_done(k_jobs);
  std::atomic<int> failures{0};
  std::atomic<std::uint64_t> finished{0};
  asio::thread_pool pool(4);
  try {
    std::vector<std::future<void>> work;
    work.push_back(asio::co_spawn(pool, submit(queue, 0, k_jobs / 2), asio::use_future));
    work.push_back(asio::co_spawn(pool, submit(queue, k_jobs / 2, k_jobs), asio::use_future));
    for (int number = 0; number < k_workers; ++number) {
      auto one = worker(queue, times_done, failures, finished, number);
      work.push_back(asio::co_spawn(pool, std::move(one), asio::use_future));
    }
    for (auto& one : work) one.get();
  } catch (const std::exception& error) {
    std::cerr << "job_queue: " << error.what() << '\n';
    std::_Exit(1);  // other workers may still wait for jobs that never come
  }
  pool.join();

  std::uint64_t wrong = 0;
  for (const auto& times : times_done) wrong += times == 1 ? 0 : 1;
  const auto handle = queue.handle();
  std::uint64_t done = 0;
  for (const auto& [key, job] : handle.prefix_scan("done/")) {
    ++done;
    if (job.result != job.input * job.input || key != "done/" + job_id(job.input)) ++wrong;
  }
  const auto stats = queue.stats();
  std::cout << done << " of " << k_jobs << " jobs done by " << k_workers << " workers, " << failures
            << " failures on the way, " << wrong << " wrong; " << stats.conflicts << " conflicts, " << stats.retries
            << " retries\n";
  return done == k_jobs && wrong == 0 && queue.size() == k_jobs ? 0 : 1;
}
