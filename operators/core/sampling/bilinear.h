// SPDX-License-Identifier: Apache-2.0
// Where a sampling point falls: the four map cells around it and its place
// between them, under each boundary rule. Forward, backward, CPU and CUDA go
// through it; what is written for whole maps moved by one constant (move_plan.h,
// simd/moved_map.h, shift/cuda.cu) restates the rules and is tested against it.
//
// Value and derivatives follow from the cells alone, v = value, ly, lx =
// fractions:
//   v       = (1-ly)(1-lx) I[0] + (1-ly) lx I[1] + ly (1-lx) I[2] + ly lx I[3]
//   dv/dy   = (1-lx) (I[2]-I[0]) + lx (I[3]-I[1])
//   dv/dx   = (1-ly) (I[1]-I[0]) + ly (I[3]-I[2])
// A cell outside the map is `nowhere`, the index one past the map, where
// readers keep a zero and writers a discarded sum. A clamped axis names the
// same cell twice, which makes its derivative zero. On a lattice line floor()
// makes the derivative the right-hand one. A NaN point has NaN fractions over
// four `nowhere` cells: the value and both derivatives are NaN and nothing is
// scattered into the map.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "bilinear_cells.h"

#ifdef __CUDACC__
#define ACN_HOST_DEVICE __host__ __device__
#else
#define ACN_HOST_DEVICE
#endif

namespace acn {

enum class Boundary : int32_t {
  kZero,    // bilinear over a map surrounded by zeros
  kInside,  // zero unless the point is in [0, H) x [0, W); the last row and
            // column are clamped
  kBorder,  // the point is moved to the nearest place of the map
};

Boundary boundary_from(const std::string& name);

namespace detail {
// One axis of length n: the two places around p (-1 = nowhere) and the fraction
// between them.
template <class T>
ACN_HOST_DEVICE inline void locate_axis(T p, int32_t n, Boundary rule, int32_t* i0, int32_t* i1, T* fraction) {
  *i0 = *i1 = -1;
  *fraction = 0;
  if (rule == Boundary::kBorder) {
    if (p < 0 || p >= n - 1) {
      *i0 = *i1 = p < 0 ? 0 : n - 1;
      return;
    }
  } else if (!(p >= (rule == Boundary::kZero ? T(-1) : T(0)) && p < n)) {
    return;
  }
  T low = std::floor(p);
  int32_t i = static_cast<int32_t>(low);
  if (rule == Boundary::kInside && i == n - 1) {
    *i0 = *i1 = i;
    return;
  }
  *fraction = p - low;
  if (i >= 0) *i0 = i;
  if (i + 1 < n) *i1 = i + 1;
}
}  // namespace detail

// H, W >= 1 and H * W < 2^31.
template <class T>
ACN_HOST_DEVICE inline Cells<T> locate(T y, T x, int32_t H, int32_t W, Boundary rule) {
  Cells<T> cells;
  int32_t nowhere = H * W;
  if (y != y || x != x) {
    for (int k = 0; k < 4; ++k) cells.index[k] = nowhere;
    cells.ly = cells.lx = y + x;
    return cells;
  }
  int32_t ys[2], xs[2];
  detail::locate_axis(y, H, rule, &ys[0], &ys[1], &cells.ly);
  detail::locate_axis(x, W, rule, &xs[0], &xs[1], &cells.lx);
  for (int k = 0; k < 4; ++k) {
    int32_t i = ys[k >> 1], j = xs[k & 1];
    cells.index[k] = (i < 0 || j < 0) ? nowhere : i * W + j;
  }
  return cells;
}

// The values of the four cells in one channel-first map.
template <class T>
struct Neighbours {
  T v[4];
};

template <class T>
ACN_HOST_DEVICE inline Neighbours<T> neighbours(const Cells<T>& cells, const T* map, int32_t nowhere) {
  Neighbours<T> n;
  for (int k = 0; k < 4; ++k) n.v[k] = cells.index[k] == nowhere ? T(0) : map[cells.index[k]];
  return n;
}

template <class T>
ACN_HOST_DEVICE inline T value(const Cells<T>& c, const Neighbours<T>& n) {
  return (1 - c.ly) * ((1 - c.lx) * n.v[0] + c.lx * n.v[1]) + c.ly * ((1 - c.lx) * n.v[2] + c.lx * n.v[3]);
}
template <class T>
ACN_HOST_DEVICE inline T slope_y(const Cells<T>& c, const Neighbours<T>& n) {
  return (1 - c.lx) * (n.v[2] - n.v[0]) + c.lx * (n.v[3] - n.v[1]);
}
template <class T>
ACN_HOST_DEVICE inline T slope_x(const Cells<T>& c, const Neighbours<T>& n) {
  return (1 - c.ly) * (n.v[1] - n.v[0]) + c.ly * (n.v[3] - n.v[2]);
}

// map_grad += grad * d value / d map.
template <class T>
ACN_HOST_DEVICE inline void scatter(const Cells<T>& c, T grad, T* map_grad, int32_t nowhere) {
  const T weight[4] = {(1 - c.ly) * (1 - c.lx), (1 - c.ly) * c.lx, c.ly * (1 - c.lx), c.ly * c.lx};
  for (int k = 0; k < 4; ++k) {
    if (c.index[k] != nowhere) map_grad[c.index[k]] += weight[k] * grad;
  }
}

}  // namespace acn
