// Processes that are killed with SIGKILL lose nothing acknowledged, and leave a directory that the next one can go on
// with: real ones, on the real file system, killed from outside at any time and by themselves at every kind of call.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/catch.hpp"
#include "support/kill_child.hpp"
#include "support/scale.hpp"
#include "support/scratch_directory.hpp"
#include "support/seed.hpp"

extern char** environ;

namespace {

using namespace std::chrono_literals;
using namespace fluxmap_test;
using Clock = std::chrono::steady_clock;

constexpr auto k_patience = 120s;  // for a child that does nothing any more: it hangs

// This program once more, as the case `a_life` below. Killed where it is still there at the end.
class Child {
 public:
  explicit Child(const Life& life) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category(), "pipe2");
    pipe_ = ends[0];
    std::vector<char*> environment;
    std::string told = std::string(k_life_variable) + '=' + life.to_text();
    for (char** one = environ; *one != nullptr; ++one) environment.push_back(*one);
    environment.push_back(told.data());
    environment.push_back(nullptr);
    std::string program = "/proc/self/exe", name = "a_life";
    char* const arguments[] = {program.data(), name.data(), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], k_pipe);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const int error = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environment.data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error != 0) {
      ::close(pipe_);
      throw std::system_error(error, std::system_category(), "posix_spawn");
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) {
      kill();
      wait();
    }
    ::close(pipe_);
  }

  // False: the pipe has ended, or it is `until` and nothing has come.
  bool receive(Message& message, Clock::time_point until) {
    for (;;) {
      const auto left = std::max<Clock::duration>(until - Clock::now(), 0ns);
      const timespec timeout{std::chrono::duration_cast<std::chrono::seconds>(left).count(), (left % 1s).count()};
      pollfd what{.fd = pipe_, .events = POLLIN, .revents = 0};
      const int ready = ::ppoll(&what, 1, &timeout, nullptr);
      if (ready == 0) return false;
      const ssize_t got = ready < 0 ? -1 : ::read(pipe_, &message, sizeof message);
      if (got == static_cast<ssize_t>(sizeof message)) return true;
      if (got == 0) {
        ended_ = true;
        return false;
      }
      if (got > 0 || errno != EINTR) throw std::runtime_error("half a message, or an error of the pipe");
    }
  }
  bool ended() const { return ended_; }

  void kill() { ::kill(pid_, SIGKILL); }
  // Its status as waitpid tells it.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
      if (errno != EINTR) throw std::system_error(errno, std::system_category(), "waitpid");
    }
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
  int pipe_ = -1;
  bool ended_ = false;
};

// When a child is killed from outside: `delay` after the message of this kind with the number `nth`.
struct Trigger {
  Message::Kind kind = Message::started;
  std::uint64_t nth = 0;  // 0: not at all
  std::chrono::microseconds delay{};
};

struct Tally {
  std::uint64_t opening = 0, working = 0, closed = 0;  // how lives have ended
  std::uint64_t torn = 0, commits = 0;

  std::uint64_t kills() const { return opening + working; }
  void print(const char* name) const {
    std::printf("%s: %llu kills, %llu while opening; %llu closed in order; %llu torn tails, %llu commits\n", name,
                static_cast<unsigned long long>(kills()), static_cast<unsigned long long>(opening),
                static_cast<unsigned long long>(closed), static_cast<unsigned long long>(torn),
                static_cast<unsigned long long>(commits));
  }
};

// The lives of one directory.
class Lives {
 public:
  Lives(Level level, SplitMix& random, Tally& tally) : tally_(tally) {
    life_.level = level;
    life_.directory = directory_.path() / "db";
    life_.segment_bytes = 4096 + random.below(12288);
    life_.checkpoint_after = 4096 + random.below(28672);
  }
  Life& life() { return life_; }

