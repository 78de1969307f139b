// SPDX-License-Identifier: Apache-2.0
// Sums of products of whole rows, number by number.
#pragma once

#include "simd.h"
#include "vector_kernels.h"

namespace acn {
namespace ACN_LEVEL {

// kVectors sums stay in registers over all rows. The processor's own prefetching begins anew at each page, which is no
// more than a row or two: with kAhead rows to come are asked for, into the second cache.
template <class T, int kVectors, bool kStream = false, bool kAhead = false>
ACN_INLINE void add_products_at(const RowProducts<T>& p, int64_t x) {
  using S = Simd<T>;
  const typename S::V more = S::all(p.more);
  typename S::V sum[kVectors] = {};
  if (p.add) {
    for (int v = 0; v < kVectors; ++v) sum[v] = S::load(p.out + x + v * S::kLanes);
  }
  for (int64_t i = 0; i < p.count; ++i) {
    const T *a = p.a[i] + x, *b = p.b[i] + x;
    if constexpr (kAhead) {
      constexpr int kLine = 64 / sizeof(T);
      for (int line = 0; line < kVectors * S::kLanes; line += kLine) __builtin_prefetch(a + p.ahead + line, 0, 2);
    }
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] += (S::load(a + v * S::kLanes) + more) * S::load(b + v * S::kLanes);
  }
  for (int v = 0; v < kVectors; ++v) {
    T* place = p.out + x + v * S::kLanes;
    if constexpr (kStream) {
      S::stream(place, sum[v]);
    } else {
      S::store(place, sum[v]);
    }
  }
}

// One number at a time, up to `end`.
template <class T>
ACN_INLINE int64_t add_products_singly(const RowProducts<T>& p, int64_t x, int64_t end) {
  for (; x < end; ++x) {
    T sum = p.add ? p.out[x] : T(0);
    for (int64_t i = 0; i < p.count; ++i) sum += (p.a[i][x] + p.more) * p.b[i][x];
    p.out[x] = sum;
  }
  return x;
}

// How many numbers stand before the first vector that is aligned.
template <class T>
ACN_INLINE int64_t before_aligned(const T* place) {
  const auto past = reinterpret_cast<uintptr_t>(place) % kVectorBytes;
  return past ? static_cast<int64_t>((kVectorBytes - past) / sizeof(T)) : 0;
}

template <class T>
void add_products(const RowProducts<T>& p) {
  constexpr int64_t kLanes = Simd<T>::kLanes;
  int64_t x = 0;
  if (p.past_cache && !p.add && p.length >= 2 * kLanes) {
    x = add_products_singly(p, x, before_aligned(p.out));
    for (; x + 4 * kLanes <= p.length; x += 4 * kLanes) add_products_at<T, 4, true>(p, x);
    finish_streaming();
  }
  if (p.ahead) {
    for (; x + 4 * kLanes <= p.length; x += 4 * kLanes) add_products_at<T, 4, false, true>(p, x);
  }
  for (; x + 4 * kLanes <= p.length; x += 4 * kLanes) add_products_at<T, 4>(p, x);
  for (; x + kLanes <= p.length; x += kLanes) add_products_at<T, 1>(p, x);
  add_products_singly(p, x, p.length);
}

}  // namespace ACN_LEVEL
}  // namespace acn
