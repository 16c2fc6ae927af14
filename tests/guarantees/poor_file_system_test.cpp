// File systems and directories that cannot do everything: what can be promised there is, and the rest is told.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "shared.hpp"
#include "support/persistent.hpp"
#include "support/refused_call.hpp"
#include "support/scratch_directory.hpp"

#if defined(__linux__)
#include <sys/fsuid.h>
#endif

namespace {

namespace fs = std::filesystem;
using namespace fluxmap_test;

using Texts = fluxmap::Database<std::uint64_t, std::string>;
using TextsPtr = std::shared_ptr<Texts>;
using Errc = FaultPlan::Errc;
using Repeat = FaultPlan::Repeat;

constexpr std::size_t k_segment = 16 << 10;
constexpr Errc k_refusals[] = {Errc::function_not_supported,  Errc::invalid_argument, Errc::operation_not_permitted,
                               Errc::operation_not_supported, Errc::not_supported,    Errc::permission_denied,
                               Errc::bad_file_descriptor,     Errc::no_such_device};

void fill(Texts& database, std::uint64_t first, std::uint64_t count) {
  auto handle = database.handle();
  for (std::uint64_t key = first; key < first + count; ++key) run(handle.insert(key, std::string(1000, 'x')));
}
// The text of what build() throws.
std::string refusal_of(const fluxmap::DatabaseBuilder<std::uint64_t, std::string>& builder, Errc error) {
  try {
    builder.build();
  } catch (const boost::system::system_error& thrown) {
    CHECK(thrown.code() == error_code(error, boost::system::system_category()));
    return thrown.what();
  }
  return "it was opened";
}
bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("where_space_cannot_be_set_aside_zeros_are_written") {
  for (const Errc refusal : k_refusals) {
    const auto disk = std::make_shared<MemoryDisk>();
    disk->faults().fail(Call::allocate, 1, refusal, Repeat::from_then_on);
    for (std::uint64_t life = 0; life < 2; ++life) {
      const TextsPtr database = open_on<std::uint64_t, std::string>(disk, Level::full, in_directory(k_segment));
      CHECK(database->size() == life * 50);
      fill(*database, life * 50, 50);
      for (const std::string& name : disk->list(k_directory)) {
        if (!name.ends_with(".fluxlog")) continue;
        CHECK(disk->bytes(fs::path(k_directory) / name).size() == k_segment);
      }
      run(database->close());
    }
    CHECK(disk->faults().count(Call::allocate) > 4);
  }
}

TEST_CASE("a_disk_without_space_is_no_disk_that_cannot_set_it_aside") {
  for (const Errc error : {Errc::no_space_on_device, Errc::io_error, Errc::file_too_large}) {
    const auto disk = std::make_shared<MemoryDisk>();
    disk->faults().fail(Call::allocate, 1, error);
    CHECK(says(refusal_of(builder_on<std::uint64_t, std::string>(disk, Level::full), error), k_directory));
  }
}

TEST_CASE("a_file_system_that_does_not_sync_directories_is_refused_unless_that_is_accepted") {
  for (const Errc refusal : k_refusals) {
    for (const Call call : {Call::sync_directory, Call::sync_name}) {
      const auto disk = std::make_shared<MemoryDisk>();
      disk->faults().fail(call, 1, refusal, Repeat::from_then_on);
      for (int attempt = 0; attempt < 2; ++attempt) {
        const std::string text = refusal_of(builder_on<std::uint64_t, std::string>(disk, Level::full), refusal);
        INFO(text);
        CHECK(says(text, k_directory));
        CHECK(says(text, "does not promise that a file's name survives a power cut"));
        CHECK(says(text, "allow_unsynced_directory"));
        CHECK(disk->list(k_directory).empty());
      }
      fluxmap::PersistenceOptions options = in_directory(k_segment);
      options.allow_unsynced_directory = true;
      for (std::uint64_t life = 0; life < 2; ++life) {
        const TextsPtr database = open_on<std::uint64_t, std::string>(disk, Level::full, options);
        CHECK(database->size() == life * 50);
        fill(*database, life * 50, 50);
        run(database->checkpoint());
        run(database->close());
      }
    }
  }
}

TEST_CASE("who_accepts_unsynced_directories_is_told_of_disks_that_fail_nevertheless") {
  fluxmap::PersistenceOptions options = in_directory(k_segment);
  options.allow_unsynced_directory = true;
  for (const Errc error : {Errc::io_error, Errc::no_space_on_device}) {
    for (const Call call : {Call::sync_directory, Call::sync_name}) {
      const auto disk = std::make_shared<MemoryDisk>();
      disk->faults().fail(call, 1, error);
      const std::string text = refusal_of(builder_on<std::uint64_t, std::string>(disk, Level::full, options), error);
      CHECK(says(text, k_directory));
      CHECK_FALSE(says(text, "allow_unsynced_directory"));
    }
  }
  const auto disk = std::make_shared<MemoryDisk>();
  const TextsPtr database = open_on<std::uint64_t, std::string>(disk, Level::full, options);
  disk->faults().fail(Call::sync_directory, 1, Errc::io_error);
  CHECK(code_of([&] { fill(*database, 0, 50); }) == errc::log_failed);
}

#if defined(__linux__) && __has_include(<linux/seccomp.h>)
fluxmap::DatabaseBuilder<std::uint64_t, std::string> builder_in(const fs::path& directory, bool allow = false) {
  fluxmap::DatabaseBuilder<std::uint64_t, std::string> builder;
  builder.durability_full({.directory = directory,
                           .segment_bytes = k_segment,
                           .checkpoint_after_bytes = 0,
                           .allow_unsynced_directory = allow});
  return builder;
}
void live_twice(const fs::path& directory, bool allow = false) {
  for (std::uint64_t life = 0; life < 2; ++life) {
    const TextsPtr database = builder_in(directory, allow).build();
    CHECK(database->size() == life * 50);
    fill(*database, life * 50, 50);
    run(database->checkpoint());
    run(database->close());
  }
}

TEST_CASE("a_kernel_that_refuses_fallocate_opens_directories_all_the_same") {
  for (const int error : {ENOSYS, EINVAL, EPERM, EOPNOTSUPP, EACCES, ENODEV}) {
    const ScratchDirectory scratch;
    if (!run_refused(SYS_fallocate, error, [&] { live_twice(scratch / "data"); })) WARN("calls cannot be filtered");
  }
}

TEST_CASE("a_kernel_that_refuses_the_sync_of_directories_is_told_or_accepted") {
  for (const int error : {ENOSYS, EINVAL, EPERM, EOPNOTSUPP, EACCES, EBADF}) {
    const ScratchDirectory scratch;
    const bool filtered = run_refused(SYS_fsync, error, [&] {
      for (const char* name : {"new/data", "new/data", "there"}) {
        fs::create_directories(scratch / "there");
        CHECK(says(refusal_of(builder_in(scratch / name), static_cast<Errc>(error)), "allow_unsynced_directory"));
      }
      live_twice(scratch / "new/data", true);
      live_twice(scratch / "missing/so far", true);
    });
    if (!filtered) WARN("calls cannot be filtered");
  }
}
#endif

#if defined(__linux__)
// This thread, and those it starts, have no more rights than anybody else while it lives.
class Nobody {
 public:
  Nobody() : group_(::setfsgid(k_nobody)), user_(::setfsuid(k_nobody)) {}
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;
  ~Nobody() {
    ::setfsuid(static_cast<uid_t>(user_));
    ::setfsgid(static_cast<gid_t>(group_));
  }

