// SPDX-License-Identifier: Apache-2.0
// Where a sampling point falls: the four map cells around it and its place
// between them. Forward, backward, CPU and CUDA all go through it.
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
#include "boundary.h"

namespace acn {

Boundary boundary_from(const std::string& name);

// A place on an axis: low + fraction, low = floor. NaN is a NaN fraction.
template <class T>
struct Place {
  int64_t low;
  T fraction;
};

template <class T>
ACN_HOST_DEVICE inline Place<T> place_of(T p) {
  const T far = T(int64_t{1} << 40);  // beyond this every place is outside alike, infinity included
  if (p >= far) return {int64_t{1} << 40, T(0)};
  if (p <= -far) return {-(int64_t{1} << 40), T(0)};
  if (p != p) return {0, p};
  const T low = std::floor(p);
  return {static_cast<int64_t>(low), p - low};
}

// A whole number moved by an offset: no digit of the offset is lost in the sum, however far out the number is, so what
// is read at one constant offset lies between the same cells everywhere.
template <class T>
ACN_HOST_DEVICE inline Place<T> moved(int64_t from, T offset) {
  Place<T> place = place_of(offset);
  place.low += from;
  return place;
}

// H, W >= 1 and H * W < 2^31.
template <class T>
ACN_HOST_DEVICE inline Cells<T> locate(Place<T> y, Place<T> x, int32_t H, int32_t W, Boundary rule) {
  Cells<T> cells;
  const int32_t nowhere = H * W;
  if (y.fraction != y.fraction || x.fraction != x.fraction) {
    for (int k = 0; k < 4; ++k) cells.index[k] = nowhere;
    cells.ly = cells.lx = y.fraction + x.fraction;
    return cells;
  }
  const AxisCells ys = axis_cells(y.low, H, rule), xs = axis_cells(x.low, W, rule);
  cells.ly = ys.low == ys.high ? T(0) : y.fraction;
  cells.lx = xs.low == xs.high ? T(0) : x.fraction;
  for (int k = 0; k < 4; ++k) {
    const int32_t i = static_cast<int32_t>(k < 2 ? ys.low : ys.high),
                  j = static_cast<int32_t>(k & 1 ? xs.high : xs.low);
    cells.index[k] = (i < 0 || j < 0) ? nowhere : i * W + j;
  }
  return cells;
}
template <class T>
ACN_HOST_DEVICE inline Cells<T> locate(T y, T x, int32_t H, int32_t W, Boundary rule) {
  return locate(place_of(y), place_of(x), H, W, rule);
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
