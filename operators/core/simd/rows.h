// SPDX-License-Identifier: Apache-2.0
// Loops over one row of a map, for sampling that moves a whole map by one
// constant.
#pragma once

#include "../kernels.h"
#include "simd.h"

namespace acn {
namespace ACN_LEVEL {

// out = wa a + wb b, or added to out; n numbers at any alignment.
template <class T>
void blend(int64_t n, const T* a, T wa, const T* b, T wb, bool add, T* out) {
  using S = Simd<T>;
  int64_t i = 0;
  for (; i + S::kLanes <= n; i += S::kLanes) {
    typename S::V sum = S::all(wa) * S::load(a + i) + S::all(wb) * S::load(b + i);
    S::store(out + i, add ? S::load(out + i) + sum : sum);
  }
  for (; i < n; ++i) out[i] = (add ? out[i] : T(0)) + (wa * a[i] + wb * b[i]);
}

// The sum of u (wa a + wb b).
template <class T>
T dot(int64_t n, const T* u, const T* a, T wa, const T* b, T wb) {
  using S = Simd<T>;
  typename S::V sum = {};
  int64_t i = 0;
  for (; i + S::kLanes <= n; i += S::kLanes) {
    sum += S::load(u + i) * (S::all(wa) * S::load(a + i) + S::all(wb) * S::load(b + i));
  }
  T total = sum_lanes<T>(sum);
  for (; i < n; ++i) total += u[i] * (wa * a[i] + wb * b[i]);
  return total;
}

}  // namespace ACN_LEVEL
}  // namespace acn
