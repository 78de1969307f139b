// SPDX-License-Identifier: Apache-2.0
// Sums of products of whole rows, number by number.
#pragma once

#include "simd.h"
#include "vector_kernels.h"

namespace acn {
namespace ACN_LEVEL {

// kVectors sums stay in registers over all rows.
template <class T, int kVectors>
ACN_INLINE void add_products_at(const RowProducts<T>& p, int64_t x) {
  using S = Simd<T>;
  const typename S::V more = S::all(p.more);
  typename S::V sum[kVectors] = {};
  if (p.add) {
    for (int v = 0; v < kVectors; ++v) sum[v] = S::load(p.out + x + v * S::kLanes);
  }
  for (int64_t i = 0; i < p.count; ++i) {
    const T *a = p.a[i] + x, *b = p.b[i] + x;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] += (S::load(a + v * S::kLanes) + more) * S::load(b + v * S::kLanes);
  }
  for (int v = 0; v < kVectors; ++v) S::store(p.out + x + v * S::kLanes, sum[v]);
}

template <class T>
void add_products(const RowProducts<T>& p) {
  constexpr int64_t kLanes = Simd<T>::kLanes;
  int64_t x = 0;
  for (; x + 4 * kLanes <= p.length; x += 4 * kLanes) add_products_at<T, 4>(p, x);
  for (; x + kLanes <= p.length; x += kLanes) add_products_at<T, 1>(p, x);
  for (; x < p.length; ++x) {
    T sum = p.add ? p.out[x] : T(0);
    for (int64_t i = 0; i < p.count; ++i) sum += (p.a[i][x] + p.more) * p.b[i][x];
    p.out[x] = sum;
  }
}

}  // namespace ACN_LEVEL
}  // namespace acn
