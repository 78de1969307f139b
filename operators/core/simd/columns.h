// SPDX-License-Identifier: Apache-2.0
// Columns from sampling points and back: one set of bilinear weights, then
// vectors of channels.
#pragma once

#include "../sampling/bilinear_cells.h"
#include "simd.h"
#include "vector_kernels.h"

namespace acn {
namespace ACN_LEVEL {

template <class T>
struct Corners {
  int64_t row[4];  // where the four cells start in a map
  T weight[4];
};

template <class T>
ACN_INLINE Corners<T> corners(const Cells<T>& cells, int64_t width) {
  const T ly = cells.ly, lx = cells.lx;
  return {{cells.index[0] * width, cells.index[1] * width, cells.index[2] * width, cells.index[3] * width},
          {(1 - ly) * (1 - lx), (1 - ly) * lx, ly * (1 - lx), ly * lx}};
}

template <class T>
ACN_INLINE void sample_row(const T* map, const Corners<T>& at, T mask, int64_t vectors, T* row) {
  using S = Simd<T>;
  const auto w0 = S::all(at.weight[0] * mask), w1 = S::all(at.weight[1] * mask), w2 = S::all(at.weight[2] * mask),
             w3 = S::all(at.weight[3] * mask);
  for (int64_t v = 0; v < vectors; ++v, map += S::kLanes, row += S::kLanes) {
    S::store(row, w0 * S::load(map + at.row[0]) + w1 * S::load(map + at.row[1]) + w2 * S::load(map + at.row[2]) +
                      w3 * S::load(map + at.row[3]));
  }
}

template <class T>
ACN_INLINE void gather_run(const PointRun<T>& points, int64_t vectors, T* column) {
  const int64_t width = vectors * Simd<T>::kLanes;
  for (int64_t i = 0; i < points.count; ++i, column += width) {
    sample_row(points.map, corners(points.cells[i], width), points.mask ? points.mask[i] : T(1), vectors, column);
  }
}

// The gradient of a point needs only <column_grad, I[k]> over the channels, for
// the four cells k; they are combined before the lanes are summed.
template <class T>
ACN_INLINE void point_gradient(const T* map, const Cells<T>& cells, const Corners<T>& at, T mask, const T* column_grad,
                               int64_t vectors, int64_t components, T* result) {
  using S = Simd<T>;
  typename S::V d0 = {}, d1 = {}, d2 = {}, d3 = {};
  for (int64_t v = 0; v < vectors; ++v, map += S::kLanes, column_grad += S::kLanes) {
    const auto grad = S::load(column_grad);
    d0 += grad * S::load(map + at.row[0]);
    d1 += grad * S::load(map + at.row[1]);
    d2 += grad * S::load(map + at.row[2]);
    d3 += grad * S::load(map + at.row[3]);
  }
  const T ly = cells.ly, lx = cells.lx;
  result[0] = mask * sum_lanes<T>(S::all(1 - lx) * (d2 - d0) + S::all(lx) * (d3 - d1));
  result[1] = mask * sum_lanes<T>(S::all(1 - ly) * (d1 - d0) + S::all(ly) * (d3 - d2));
  if (components == 3) {
    result[2] = sum_lanes<T>(S::all(at.weight[0]) * d0 + S::all(at.weight[1]) * d1 + S::all(at.weight[2]) * d2 +
                             S::all(at.weight[3]) * d3);
  }
}

template <class T>
ACN_INLINE void scatter_row(const Corners<T>& at, T mask, const T* column_grad, int64_t vectors, T* map_grad) {
  using S = Simd<T>;
  for (int k = 0; k < 4; ++k) {  // cell by cell, for a clamped axis names one cell twice
    T* row = map_grad + at.row[k];
    const auto weight = S::all(at.weight[k] * mask);
    for (int64_t v = 0; v < vectors; ++v) {
      S::store(row + v * S::kLanes, S::load(row + v * S::kLanes) + weight * S::load(column_grad + v * S::kLanes));
    }
  }
}

template <class T>
ACN_INLINE void backward_run(const PointRun<T>& points, const ColumnGradients<T>& g, int64_t vectors) {
  const int64_t width = vectors * Simd<T>::kLanes;
  for (int64_t i = 0; i < points.count; ++i) {
    const Cells<T>& cells = points.cells[i];
    const Corners<T> at = corners(cells, width);
    const T mask = points.mask ? points.mask[i] : T(1);
    const T* column_grad = g.column_grad + i * width;
    if (g.column) sample_row(points.map, at, mask, vectors, g.column + i * width);
    if (g.point_grad) {
      point_gradient(points.map, cells, at, mask, column_grad, vectors, g.components, g.point_grad + i * g.components);
    }
    if (g.map_grad) scatter_row(at, mask, column_grad, vectors, g.map_grad);
  }
}

// The usual block widths as constants, so that their loops unroll.
template <class T>
void gather(const PointRun<T>& points, T* column) {
  switch (const int64_t vectors = points.width / Simd<T>::kLanes) {
    case 1:
      return gather_run(points, 1, column);
    case 2:
      return gather_run(points, 2, column);
    case 4:
      return gather_run(points, 4, column);
    default:
      return gather_run(points, vectors, column);
  }
}

template <class T>
void backward(const PointRun<T>& points, const ColumnGradients<T>& gradients) {
  switch (const int64_t vectors = points.width / Simd<T>::kLanes) {
    case 1:
      return backward_run(points, gradients, 1);
    case 2:
      return backward_run(points, gradients, 2);
    case 4:
      return backward_run(points, gradients, 4);
    default:
      return backward_run(points, gradients, vectors);
  }
}

}  // namespace ACN_LEVEL
}  // namespace acn
