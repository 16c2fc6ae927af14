// An exact check for strict serializability: builds the multi-version serialization graph of a history, with range
// reads and real time, and looks for a cycle (Adya's thesis, 1999; Bernstein and Goodman, TODS 1983).
//
// Nodes are the committed transactions. For versions v1 < v2 of one key, next to each other in cts order:
//   ww  writer of v1 -> writer of v2
//   wr  writer of v1 -> reader of v1
//   rw  reader of v1 -> writer of v2
// and T1 -> T2 when T1 ended before T2 began. The history is strictly serializable with its versions in cts order
// exactly if there is no cycle. A scan counts as a read of every key ever written inside its range, absent ones
// included, which makes phantoms ordinary rw edges.
//
// check_serializable here, check_commit_order (stronger) in commit_order.hpp. Cost: O(n log n) in transactions plus
// the reads, where a scan costs the number of keys in its range.
#pragma once

#include "support/commit_order.hpp"
#include "support/version_index.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

class SerializationGraph {
 public:
  SerializationGraph(const VersionIndex& index, const std::vector<Stamp>& upto)
      : index_(index), history_(index.history()) {
    add_version_edges();
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (history_[i].committed) add_read_edges(static_cast<std::uint32_t>(i), upto[i]);
    }
    add_real_time_edges();
    sort_edges();
  }

  // An absent read whose key was live at the reader's position; the graph uses the last time it was absent.
  const CheckResult& missed_key() const { return missed_; }

  CheckResult find_cycle() const {
    const std::vector<std::uint32_t> component = smallest_cyclic_component();
    if (component.empty()) return {};
    return explain(short_cycle(component));
  }

 private:
  enum class Kind : std::uint8_t { ww, wr, rw, real_time };
  struct Edge {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::uint32_t key = 0;  // slot in the index, not for real_time
    Kind kind = Kind::ww;
  };

  void add(std::uint32_t from, std::uint32_t to, std::uint32_t key, Kind kind) {
    if (from != to) edges_.push_back({from, to, key, kind});
  }

  void add_version_edges() {
    for (std::uint32_t key = 0; key < index_.keys().size(); ++key) {
      const auto chain = index_.chain(key);
      for (const VersionRef* v = chain.begin(); v + 1 < chain.end(); ++v) add(v->txn, v[1].txn, key, Kind::ww);
    }
  }

  void add_read_edges(std::uint32_t reader, Stamp upto) {
    const TxnRecord& txn = history_[reader];
    index_.for_each_read(txn, [&](const KeyRead& read) {
      const std::uint32_t key = index_.slot_of(read.key);
      if (key == VersionIndex::k_no_slot) return;  // nobody ever wrote it: no dependency
      const auto chain = index_.chain(key);
      const VersionRef* seen = nullptr;
      if (read.version == k_unknown_absent) {
        seen = chain.at(upto);
        if (seen != nullptr && !seen->tombstone) {
          if (missed_.ok()) missed_ = missed_live_key(index_, txn, read, *seen);
          while (seen != nullptr && !seen->tombstone) seen = seen == chain.begin() ? nullptr : seen - 1;
        }
      } else if (read.version != 0) {
        seen = chain.exactly(read.version);
      }
      if (seen != nullptr) add(seen->txn, reader, key, Kind::wr);
      const VersionRef* next = seen == nullptr ? chain.begin() : seen + 1;
      if (next != chain.end()) add(reader, next->txn, key, Kind::rw);  // when that is the reader itself, ww goes on
    });
  }

  // All pairs would be quadratic. Instead one auxiliary node per ended transaction, chained by end tick: a transaction
  // leads to its own node, and the last node before its begin leads to it.
  void add_real_time_edges() {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> ends;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (history_[i].committed && history_[i].end_tick != k_never) {
        ends.emplace_back(history_[i].end_tick, static_cast<std::uint32_t>(i));
      }
    }
    std::sort(ends.begin(), ends.end());
    const auto first_node = static_cast<std::uint32_t>(history_.size());
    nodes_ = first_node + static_cast<std::uint32_t>(ends.size());
    for (std::uint32_t i = 0; i < ends.size(); ++i) {
      add(ends[i].second, first_node + i, 0, Kind::real_time);
      if (i != 0) add(first_node + i - 1, first_node + i, 0, Kind::real_time);
    }
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (!history_[i].committed) continue;
      const auto after =
          std::lower_bound(ends.begin(), ends.end(), std::pair{history_[i].begin_tick, std::uint32_t{0}});
      if (after == ends.begin()) continue;
      const auto last = static_cast<std::uint32_t>(after - ends.begin() - 1);
      add(first_node + last, static_cast<std::uint32_t>(i), 0, Kind::real_time);
    }
  }

  // Groups the edges by source: those of node n become out_[offsets_[n] .. offsets_[n + 1]), as positions in edges_.
  void sort_edges() {
    offsets_.assign(std::size_t{nodes_} + 1, 0);
    for (const Edge& edge : edges_) ++offsets_[std::size_t{edge.from} + 1];
    for (std::size_t n = 0; n < nodes_; ++n) offsets_[n + 1] += offsets_[n];
    std::vector<std::size_t> next(offsets_.begin(), offsets_.end() - 1);
    out_.resize(edges_.size());
    for (std::size_t e = 0; e < edges_.size(); ++e) out_[next[edges_[e].from]++] = e;
  }

  // Tarjan's strongly connected components, with a stack of its own: chains are as long as the history.
  std::vector<std::uint32_t> smallest_cyclic_component() const {
    std::vector<std::uint32_t> order(nodes_, 0);  // 0: not visited; else discovery number
    std::vector<std::uint32_t> low(nodes_, 0);
    std::vector<bool> open(nodes_, false);
    std::vector<std::uint32_t> pending;                       // Tarjan's stack of nodes without a component yet
    std::vector<std::pair<std::uint32_t, std::size_t>> path;  // node, next of its out-edges
    std::vector<std::uint32_t> smallest;
    std::uint32_t counter = 0;
    const auto enter = [&](std::uint32_t node) {
      order[node] = low[node] = ++counter;
      open[node] = true;
      pending.push_back(node);
      path.emplace_back(node, offsets_[node]);
    };
    for (std::uint32_t root = 0; root < nodes_; ++root) {
      if (order[root] != 0) continue;
      enter(root);
      while (!path.empty()) {
        const std::uint32_t node = path.back().first;
        if (path.back().second < offsets_[std::size_t{node} + 1]) {
          const std::uint32_t target = edges_[out_[path.back().second++]].to;
          if (order[target] == 0) {
            enter(target);
          } else if (open[target]) {
            low[node] = std::min(low[node], order[target]);
          }
          continue;
        }
        path.pop_back();
        if (!path.empty()) low[path.back().first] = std::min(low[path.back().first], low[node]);
        if (low[node] != order[node]) continue;
        const auto first = std::find(pending.rbegin(), pending.rend(), node).base() - 1;
        for (auto member = first; member != pending.end(); ++member) open[*member] = false;
        const auto size = static_cast<std::size_t>(pending.end() - first);
        if (size > 1 && (smallest.empty() || size < smallest.size())) smallest.assign(first, pending.end());
        pending.erase(first, pending.end());
      }
    }
    return smallest;
  }

  // A shortest cycle through one of the first transactions of the component, as edges. Short ones explain best.
  std::vector<std::size_t> short_cycle(const std::vector<std::uint32_t>& component) const {
    constexpr std::size_t k_starts = 64;  // enough to find a short one without making a large component quadratic
    std::vector<bool> inside(nodes_, false);
    for (const std::uint32_t node : component) inside[node] = true;
    std::vector<std::size_t> best;
    std::size_t starts = 0;
    for (const std::uint32_t start : component) {
      if (start >= history_.size()) continue;  // every cycle passes through a transaction
      if (starts++ == k_starts) break;
      std::vector<std::size_t> cycle = shortest_through(start, inside);
      if (best.empty() || cycle.size() < best.size()) best = std::move(cycle);
    }
    return best;
  }

  std::vector<std::size_t> shortest_through(std::uint32_t start, const std::vector<bool>& inside) const {
    std::vector<std::size_t> came_by(nodes_, edges_.size());
    std::vector<std::uint32_t> queue{start};
    for (std::size_t head = 0; head < queue.size(); ++head) {
      const std::uint32_t node = queue[head];
      for (std::size_t o = offsets_[node]; o < offsets_[std::size_t{node} + 1]; ++o) {
        const std::size_t e = out_[o];
        const std::uint32_t target = edges_[e].to;
        if (target == start) {
          std::vector<std::size_t> cycle{e};
          for (std::uint32_t n = node; n != start; n = edges_[came_by[n]].from) cycle.push_back(came_by[n]);
          std::reverse(cycle.begin(), cycle.end());
          return cycle;
        }
        if (!inside[target] || came_by[target] != edges_.size()) continue;
        came_by[target] = e;
        queue.push_back(target);
      }
    }
    return {};  // not reached: start lies on a cycle of its component
  }

  CheckResult explain(const std::vector<std::size_t>& cycle) const {
    CheckResult result;
    result.anomaly = Anomaly::cycle;
    std::string steps;
    for (const std::size_t e : cycle) {
      const Edge& edge = edges_[e];
      if (edge.from < history_.size()) {
        const TxnRecord& from = history_[edge.from];
        result.transactions.push_back(from.id);
        steps += "  " + describe(from) + '\n';
        if (edge.kind == Kind::real_time) steps += "    --real time: ended before the next began-->\n";
      }
      if (edge.kind == Kind::real_time) continue;  // auxiliary nodes are passed over in silence
      const std::string key = std::to_string(index_.keys()[edge.key]);
      const std::string from_version = std::to_string(history_[edge.from].position);
      const std::string to_version = std::to_string(history_[edge.to].position);
      switch (edge.kind) {
        case Kind::ww:
          steps += "    --ww key " + key + ": version " + from_version + ", then " + to_version;
          break;
        case Kind::wr:
          steps += "    --wr key " + key + ": its version " + from_version + " was read";
          break;
        case Kind::rw:
          steps += "    --rw key " + key + ": what was read became version " + to_version;
          break;
        case Kind::real_time:
          break;
      }
      steps += "-->\n";
    }
    const std::string first = cycle.empty() ? "" : "  " + describe(history_[edges_[cycle.front()].from]) + '\n';
    result.explanation =
        "a cycle of " + std::to_string(result.transactions.size()) + " transactions:\n" + steps + first;
    return result;
  }

  const VersionIndex& index_;
  const std::vector<TxnRecord>& history_;
  std::uint32_t nodes_ = 0;  // [0, history size): transactions; from there on auxiliary nodes
  std::vector<Edge> edges_;
  std::vector<std::size_t> offsets_;
  std::vector<std::size_t> out_;
  CheckResult missed_;
};

// Is there a serial order of the committed transactions that explains every read, keeps the versions of each key in
// cts order and respects real time? Reads of "absent, version unknown" are judged at the reader's position, so for them
// (and for the gaps of scans) this asks a little more than serializability: the key must have been absent there.
inline CheckResult check_serializable(const std::vector<TxnRecord>& history) {
  const VersionIndex index(history);
  if (CheckResult fault = index.check_records(); !fault.ok()) return fault;
  const Places places = find_places(index);  // its fault is not ours: positions only serve to resolve absent reads
  const SerializationGraph graph(index, places.upto);
  // The cycle first: it names the whole anomaly, a missed key only a symptom.
  if (CheckResult cycle = graph.find_cycle(); !cycle.ok()) return cycle;
  return graph.missed_key();
}

}  // namespace fluxmap_test
