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
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

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

  // Called while memory is given back, perhaps because there is too little of it: nothing may be thrown.
  void keep(Block block) noexcept {
    std::lock_guard<std::mutex> lock(mutex_);
    try {
      blocks_.push_back(block);
    } catch (const std::bad_alloc&) {
      ::operator delete(block.place, kCacheLine);
      return;
    }
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

// Never destroyed: calls may still be running when the process ends. Made when the library is loaded, not by the first
// call: a process that is forked while one of its threads makes it would wait for it for ever.
Store* const store = new Store;
const int fork_handlers = pthread_atfork([] { store->lock(); }, [] { store->unlock(); }, [] { store->unlock(); });

}  // namespace

void* take_scratch(size_t bytes, size_t* capacity) {
  const Block kept = store->take(bytes);
  *capacity = kept.place ? kept.capacity : bytes;
  return kept.place ? kept.place : ::operator new(bytes, kCacheLine);
}

void give_back_scratch(void* place, size_t capacity) { store->keep({place, capacity}); }

int64_t workspace_bytes() { return workspace.load(); }
void set_workspace_bytes(int64_t bytes) { workspace.store(std::max<int64_t>(bytes, 1 << 20)); }

}  // namespace acn
