// SPDX-License-Identifier: Apache-2.0
// Between channel-first and channel-last: squares of vectors are transposed in registers.
#pragma once

#include "simd.h"
#include "vector_kernels.h"

namespace acn {
namespace ACN_LEVEL {

#if defined(__GNUC__) && !defined(__clang__)
template <class T>
struct IntegerOf;
template <>
struct IntegerOf<float> {
  using type = int32_t;
};
template <>
struct IntegerOf<double> {
  using type = int64_t;
};

// Exchanges the off-diagonal quarters of every 2 kStep x 2 kStep square; doing so at every power of two transposes.
template <class T, int kStep>
ACN_INLINE void exchange(typename Simd<T>::V* rows) {
  constexpr int kLanes = Simd<T>::kLanes;
  typedef typename IntegerOf<T>::type Mask __attribute__((vector_size(kVectorBytes)));
  Mask low = {}, high = {};
#pragma GCC unroll 16
  for (int j = 0; j < kLanes; ++j) {
    low[j] = (j & kStep) ? kLanes + j - kStep : j;
    high[j] = (j & kStep) ? kLanes + j : j + kStep;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (i & kStep) continue;
    const typename Simd<T>::V a = rows[i], b = rows[i + kStep];
    rows[i] = __builtin_shuffle(a, b, low);
    rows[i + kStep] = __builtin_shuffle(a, b, high);
  }
  if constexpr (kStep > 1) exchange<T, kStep / 2>(rows);
}

template <class T>
ACN_INLINE void transpose_square(const T* in, int64_t in_row, T* out, int64_t out_row) {
  constexpr int kLanes = Simd<T>::kLanes;
  typename Simd<T>::V rows[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) rows[i] = Simd<T>::load(in + i * in_row);
  exchange<T, kLanes / 2>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) Simd<T>::store(out + i * out_row, rows[i]);
}
#else
template <class T>
ACN_INLINE void transpose_square(const T* in, int64_t in_row, T* out, int64_t out_row) {
  for (int i = 0; i < Simd<T>::kLanes; ++i) {
    for (int j = 0; j < Simd<T>::kLanes; ++j) out[j * out_row + i] = in[i * in_row + j];
  }
}
#endif

// out(j, i) = in(i, j) for i < rows, j < columns.
template <class T>
void transpose(int64_t rows, int64_t columns, const T* in, int64_t in_row, T* out, int64_t out_row) {
  constexpr int64_t kLanes = Simd<T>::kLanes;
  const int64_t whole_rows = rows / kLanes * kLanes, whole_columns = columns / kLanes * kLanes;
  for (int64_t j = 0; j < whole_columns; j += kLanes) {
    for (int64_t i = 0; i < whole_rows; i += kLanes) {
      transpose_square(in + i * in_row + j, in_row, out + j * out_row + i, out_row);
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) out[j * out_row + i] = in[i * in_row + j];
  }
}

}  // namespace ACN_LEVEL
}  // namespace acn
