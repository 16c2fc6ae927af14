// A file and a directory in memory that know what a power cut leaves of them.
//
// Of everything there are two states: as programs see it (`now`), and as the disk has it for certain (`durable`).
// Between them lie the steps that were not synced. A power cut keeps of them
//   of a file       of every sector of 512 bytes, and of the size, any state it has had since it was last durable, each
//                   chosen for itself: writes are kept, lost, torn, and reordered;
//   of a directory  the creations, renames and removals up to some point, or any subset of them that makes sense. A
//                   rename is atomic: the old name, or the new one.
// Sectors, because that is what disks write atomically; a file system may do better, never worse.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

// What a power cut keeps of that which was not synced.
enum class Cut : std::uint8_t { keep_nothing, keep_everything, random };

using Content = std::vector<std::byte>;

// A number in [0, bound). Not std::uniform_int_distribution: a seed must replay with every standard library.
inline std::size_t draw(std::mt19937_64& random, std::size_t bound) {
  return static_cast<std::size_t>(random() % bound);
}

class MemoryFile {
 public:
  static constexpr std::size_t k_sector = 512;

  const Content& now() const { return now_; }
  // For changes by hand: all that was not synced counts as durable, and so does what is changed until the next call.
  Content& edit() {
    edited_ = true;
    return now_;
  }
  Content durable() const { return edited_ ? now_ : durable_; }

  void write(std::size_t offset, std::span<const std::byte> bytes) {
    take_over_edits();
    if (bytes.empty()) return;
    const std::size_t end = offset + bytes.size();
    if (now_.size() < end) now_.resize(end);
    std::copy(bytes.begin(), bytes.end(), now_.begin() + static_cast<std::ptrdiff_t>(offset));
    ++step_;
    // The whole sector, not only the bytes: dirtiness has no finer grain, so what a failed sync lost next to them is
    // written with them.
    for (std::size_t sector = offset / k_sector; sector * k_sector < end; ++sector) note_sector(sector);
    note_size();
  }

  void resize(std::size_t size) {
    take_over_edits();
    std::vector<std::size_t> cleared;  // only those that held something: the others do not change
    for (std::size_t at = size; at < std::max(now_.size(), durable_.size()); at = (at / k_sector + 1) * k_sector) {
      if (!zero_from(now_, at) || !zero_from(durable_, at)) cleared.push_back(at / k_sector);
    }
    now_.resize(size);
    ++step_;
    for (const std::size_t sector : cleared) note_sector(sector);
    note_size();
  }

  void sync() {
    take_over_edits();
    settle([](const auto& states) { return states.size(); });
  }
  // What a failed sync does: nothing is dirty any more, and nothing has become durable.
  void forget() {
    take_over_edits();
    sectors_.clear();
    sizes_.clear();
    synced_ = step_;
  }

  void power_cut(std::mt19937_64& random, Cut cut) {
    if (cut == Cut::keep_everything) sync();
    if (cut == Cut::keep_nothing) forget();
    if (cut == Cut::random) {
      take_over_edits();
      keep_some(random);
    }
    now_ = durable_;
  }

 private:
  struct SectorState {
    std::uint64_t step;
    std::array<std::byte, k_sector> bytes;
  };
  struct SizeState {
    std::uint64_t step;
    std::size_t size;
  };

