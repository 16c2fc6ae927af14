// Lists that their owners give away while they are busy: a stack that anybody adds to and that is taken as a whole, so
// there is no ABA. · layer: index
//
// Thread safety: all calls. Lock-free.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/schedule_point.hpp>

#include <atomic>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class HandOver {
 public:
  HandOver() = default;
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;
  ~HandOver() {
    take([](const std::vector<void*>&) { return true; });
  }

  // Takes what is in `list`, which is empty then. Without memory for it, or with nothing in it, nothing happens.
  void give(std::vector<void*>& list) noexcept {
    if (list.empty()) return;
    auto* const node = new (std::nothrow) Node;
    if (node == nullptr) return;
    node->list.swap(list);
    push(node);
  }

  // Calls f(const std::vector<void*>&) for each list that was given since the last time. f must not throw; a list for
  // which it returns false is kept for the next time.
  template <class F>
  void take(F&& f) noexcept {
    // [W3] acquire: the lists, and what is in them.
    for (Node* node = top_.exchange(nullptr, std::memory_order_acquire); node != nullptr;) {
      Node* const below = node->below;
      if (f(std::as_const(node->list))) {
        delete node;
      } else {
        push(node);
      }
      node = below;
    }
  }

 private:
  struct Node {
    std::vector<void*> list;
    Node* below = nullptr;
  };

  void push(Node* node) noexcept {
    schedule_point(Point::list_given);
    Node* below = top_.load(std::memory_order_relaxed);  // a guess, checked by the CAS
    do {                                                 // lock-free: fails only when another one has come through
      node->below = below;                               // private still
      // [W3] release: the list, and its owner's last use of what is in it; pairs with take().
    } while (!top_.compare_exchange_weak(below, node, std::memory_order_release, std::memory_order_relaxed));
  }

  Atomic<Node*> top_{nullptr};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail
