// SPDX-License-Identifier: Apache-2.0
// Loops over one row of a map, for sampling that moves a whole map by one
// constant.
#pragma once

#include "../kernels.h"
#include "simd.h"

namespace acn {
namespace ACN_LEVEL {

// Vectors, then half vectors and so on: a row of 28 is 16 + 8 + 4, not 16 and 12 single numbers.
template <class T, int kBytes = kVectorBytes>
ACN_INLINE void blend_from(int64_t i, int64_t n, const T* a, T wa, const T* b, T wb, bool add, T* out) {
  using S = Simd<T, kBytes>;
  for (; i + S::kLanes <= n; i += S::kLanes) {
    typename S::V sum = S::all(wa) * S::load(a + i) + S::all(wb) * S::load(b + i);
    S::store(out + i, add ? S::load(out + i) + sum : sum);
  }
  if constexpr (kBytes > 16) {
    blend_from<T, kBytes / 2>(i, n, a, wa, b, wb, add, out);
  } else {
    for (; i < n; ++i) out[i] = (add ? out[i] : T(0)) + (wa * a[i] + wb * b[i]);
  }
}

template <class T, int kBytes = kVectorBytes>
ACN_INLINE T dot_from(int64_t i, int64_t n, const T* u, const T* a, T wa, const T* b, T wb) {
  using S = Simd<T, kBytes>;
  typename S::V sum = {};
  for (; i + S::kLanes <= n; i += S::kLanes) {
    sum += S::load(u + i) * (S::all(wa) * S::load(a + i) + S::all(wb) * S::load(b + i));
  }
  const T total = sum_lanes<T, kBytes>(sum);
  if constexpr (kBytes > 16) {
    return total + dot_from<T, kBytes / 2>(i, n, u, a, wa, b, wb);
  } else {
    T rest = 0;
    for (; i < n; ++i) rest += u[i] * (wa * a[i] + wb * b[i]);
    return total + rest;
  }
}

// out = wa a + wb b, or added to out; n numbers at any alignment.
template <class T>
void blend(int64_t n, const T* a, T wa, const T* b, T wb, bool add, T* out) {
  blend_from<T>(0, n, a, wa, b, wb, add, out);
}

// The sum of u (wa a + wb b).
template <class T>
T dot(int64_t n, const T* u, const T* a, T wa, const T* b, T wb) {
  return dot_from<T>(0, n, u, a, wa, b, wb);
}

}  // namespace ACN_LEVEL
}  // namespace acn