  static bool zero_from(const Content& content, std::size_t at) {
    const std::size_t end = std::min(content.size(), (at / k_sector + 1) * k_sector);
    for (; at < end; ++at) {
      if (content[at] != std::byte{}) return false;
    }
    return true;
  }
  // Copies what of a sector lies within the content.
  static void copy_sector(const Content& from, std::size_t sector, std::span<std::byte, k_sector> to) {
    const std::size_t begin = sector * k_sector;
    if (begin >= from.size()) return;
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(begin), std::min(k_sector, from.size() - begin), to.begin());
  }
  static void copy_sector(std::span<const std::byte, k_sector> from, std::size_t sector, Content& to) {
    const std::size_t begin = sector * k_sector;
    if (begin >= to.size()) return;
    std::copy_n(from.begin(), std::min(k_sector, to.size() - begin), to.begin() + static_cast<std::ptrdiff_t>(begin));
  }

  void note_sector(std::size_t sector) {
    SectorState& state = sectors_[sector].emplace_back(SectorState{step_, {}});
    copy_sector(now_, sector, state.bytes);
  }
  // Also when this step did not change it: after a failed sync the size is to be written again, too.
  void note_size() {
    const std::size_t noted = sizes_.empty() ? durable_.size() : sizes_.back().size;
    if (noted != now_.size()) sizes_.push_back({step_, now_.size()});
  }

  void take_over_edits() {
    if (!edited_) return;
    edited_ = false;
    durable_ = now_;
    forget();
  }
  // Makes durable the first kept(states) states of every sector and of the size.
  template <class Kept>
  void settle(Kept kept) {
    if (const std::size_t count = kept(sizes_)) durable_.resize(sizes_[count - 1].size);
    for (const auto& [sector, states] : sectors_) {
      if (const std::size_t count = kept(states)) copy_sector(states[count - 1].bytes, sector, durable_);
    }
    forget();
  }

  // Every outcome has its chance in the first way; the others make likely what a test wants to see often: a log whose
  // last write was interrupted, and a single sector that is missing or that alone got through.
  void keep_some(std::mt19937_64& random) {
    switch (draw(random, 4)) {
      case 0:
        return settle([&](const auto& states) { return draw(random, states.size() + 1); });
      case 1: {
        const std::uint64_t last = synced_ + 1 + draw(random, static_cast<std::size_t>(step_ - synced_) + 1);
        return settle([&](const auto& states) {
          const auto at =
              std::partition_point(states.begin(), states.end(), [&](auto& one) { return one.step < last; });
          const bool torn = at != states.end() && at->step == last && draw(random, 2) == 0;
          return static_cast<std::size_t>(at - states.begin()) + (torn ? 1 : 0);
        });
      }
      case 2:
        return settle(
            [&](const auto& states) { return draw(random, 8) == 0 ? draw(random, states.size() + 1) : states.size(); });
      default:
        return settle([&](const auto& states) { return draw(random, 8) == 0 ? draw(random, states.size() + 1) : 0; });
    }
  }

  Content now_;
  Content durable_;
  std::map<std::size_t, std::vector<SectorState>> sectors_;  // states since they were last durable, oldest first
  std::vector<SizeState> sizes_;
  std::uint64_t step_ = 0;
  std::uint64_t synced_ = 0;  // the last step that is durable, or forgotten
  bool edited_ = false;
};

using MemoryFilePtr = std::shared_ptr<MemoryFile>;

class MemoryDirectory {
 public:
  using Entries = std::map<std::string, MemoryFilePtr>;

  const Entries& now() const { return now_; }
  MemoryFilePtr find(const std::string& name) const {
    const auto at = now_.find(name);
    return at == now_.end() ? nullptr : at->second;
  }

  // `name` must be free.
  void create(const std::string& name, MemoryFilePtr file) { step({"", name, std::move(file)}); }
  // The old name must exist.
  void rename(const std::string& from, const std::string& to) { step({from, to, find(from)}); }
  void remove(const std::string& name) { step({name, "", find(name)}); }

  void sync() {
    durable_ = now_;
    steps_.clear();
  }

  void power_cut(std::mt19937_64& random, Cut cut) {
    std::size_t first = cut == Cut::keep_nothing ? 0 : steps_.size();
    std::size_t rest_in_eight = 0;  // the chance of each that follows
    if (cut == Cut::random) {
      if (draw(random, 2) == 0) {
        first = draw(random, steps_.size() + 1);
      } else {
        first = 0;
        rest_in_eight = std::array<std::size_t, 3>{1, 4, 7}.at(draw(random, 3));
      }
    }
    for (std::size_t at = 0; at < steps_.size(); ++at) {
      if (at < first || draw(random, 8) < rest_in_eight) apply(steps_[at], durable_);
    }
    now_ = durable_;
    steps_.clear();
  }

  // Puts copies of the files into a copied directory.
  template <class CopyOf>
  void replace_files(CopyOf copy_of) {
    for (auto& [name, file] : now_) file = copy_of(file);
    for (auto& [name, file] : durable_) file = copy_of(file);
    for (Step& one : steps_) one.file = copy_of(one.file);
  }

 private:
  struct Step {
    std::string from;  // empty: a creation
    std::string to;    // empty: a removal
    MemoryFilePtr file;
  };

  static void apply(const Step& one, Entries& entries) {
    if (one.from.empty()) {
      if (entries.contains(one.to)) return;
    } else {
      const auto at = entries.find(one.from);
      if (at == entries.end() || at->second != one.file) return;  // what made it so was lost
      entries.erase(at);
    }
    if (!one.to.empty()) entries[one.to] = one.file;
  }
  void step(Step one) {
    apply(one, now_);
    steps_.push_back(std::move(one));
  }

  Entries now_;
  Entries durable_;
  std::vector<Step> steps_;  // not synced yet
};

}  // namespace fluxmap_test
