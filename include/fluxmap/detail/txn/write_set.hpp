// What a transaction has written: private until it commits, ordered by key, with savepoints. · layer: txn
//
// A value goes at once into the version that commit will install, so a pointer to it stays good until the key is
// written again, and commit copies nothing. A node that a rollback has emptied goes, unless a scan refers to its key.
//
// Savepoints: a log of what each write has replaced, and marks in it. Between two marks only the first write of a key
// is logged; what others replace nobody can come back to. So rolling back costs what there is to be undone, and each
// write is undone once. A mark that nobody holds any more is forgotten, and what only it needed with it: looked for
// whenever the log has doubled, so O(1) for each write.
#pragma once

#include <fluxmap/detail/index/entry.hpp>

#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Destroys a version that never was in a chain.
template <class Value>
struct PrivateVersionDelete {
  void operator()(Version<Value>* version) const noexcept { version->destroy(); }
};
template <class Value>
using PrivateVersion = std::unique_ptr<Version<Value>, PrivateVersionDelete<Value>>;

// One key to be written, and how far commit has come with it.
template <class Key, class Value>
struct Write : boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>> {
  using EntryType = Entry<Key, Value>;

  Key key;                        // moved into a new entry by commit
  PrivateVersion<Value> version;  // null: nothing to write (rolled back), or installed
  EntryType* entry = nullptr;     // found, linked, or known from a read
  Version<Value>* installed = nullptr;
  EntryType* spare = nullptr;          // an entry made for this key that lost against another one
  Version<Value>* at_birth = nullptr;  // the head of an entry that is being linked
  std::size_t logged = 0;              // where its last record stands in the undo log, from 1; 0: nowhere
  Write* next_kept = nullptr;          // see WriteSet::kept_
  bool scanned = false;                // a scan refers to the key
  bool created = false;                // `entry` was linked by this commit, which holds its k_queued token
  bool over_any = false;               // the installed version stands on another one,
  bool over_live = false;              //   which is a value
  std::size_t over_bytes = 0;          //   that weighs so much; where there is a memory limit

  // Set by single-key read-modify-writes: commit only on top of exactly this version.
  bool expects = false;
  Version<Value>* expected = nullptr;

  // The key, wherever commit has moved it to by now.
  const Key& key_now() const noexcept { return spare != nullptr ? spare->key : created ? entry->key : key; }

  explicit Write(Key&& k) : key(std::move(k)) {}
  Write(const Write&) = delete;
  Write& operator=(const Write&) = delete;
  ~Write() {
    if (spare != nullptr) EntryType::destroy(spare);
  }
};

// A place to roll back to: a number, greater than those of earlier ones. Held by whoever may still use it.
using UndoMark = std::shared_ptr<const std::uint64_t>;

template <class Key, class Value, class Compare>
class WriteSet {
 public:
  using WriteType = Write<Key, Value>;

  explicit WriteSet(Compare compare) : nodes_(Less{std::move(compare)}) {}
  WriteSet(const WriteSet&) = delete;
  WriteSet& operator=(const WriteSet&) = delete;
  ~WriteSet() { clear(); }

  bool empty() const noexcept { return live_ == 0; }
  std::size_t size() const noexcept { return live_; }  // keys with something to write

  // The pending write of a key; null: none.
  template <class K>
  WriteType* find(const K& key) {
    if (nodes_.empty()) return nullptr;
    const auto at = nodes_.find(key, nodes_.key_comp());
    return or_null(at);
  }

  // Writes `version` (a value or a tombstone) for `key`; `entry` is a hint where to. All or nothing.
  void put(Key&& key, PrivateVersion<Value> version, Entry<Key, Value>* entry) {
    forget_unused();
    if (!marks_.empty() && undo_.size() == undo_.capacity()) undo_.reserve(2 * undo_.size() + 8);
    const auto at = nodes_.lower_bound(key, nodes_.key_comp());
    WriteType* node = nullptr;
    if (at == nodes_.end() || nodes_.key_comp()(key, *at)) {
      node = new WriteType(std::move(key));
      nodes_.insert_before(at, *node);  // compares nothing, so it cannot throw
    } else {
      node = &*at;
    }
    if (node->version == nullptr) ++live_;
    if (entry != nullptr) node->entry = entry;
    std::swap(node->version, version);
    if (marks_.empty() || node->logged > marks_.back().at) return;
    undo_.push_back({node, std::move(version), node->logged});
    node->logged = undo_.size();
  }

  // The first node whose key is not less than `key`, the first of all, or the first one after the key; null: none.
  template <class K>
  WriteType* lower_bound(const K& key) {
    return or_null(nodes_.lower_bound(key, nodes_.key_comp()));
  }
  WriteType* first() { return or_null(nodes_.begin()); }
  template <class K>
  WriteType* upper_bound(const K& key) {
    return or_null(nodes_.upper_bound(key, nodes_.key_comp()));
  }

  // f(WriteType&) for every key with something to write, ascending.
  template <class F>
  void for_each(F&& f) {
    for (WriteType& node : nodes_) {
      if (node.version != nullptr) f(node);
    }
  }

  // A scan refers to the key from now on.
  static void keep(WriteType& write) noexcept { write.scanned = true; }

  // A mark to roll back to. O(1), amortised.
  UndoMark mark() {
    forget_unused();
    auto mark = std::make_shared<const std::uint64_t>(++last_mark_);
    marks_.push_back({mark, undo_.size()});
    return mark;
  }
  // Undoes what was written since the mark; later ones are gone. False: it is not, or no longer, one of these.
  bool roll_back_to(const UndoMark& mark) noexcept {
    const auto before = [](const Mark& a, std::uint64_t number) { return *a.mark < number; };
    const auto found = std::lower_bound(marks_.begin(), marks_.end(), *mark, before);
    if (found == marks_.end() || found->mark != mark) return false;
    while (undo_.size() > found->at) {
      Undo& last = undo_.back();
      WriteType& node = *last.node;
      node.version = std::move(last.version);
      node.logged = last.before;
      undo_.pop_back();
      if (node.version == nullptr) drop(node);
    }
    marks_.erase(found + 1, marks_.end());
    return true;
  }

  void clear() noexcept {
    nodes_.clear_and_dispose([](WriteType* node) { delete node; });
    while (kept_ != nullptr) delete std::exchange(kept_, kept_->next_kept);
    undo_.clear();
    marks_.clear();
    look_at_ = k_first_look;
    live_ = 0;
  }

 private:
  struct Less {
    Compare compare;
    bool operator()(const WriteType& a, const WriteType& b) const { return compare(a.key, b.key); }
    template <class K>
    bool operator()(const WriteType& a, const K& b) const {
      return compare(a.key, b);
    }
    template <class K>
    bool operator()(const K& a, const WriteType& b) const {
      return compare(a, b.key);
    }
  };
  using Nodes = boost::intrusive::set<WriteType, boost::intrusive::compare<Less>>;
  struct Undo {
    WriteType* node;
    PrivateVersion<Value> version;  // what it was before; null: nothing
    std::size_t before;             // the node's `logged` before
  };
  struct Mark {
    UndoMark mark;
    std::size_t at;  // so many records are older
  };
  static constexpr std::size_t k_first_look = 8;

  WriteType* or_null(typename Nodes::iterator at) { return at == nodes_.end() ? nullptr : &*at; }

  // A node that has nothing to write any more.
  void drop(WriteType& node) noexcept {
    --live_;
    nodes_.erase(nodes_.iterator_to(node));
    if (node.scanned) {
      node.next_kept = std::exchange(kept_, &node);
    } else {
      delete &node;
    }
  }

  // Forgets the marks that only we hold, and the records that no other one needs, if there may be many.
  void forget_unused() noexcept {
    if (undo_.size() + marks_.size() < look_at_) return;
    std::erase_if(marks_, [](const Mark& mark) { return mark.mark.use_count() == 1; });
    for (const Undo& undo : undo_) undo.node->logged = 0;
    auto next = marks_.begin();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < undo_.size(); ++i) {
      for (; next != marks_.end() && next->at == i; ++next) next->at = kept;
      Undo& undo = undo_[i];
      const bool needed = next != marks_.begin() && undo.node->logged <= std::prev(next)->at;
      if (!needed) continue;  // the first one after the mark is there, or there is no mark before it
      undo.before = std::exchange(undo.node->logged, kept + 1);
      if (kept != i) undo_[kept] = std::move(undo);
      ++kept;
    }
    for (; next != marks_.end(); ++next) next->at = kept;
    undo_.erase(undo_.begin() + static_cast<std::ptrdiff_t>(kept), undo_.end());
    look_at_ = 2 * (undo_.size() + marks_.size()) + k_first_look;
  }

  Nodes nodes_;
  WriteType* kept_ = nullptr;  // emptied by a rollback, but for the keys that scans refer to: in no order
  std::vector<Undo> undo_;
  std::vector<Mark> marks_;  // ascending
  std::uint64_t last_mark_ = 0;
  std::size_t look_at_ = k_first_look;  // so many records and marks: see forget_unused
  std::size_t live_ = 0;                // keys with something to write
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail
