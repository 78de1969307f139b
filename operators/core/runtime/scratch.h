// SPDX-License-Identifier: Apache-2.0
// Scratch memory. Blocks that are given back are kept for the next call, so that a training loop does not have the
// system map and clear the same pages again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

namespace acn {

// At least `bytes` uninitialised bytes on a cache line. *capacity is what give_back_scratch wants to be told.
void* take_scratch(size_t bytes, size_t* capacity);
// Keeps the block, or frees it or older ones so that no more than workspace_bytes() are kept in all.
void give_back_scratch(void* place, size_t capacity);

struct GiveBack {
  size_t capacity = 0;
  void operator()(void* place) const { give_back_scratch(place, capacity); }
};
template <class T>
using Scratch = std::unique_ptr<T[], GiveBack>;

template <class T>
Scratch<T> scratch(int64_t count) {
  if (count > std::numeric_limits<int64_t>::max() / static_cast<int64_t>(sizeof(T))) throw std::bad_array_new_length();
  GiveBack owner;
  void* place = take_scratch(sizeof(T) * static_cast<size_t>(count > 0 ? count : 1), &owner.capacity);
  return Scratch<T>(static_cast<T*>(place), owner);
}

// The bound on scratch memory, in bytes; never less than one packed image and the packed weights in forward, and two
// maps of one channel block per thread in backward. Part of the result's definition only through rounding: it fixes
// how sums are split, so change it between runs only if bits may change.
int64_t workspace_bytes();
void set_workspace_bytes(int64_t bytes);

}  // namespace acn
