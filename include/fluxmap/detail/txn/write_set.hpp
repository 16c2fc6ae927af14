// What a transaction has written: private until it commits, ordered by key, with savepoints. · layer: txn
//
// A value goes at once into the version that commit will install, so a pointer to it stays good until the key is
// written again, and commit copies nothing. Nodes are kept until the transaction ends, even when a rollback has emptied
// them: scans refer to their keys.
#pragma once

#include <fluxmap/detail/index/entry.hpp>

#include <boost/intrusive/set.hpp>

#include <cstddef>
#include <cstdint>
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

  // The pending write of a key; null: none. A node without a version counts as none.
  template <class K>
  WriteType* find(const K& key) {
    if (nodes_.empty()) return nullptr;
    const auto at = nodes_.find(key, nodes_.key_comp());
    return at == nodes_.end() || at->version == nullptr ? nullptr : &*at;
  }

  // Writes `version` (a value or a tombstone) for `key`; `entry` is a hint where to. All or nothing.
  void put(Key&& key, PrivateVersion<Value> version, Entry<Key, Value>* entry) {
    if (savepoints_ > 0 && undo_.size() == undo_.capacity()) undo_.reserve(2 * undo_.size() + 8);
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
    if (savepoints_ > 0) undo_.push_back({node, std::move(version)});
  }

  // The first node whose key is not less than `key`, the first of all, or the first one after the key; null: none.
  // Nodes without a version are passed over.
  template <class K>
  WriteType* lower_bound(const K& key) {
    return skip_empty(nodes_.lower_bound(key, nodes_.key_comp()));
  }
  WriteType* first() { return skip_empty(nodes_.begin()); }
  template <class K>
  WriteType* upper_bound(const K& key) {
    return skip_empty(nodes_.upper_bound(key, nodes_.key_comp()));
  }

  // f(WriteType&) for every key with something to write, ascending.
  template <class F>
  void for_each(F&& f) {
    for (WriteType& node : nodes_) {
      if (node.version != nullptr) f(node);
    }
  }

  // A mark to roll back to. From the first one on, overwritten values are kept.
  std::size_t mark() noexcept {
    ++savepoints_;
    return undo_.size();
  }
  // Undoes what was written since `mark`.
  void roll_back_to(std::size_t mark) noexcept {
    while (undo_.size() > mark) {
      Undo& last = undo_.back();
      std::swap(last.node->version, last.version);
      if (last.node->version == nullptr) --live_;
      undo_.pop_back();
    }
  }
  std::size_t undo_size() const noexcept { return undo_.size(); }

  void clear() noexcept {
    nodes_.clear_and_dispose([](WriteType* node) { delete node; });
    undo_.clear();
    savepoints_ = 0;
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
    PrivateVersion<Value> version;  // what it was before
  };

  WriteType* skip_empty(typename Nodes::iterator at) {
    while (at != nodes_.end() && at->version == nullptr) ++at;
    return at == nodes_.end() ? nullptr : &*at;
  }

  Nodes nodes_;
  std::vector<Undo> undo_;
  std::size_t savepoints_ = 0;
  std::size_t live_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail
