// SPDX-License-Identifier: Apache-2.0
#include "scratch.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <new>

namespace acn {
namespace {

constexpr std::align_val_t kCacheLine{64};
std::atomic<int64_t> workspace{int64_t{64} << 20};

struct Block {
  void* place;
  size_t capacity;
};

class Store {
 public:
  Store() {
    pthread_atfork([] { store().mutex_.lock(); }, [] { store().mutex_.unlock(); }, [] { store().mutex_.unlock(); });
  }

  // Never destroyed: calls may still be running when the process ends.
  static Store& store() {
    static Store* const all = new Store;
    return *all;
  }

  // The smallest kept block that fits and is not more than half unused, or one with no place.
  Block take(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto best = blocks_.end();
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
      const bool fits = block->capacity >= bytes && block->capacity / 2 <= bytes;
      if (fits && (best == blocks_.end() || block->capacity < best->capacity)) best = block;
    }
    if (best == blocks_.end()) return {nullptr, 0};
    const Block found = *best;
    kept_ -= static_cast<int64_t>(found.capacity);
    blocks_.erase(best);
    return found;
  }

  void keep(Block block) {
    std::lock_guard<std::mutex> lock(mutex_);
    blocks_.push_back(block);
    kept_ += static_cast<int64_t>(block.capacity);
    while (kept_ > workspace_bytes()) {
      ::operator delete(blocks_.front().place, kCacheLine);
      kept_ -= static_cast<int64_t>(blocks_.front().capacity);
      blocks_.pop_front();
    }
  }

 private:
  std::mutex mutex_;
  std::deque<Block> blocks_;  // the oldest first
  int64_t kept_ = 0;
};

}  // namespace

void* take_scratch(size_t bytes, size_t* capacity) {
  const Block kept = Store::store().take(bytes);
  *capacity = kept.place ? kept.capacity : bytes;
  return kept.place ? kept.place : ::operator new(bytes, kCacheLine);
}

void give_back_scratch(void* place, size_t capacity) { Store::store().keep({place, capacity}); }

int64_t workspace_bytes() { return workspace.load(); }
void set_workspace_bytes(int64_t bytes) { workspace.store(std::max<int64_t>(bytes, 1 << 20)); }

}  // namespace acn
