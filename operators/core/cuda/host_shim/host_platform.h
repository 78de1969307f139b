// SPDX-License-Identifier: Apache-2.0
// Stands in for CUDA so that the kernels' own code can be compiled for and tested on the host: loops instead of grids.
// Bodies run in an order drawn anew for each launch; with ACN_HOST_THREADS=N in N threads at once, where additions are
// atomic as on the device, so that ThreadSanitizer sees what two bodies share without. Not part of any installed
// library.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <numeric>

#include "../../contract/error.h"
#include "half.h"

#ifdef ACN_HOST_THREADS
#include <thread>
#include <vector>
#endif

namespace acn::cuda {

using Stream = void*;

#define ACN_BODY inline
#define ACN_UNROLL

namespace host {
// Visits 0 .. count - 1 in an order of its own: number i is first + i * step, modulo count, and step has no divisor in
// common with count.
class Order {
 public:
  explicit Order(int64_t count) : count_(count) {
    static std::atomic<uint64_t> launches{0};
    const uint64_t drawn = (launches.fetch_add(1) + 1) * 0x9e3779b97f4a7c15;
    first_ = static_cast<int64_t>((drawn >> 33) % static_cast<uint64_t>(count));
    step_ = static_cast<int64_t>((drawn >> 11) % static_cast<uint64_t>(count)) | 1;
    while (std::gcd(step_, count) != 1) ++step_;
  }
  int64_t operator[](int64_t i) const { return static_cast<int64_t>((first_ + __int128{i} * step_) % count_); }

 private:
  int64_t count_, first_, step_;
};
}  // namespace host

template <class Body>
void launch(Stream, int64_t rows, int64_t width, Body body) {
  if (rows <= 0 || width <= 0) return;
  const int64_t count = rows * width;
  const host::Order order(count);
  const auto run = [&](int64_t begin, int64_t step) {
    for (int64_t i = begin; i < count; i += step) body(order[i] / width, order[i] % width);
  };
#ifdef ACN_HOST_THREADS
  std::vector<std::thread> others;
  for (int64_t i = 1; i < std::min<int64_t>(ACN_HOST_THREADS, count); ++i)
    others.emplace_back(run, i, ACN_HOST_THREADS);
  run(0, ACN_HOST_THREADS);
  for (std::thread& other : others) other.join();
#else
  run(0, 1);
#endif
}

inline void fill_zero(Stream, void* place, int64_t bytes) {
  if (bytes > 0) std::memset(place, 0, static_cast<size_t>(bytes));
}

inline void raise_flag(int32_t* flag) { __atomic_store_n(flag, 1, __ATOMIC_RELAXED); }

// Returns what was there.
inline int32_t atomic_add(int32_t* place, int32_t value) { return __atomic_fetch_add(place, value, __ATOMIC_RELAXED); }
template <class T>
void atomic_add(T* place, T value) {
  T before, after;
  __atomic_load(place, &before, __ATOMIC_RELAXED);
  do {
    after = before + value;
  } while (!__atomic_compare_exchange(place, &before, &after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

}  // namespace acn::cuda
