// SPDX-License-Identifier: Apache-2.0
// The matrix product that everything here is made of: rows of C are vectors, A
// is read one number at a time.
#pragma once

#include "simd.h"
#include "vector_kernels.h"

namespace acn {
namespace ACN_LEVEL {

// kRows x kVectors of C stay in registers over the whole depth. With 14 x 2 of
// 32 registers (6 x 2 of 16 below AVX-512) each pair of vectors from B feeds 28
// multiply-adds, so that B may come from the second-level cache.
constexpr int kProductRows = kVectorBytes == 64 ? 14 : 6;

template <class T, int kRows, int kVectors>
ACN_INLINE void product_tile(const Product<T>& p, const T* a, const T* b, T* c) {
  using S = Simd<T>;
  typename S::V sum[kRows][kVectors] = {};
  for (int64_t k = 0; k < p.depth; ++k) {
    typename S::V right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) right[v] = S::load(b + v * S::kLanes);
    const T* left = a;
#pragma GCC unroll 14
    for (int i = 0; i < kRows; ++i, left += p.a_row) {
      const typename S::V broadcast = S::all(*left);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[i][v] += broadcast * right[v];
    }
    a += p.a_depth;
    b += p.b_row;
  }
#pragma GCC unroll 14
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      T* place = c + i * p.c_row + v * S::kLanes;
      S::store(place, p.add ? S::load(place) + sum[i][v] : sum[i][v]);
    }
  }
}

template <class T, int kRows>
void product_strip(const Product<T>& p, int64_t row) {
  constexpr int64_t kLanes = Simd<T>::kLanes;
  const T* a = p.a + row * p.a_row;
  T* c = p.c + row * p.c_row;
  const T* b = p.b;
  int64_t j = 0;
  for (; j + 2 * kLanes <= p.columns; j += 2 * kLanes, b += p.b_panel) product_tile<T, kRows, 2>(p, a, b, c + j);
  if (j < p.columns) product_tile<T, kRows, 1>(p, a, b, c + j);
}

template <class T>
void multiply(const Product<T>& p) {
  int64_t row = 0;
  for (; row + kProductRows <= p.rows; row += kProductRows) product_strip<T, kProductRows>(p, row);
  if (kProductRows > 8 && p.rows - row >= 8) product_strip<T, 8>(p, row), row += 8;
  if (p.rows - row >= 4) product_strip<T, 4>(p, row), row += 4;
  if (p.rows - row >= 2) product_strip<T, 2>(p, row), row += 2;
  if (p.rows - row >= 1) product_strip<T, 1>(p, row);
}

}  // namespace ACN_LEVEL
}  // namespace acn