  // Throws std::runtime_error where something is wrong.
  void live(const Trigger& trigger) {
    ++lives_;
    Child child(life_);
    std::optional<Clock::time_point> end;
    Message message;
    std::uint64_t count = 0;
    ready_ = false;
    for (bool going_on = true; going_on;) {
      if (child.receive(message, end.value_or(Clock::now() + k_patience))) {
        take(message);
        if (message.kind == trigger.kind && ++count == trigger.nth) end = Clock::now() + trigger.delay;
      } else if (!child.ended() && !end) {
        throw std::runtime_error("the child hangs");
      } else {
        going_on = false;
      }
      if (end && Clock::now() >= *end) going_on = false;
    }
    if (!child.ended()) child.kill();
    while (!child.ended() && child.receive(message, Clock::now() + k_patience)) take(message);
    judge(child.wait());
  }
  // Opens the directory in this process, and what it has left of it once more.
  void look() {
    Life life = life_;
    life.kill = {};
    life.writes_late = false;
    for (int i = 0; i < 2; ++i) {
      const std::shared_ptr<Cells> database = open_cells(life);
      const Counts counts = counts_of(*database);
      check_total(counts.total);
      for (std::uint32_t who = 0; who < k_writers; ++who) check_recovered(who, counts.counters.at(who));
    }
  }
  void keep() { directory_.keep(); }
  std::string describe() const { return "life " + std::to_string(lives_) + " in " + life_.directory.string(); }

 private:
  struct Bounds {
    std::uint64_t low = 0, high = 0;
  };

  void judge(int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
      for (Bounds& bounds : bounds_) bounds.high = bounds.low;
      ++tally_.closed;
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
      ++(ready_ ? tally_.working : tally_.opening);
    } else {
      throw std::runtime_error("the child ended by itself, with status " + std::to_string(status));
    }
  }

  void take(const Message& message) {
    switch (message.kind) {
      case Message::started:
        break;
      case Message::recovered:
        check_recovered(message.who, message.counter);
        check_total(message.total);
        break;
      case Message::ready:
        ready_ = true;
        if (message.counter != 0) ++tally_.torn;
        for (Bounds& bounds : bounds_) bounds.high = bounds.low + 1;  // one commit of each may be under way
        break;
      case Message::acknowledged: {
        Bounds& bounds = bounds_.at(message.who);
        if (message.counter != bounds.low + 1) throw std::runtime_error("a counter has jumped");
        ++bounds.low;
        ++bounds.high;
        total_ = std::max(total_, message.total);
        if (life_.level == Level::full) total_ = std::max(total_, message.seen);
        ++tally_.commits;
      }
    }
  }
  void check_recovered(std::uint32_t who, std::uint64_t counter) {
    Bounds& bounds = bounds_.at(who);
    if (counter < bounds.low || counter > bounds.high) {
      throw std::runtime_error("writer " + std::to_string(who) + " has " + std::to_string(counter) +
                               " commits; between " + std::to_string(bounds.low) + " and " +
                               std::to_string(bounds.high) + " were expected");
    }
    bounds = {counter, counter};
  }
  void check_total(std::uint64_t total) {
    if (total < total_) {
      throw std::runtime_error("of " + std::to_string(total_) + " commits that somebody was told of, or could see, " +
                               std::to_string(total) + " are there");
    }
    total_ = total;
  }

  Tally& tally_;
  ScratchDirectory directory_;  // it stays where a test has failed
  Life life_;
  std::array<Bounds, k_writers> bounds_;
  std::uint64_t total_ = 0;  // at least so many are there
  std::uint64_t lives_ = 0;
  bool ready_ = false;
};

// What went wrong, or nothing.
template <class Work>
std::string failure_of(std::uint64_t seed, Lives& lives, Work&& work) {
  try {
    work();
    return {};
  } catch (const std::exception& error) {
    lives.keep();
    return "FLUXMAP_SEED=" + std::to_string(seed) + ", " + lives.describe() + ": " + error.what();
  }
}

