// SPDX-License-Identifier: Apache-2.0
// One bin of a pooling: its cells are rows x columns, and a cell counts as much as its row times its column.
#pragma once

#include "simd.h"
#include "vector_kernels.h"

namespace acn {
namespace ACN_LEVEL {

// body(vector's first channel, its bytes as a type) over `width` channels: whole vectors, then halves, down to 16
// bytes.
template <int kBytes>
struct Bytes {
  static constexpr int value = kBytes;
};
template <class T, int kBytes = kVectorBytes, class Body>
ACN_INLINE void for_channels(int64_t begin, int64_t width, Body body) {
  for (; begin + Simd<T, kBytes>::kLanes <= width; begin += Simd<T, kBytes>::kLanes) body(begin, Bytes<kBytes>{});
  if constexpr (kBytes > 16) for_channels<T, kBytes / 2>(begin, width, body);
}

template <class T>
ACN_INLINE T pool_one(const PoolBin<T>& bin, const T* map) {
  T sum = 0;
  for (int32_t i = 0; i < bin.y.count; ++i) {
    const T* row = map + bin.y.cell[i] * bin.row;
    T part = 0;
    for (int32_t j = 0; j < bin.x.count; ++j) part += bin.x.weight[j] * row[bin.x.cell[j]];
    sum += bin.y.weight[i] * part;
  }
  return sum;
}

template <class T>
void pool(const PoolBin<T>& bin, const T* map, T* sums) {
  if (bin.width == 1) {
    *sums = pool_one(bin, map);
    return;
  }
  for_channels<T>(0, bin.width, [&](int64_t c, auto bytes) {
    using S = Simd<T, decltype(bytes)::value>;
    typename S::V sum = {};
    for (int32_t i = 0; i < bin.y.count; ++i) {
      const T* row = map + bin.y.cell[i] * bin.row + c;
      typename S::V part = {};
      for (int32_t j = 0; j < bin.x.count; ++j) {
        part += S::all(bin.x.weight[j]) * S::load(row + bin.x.cell[j] * bin.width);
      }
      sum += S::all(bin.y.weight[i]) * part;
    }
    S::store(sums + c, sum);
  });
}

template <class T>
void pool_scatter(const PoolBin<T>& bin, const T* grad, T* map_grad) {
  if (bin.width == 1) {
    for (int32_t i = 0; i < bin.y.count; ++i) {
      T* row = map_grad + bin.y.cell[i] * bin.row;
      const T part = bin.y.weight[i] * *grad;
      for (int32_t j = 0; j < bin.x.count; ++j) row[bin.x.cell[j]] += bin.x.weight[j] * part;
    }
    return;
  }
  for_channels<T>(0, bin.width, [&](int64_t c, auto bytes) {
    using S = Simd<T, decltype(bytes)::value>;
    const typename S::V head = S::load(grad + c);
    for (int32_t i = 0; i < bin.y.count; ++i) {
      T* row = map_grad + bin.y.cell[i] * bin.row + c;
      const typename S::V part = S::all(bin.y.weight[i]) * head;
      for (int32_t j = 0; j < bin.x.count; ++j) {
        T* cell = row + bin.x.cell[j] * bin.width;
        S::store(cell, S::load(cell) + S::all(bin.x.weight[j]) * part);
      }
    }
  });
}

template <class T>
void pool_moves(const PoolBin<T>& bin, const T* grad, const T* map, T* moves) {
  T by_y = 0, by_x = 0;
  if (bin.width == 1) {
    for (int32_t i = 0; i < bin.y.count; ++i) {
      const T* row = map + bin.y.cell[i] * bin.row;
      T part = 0, slope = 0;
      for (int32_t j = 0; j < bin.x.count; ++j) {
        part += bin.x.weight[j] * row[bin.x.cell[j]];
        slope += bin.x.slope[j] * row[bin.x.cell[j]];
      }
      by_y += bin.y.slope[i] * part;
      by_x += bin.y.weight[i] * slope;
    }
    moves[0] += *grad * by_y;
    moves[1] += *grad * by_x;
    return;
  }
  for_channels<T>(0, bin.width, [&](int64_t c, auto bytes) {
    constexpr int kBytes = decltype(bytes)::value;
    using S = Simd<T, kBytes>;
    typename S::V sum_y = {}, sum_x = {};
    for (int32_t i = 0; i < bin.y.count; ++i) {
      const T* row = map + bin.y.cell[i] * bin.row + c;
      typename S::V part = {}, slope = {};
      for (int32_t j = 0; j < bin.x.count; ++j) {
        const typename S::V cell = S::load(row + bin.x.cell[j] * bin.width);
        part += S::all(bin.x.weight[j]) * cell;
        slope += S::all(bin.x.slope[j]) * cell;
      }
      sum_y += S::all(bin.y.slope[i]) * part;
      sum_x += S::all(bin.y.weight[i]) * slope;
    }
    const typename S::V head = S::load(grad + c);
    by_y += sum_lanes<T, kBytes>(head * sum_y);
    by_x += sum_lanes<T, kBytes>(head * sum_x);
  });
  moves[0] += by_y;
  moves[1] += by_x;
}

}  // namespace ACN_LEVEL
}  // namespace acn