 private:
  static constexpr unsigned k_nobody = 65534;
  int group_, user_;
};

void set_mode(const fs::path& path, fs::perms mode) { fs::permissions(path, mode); }

TEST_CASE("a_parent_that_may_be_entered_but_not_listed_is_as_good_as_another") {
  const ScratchDirectory scratch;
  set_mode(scratch.path(), fs::perms(0755));
  fs::create_directory(scratch / "parent");
  set_mode(scratch / "parent", fs::perms(0333));  // made in and entered by everybody, listed by nobody
  {
    const Nobody nobody;
    for (const char* below : {"data", "deeper/still/data"}) {
      const fs::path directory = scratch / "parent" / below;
      for (int life = 0; life < 3; ++life) {  // missing; there and empty; with a database
        if (life == 1) {
          fs::remove_all(directory);
          fs::create_directories(directory);
        }
        fluxmap::DatabaseBuilder<std::uint64_t, std::string> builder;
        builder.durability_full({.directory = directory, .segment_bytes = k_segment, .checkpoint_after_bytes = 0});
        const TextsPtr database = builder.build();
        fill(*database, 0, 5);
        run(database->close());
      }
    }
  }
  set_mode(scratch / "parent", fs::perms(0755));
}

TEST_CASE("a_parent_that_may_not_be_written_is_told_each_time") {
  const ScratchDirectory scratch;
  set_mode(scratch.path(), fs::perms(0755));
  fs::create_directory(scratch / "parent");
  for (const unsigned mode : {0000U, 0111U, 0444U, 0555U}) {
    set_mode(scratch / "parent", fs::perms(mode));
    const Nobody nobody;
    for (int attempt = 0; attempt < 2; ++attempt) {
      fluxmap::DatabaseBuilder<std::uint64_t, std::string> builder;
      builder.durability_full({.directory = scratch / "parent/sub/data"});
      CHECK(says(refusal_of(builder, Errc::permission_denied), "parent/sub/data"));
    }
  }
  set_mode(scratch / "parent", fs::perms(0755));
  CHECK(fs::is_empty(scratch / "parent"));
}
#endif

}  // namespace