Trigger any_trigger(SplitMix& random) {
  const auto up_to = [&](std::uint64_t microseconds) {
    return std::chrono::microseconds(random.below(microseconds * k_sanitizer_cost));
  };
  switch (random.below(4)) {
    case 0:  // while it opens the directory, or a bit later
      return {Message::started, 1, up_to(5'000)};
    case 1:
      return {Message::acknowledged, 1, 200us + up_to(30'000)};
    default:
      return {Message::acknowledged, 1 + random.below(60), {}};
  }
}

std::string kill_again_and_again(const char* name, Level level, std::uint64_t kills) {
  const std::uint64_t start = seed(name);
  SplitMix random(start);
  Tally tally;
  while (tally.kills() < kills) {
    Lives lives(level, random, tally);
    lives.life().commits = 1'000'000;
    std::string wrong = failure_of(start, lives, [&] {
      for (std::uint64_t left = 5 + random.below(15); left > 0 && tally.kills() < kills; --left) {
        lives.live(any_trigger(random));
        if (random.below(4) == 0) lives.look();  // otherwise the next one finds what this one left
      }
      lives.look();
    });
    if (!wrong.empty()) return wrong;
  }
  tally.print(name);
  return {};
}

// Not a test of its own: what the others start and kill.
TEST_CASE("a_life", "[.]") {
  if (const char* told = std::getenv(k_life_variable)) std::exit(live(Life::from_text(told)));
}

TEST_CASE("killed_at_any_time_in_full") { CHECK(kill_again_and_again("full", Level::full, scaled(120)) == ""); }

TEST_CASE("killed_at_any_time_in_relaxed") {
  CHECK(kill_again_and_again("relaxed", Level::relaxed, scaled(120)) == "");
}

TEST_CASE("killed_at_every_kind_of_call") {
  struct Kind {
    Call call;
    std::uint64_t calls;  // that a life makes, about
  };
  const std::vector<Kind> kinds{{Call::write_at, 50}, {Call::write_at, 50}, {Call::write_at, 4},
                                {Call::sync, 20},     {Call::sync, 2},      {Call::rename, 4},
                                {Call::remove, 4},    {Call::allocate, 4},  {Call::sync_directory, 6},
                                {Call::open, 12},     {Call::resize, 1}};
  const std::uint64_t start = seed("kinds of calls");
  SplitMix random(start);
  Tally tally;
  for (std::uint64_t round = std::max<std::uint64_t>(1, scaled(4)); round > 0; --round) {
    for (const Level level : {Level::full, Level::relaxed}) {
      Lives lives(level, random, tally);
      const std::string wrong = failure_of(start, lives, [&] {
        for (const Kind& kind : kinds) {
          for (const KillPoint::When when : {KillPoint::before, KillPoint::half, KillPoint::behind}) {
            if (when == KillPoint::half && kind.call != Call::write_at) continue;
            if (kind.call == Call::resize) {  // of a torn tail: somebody has to leave one
              lives.life().kill = {Call::write_at, 10 + random.below(10), KillPoint::half};
              lives.live({});
            }
            lives.life().kill = {kind.call, 1 + random.below(kind.calls), when};
            lives.live({});
            if (random.below(4) == 0) lives.look();
          }
        }
        lives.look();
      });
      if (!wrong.empty()) FAIL(wrong);
    }
  }
  tally.print("kinds of calls");
}

TEST_CASE("a_file_system_that_writes_late_makes_the_checks_find_losses") {
  SplitMix random(seed("late writes"));
  Tally tally;
  for (int i = 0; i < 5; ++i) {
    Lives lives(Level::relaxed, random, tally);
    lives.life().commits = 1'000'000;
    lives.life().writes_late = true;
    bool found = false;
    for (int life = 0; life < 30 && !found; ++life) {
      try {
        lives.live({Message::acknowledged, 1 + random.below(60), {}});
      } catch (const std::runtime_error&) {
        found = true;
      }
    }
    CHECK(found);
  }
}

}  // namespace
