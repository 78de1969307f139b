// SPDX-License-Identifier: Apache-2.0
// A whole map moved by one constant, its transpose, and its slopes. Between the edges, output column x reads the map's
// columns x + first_x and the next, in whole vectors; at the edges the rules are asked for each column.
#pragma once

#include "simd.h"
#include "vector_kernels.h"

namespace acn {
namespace ACN_LEVEL {

template <class T>
struct MovedRows {       // of the map, around output row oy
  int64_t upper, lower;  // where they start, or -1

  MovedRows(const MovePlan<T>& p, int64_t oy) {
    const AxisCells rows = axis_cells(oy + p.first_y, p.height, p.rule);
    upper = rows.low < 0 ? -1 : rows.low * p.width;
    lower = rows.high < 0 ? -1 : rows.high * p.width;
  }

  // For a row that is not there, the other one, to be read with weight 0.
  int64_t readable_upper() const { return upper >= 0 ? upper : lower >= 0 ? lower : 0; }
  int64_t readable_lower() const { return lower >= 0 ? lower : readable_upper(); }
};

// The four weights of a sampling point.
template <class T>
struct MovedWeights {
  T upper_left, upper_right, lower_left, lower_right;
};

// map(cell) + ...: one point whose columns are looked up; rows and columns of -1 count nothing.
template <class T>
ACN_INLINE T moved_edge_value(const MovePlan<T>& p, const T* upper, const T* lower, const MovedWeights<T>& w,
                              int64_t ox) {
  const AxisCells at = axis_cells(ox + p.first_x, p.width, p.rule);
  T value = 0;
  if (at.low >= 0) value += w.upper_left * upper[at.low] + w.lower_left * lower[at.low];
  if (at.high >= 0) value += w.upper_right * upper[at.high] + w.lower_right * lower[at.high];
  return value;
}

ACN_INLINE int64_t clamped(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

// Output columns whose two cells both lie in the map: [begin, end).
template <class T>
struct MovedInner {
  int64_t begin, end;
  explicit MovedInner(const MovePlan<T>& p)
      : begin(clamped(-p.first_x, p.x_begin, p.x_end)), end(clamped(p.width - 1 - p.first_x, begin, p.x_end)) {}
};

// `count` columns from where out, upper and lower point: upper and lower at the left cell of the first.
template <class T, int kBytes = kVectorBytes>
ACN_INLINE void add_row(int64_t i, int64_t count, const T* upper, const T* lower, const MovedWeights<T>& w, T* out) {
  using S = Simd<T, kBytes>;
  for (; i + S::kLanes <= count; i += S::kLanes) {
    typename S::V sum = S::all(w.upper_left) * S::load(upper + i) + S::all(w.upper_right) * S::load(upper + i + 1);
    sum += S::all(w.lower_left) * S::load(lower + i) + S::all(w.lower_right) * S::load(lower + i + 1);
    S::store(out + i, S::load(out + i) + sum);
  }
  if constexpr (kBytes > 16) {
    add_row<T, kBytes / 2>(i, count, upper, lower, w, out);
  } else {
    for (; i < count; ++i) {
      out[i] += (w.upper_left * upper[i] + w.upper_right * upper[i + 1]) +
                (w.lower_left * lower[i] + w.lower_right * lower[i + 1]);
    }
  }
}

template <class T>
void add_moved(const MovePlan<T>& p, const T* map, T* out) {
  const MovedInner<T> inner(p);
  for (int64_t oy = p.y_begin; oy < p.y_end; ++oy) {
    const MovedRows<T> rows(p, oy);
    const T up = rows.upper < 0 ? T(0) : 1 - p.fraction_y, down = rows.lower < 0 ? T(0) : p.fraction_y;
    const MovedWeights<T> w{up * (1 - p.fraction_x), up * p.fraction_x, down * (1 - p.fraction_x), down * p.fraction_x};
    const T* upper = map + rows.readable_upper();
    const T* lower = map + rows.readable_lower();
    T* to = out + oy * p.out_width;
    for (int64_t ox = p.x_begin; ox < inner.begin; ++ox) to[ox] += moved_edge_value(p, upper, lower, w, ox);
    if (inner.begin < inner.end) {
      const int64_t left = inner.begin + p.first_x;
      add_row(0, inner.end - inner.begin, upper + left, lower + left, w, to + inner.begin);
    }
    for (int64_t ox = inner.end; ox < p.x_end; ++ox) to[ox] += moved_edge_value(p, upper, lower, w, ox);
  }
}

// `count` cells from where upper and lower (each may be null) point: cell m gets u[m] from the left, u[m - 1] from the
// right.
template <class T, int kBytes = kVectorBytes>
ACN_INLINE void spread_row(int64_t i, int64_t count, const T* u, T left, T right, T up, T down, T* upper, T* lower) {
  using S = Simd<T, kBytes>;
  for (; i + S::kLanes <= count; i += S::kLanes) {
    const typename S::V sum = S::all(left) * S::load(u + i) + S::all(right) * S::load(u + i - 1);
    if (upper) S::store(upper + i, S::load(upper + i) + S::all(up) * sum);
    if (lower) S::store(lower + i, S::load(lower + i) + S::all(down) * sum);
  }
  if constexpr (kBytes > 16) {
    spread_row<T, kBytes / 2>(i, count, u, left, right, up, down, upper, lower);
  } else {
    for (; i < count; ++i) {
      const T sum = left * u[i] + right * u[i - 1];
      if (upper) upper[i] += up * sum;
      if (lower) lower[i] += down * sum;
    }
  }
}

template <class T>
void spread_moved(const MovePlan<T>& p, const T* out_grad, T* map_grad) {
  // Cells [begin, end) lie in the map and get something from both sides.
  const int64_t begin = p.x_begin + p.first_x + 1 > 0 ? p.x_begin + p.first_x + 1 : 0;
  const int64_t last = p.x_end + p.first_x < p.width ? p.x_end + p.first_x : p.width;
  const int64_t end = last > begin ? last : begin;
  for (int64_t oy = p.y_begin; oy < p.y_end; ++oy) {
    const MovedRows<T> rows(p, oy);
    T* upper = rows.upper < 0 ? nullptr : map_grad + rows.upper;
    T* lower = rows.lower < 0 ? nullptr : map_grad + rows.lower;
    const T* u = out_grad + oy * p.out_width;
    if (begin < end) {
      spread_row(0, end - begin, u + (begin - p.first_x), 1 - p.fraction_x, p.fraction_x, 1 - p.fraction_y,
                 p.fraction_y, upper ? upper + begin : nullptr, lower ? lower + begin : nullptr);
    }
    for (int side = 0; side < 2; ++side) {  // left cells, then right cells, that the row above did not serve
      const T weight = side ? p.fraction_x : 1 - p.fraction_x;
      const int64_t first = p.first_x + side;
      const int64_t served_from = clamped(begin - first, p.x_begin, p.x_end);
      const int64_t served_to = clamped(end - first, served_from, p.x_end);
      for (int64_t ox = p.x_begin; ox < p.x_end; ++ox) {
        if (ox == served_from) ox = served_to;
        if (ox == p.x_end) break;
        const AxisCells at = axis_cells(ox + p.first_x, p.width, p.rule);
        const int64_t cell = side ? at.high : at.low;
        if (cell < 0) continue;
        if (upper) upper[cell] += (1 - p.fraction_y) * weight * u[ox];
        if (lower) lower[cell] += p.fraction_y * weight * u[ox];
      }
    }
  }
}

// The weights of a point's slopes. Rows are subtracted before they are weighted, so that two cells clamped to one give
// exactly 0.
template <class T>
struct SlopeWeights {
  T has_upper, has_lower, up, down, left, right;

  template <class V>
  __attribute__((always_inline)) V along_y(V a, V b, V c, V d) const {  // cells: a b above c d
    return (c * has_lower - a * has_upper) * left + (d * has_lower - b * has_upper) * right;
  }
  template <class V>
  __attribute__((always_inline)) V along_x(V a, V b, V c, V d) const {
    return (b * up + d * down) - (a * up + c * down);
  }
};

// Adds the sums of u times the slopes to *y and *x, for `count` columns from where u, upper and lower point.
template <class T, int kBytes = kVectorBytes>
ACN_INLINE void slope_row(int64_t i, int64_t count, const T* upper, const T* lower, const SlopeWeights<T>& w,
                          const T* u, T* y, T* x) {
  using S = Simd<T, kBytes>;
  typename S::V sum_y = {}, sum_x = {};
  const int64_t start = i;
  for (; i + S::kLanes <= count; i += S::kLanes) {
    const typename S::V a = S::load(upper + i), b = S::load(upper + i + 1), c = S::load(lower + i),
                        d = S::load(lower + i + 1), g = S::load(u + i);
    sum_y += g * w.along_y(a, b, c, d);
    sum_x += g * w.along_x(a, b, c, d);
  }
  if (i > start) {
    *y += sum_lanes<T, kBytes>(sum_y);
    *x += sum_lanes<T, kBytes>(sum_x);
  }
  if constexpr (kBytes > 16) {
    slope_row<T, kBytes / 2>(i, count, upper, lower, w, u, y, x);
  } else {
    for (; i < count; ++i) {
      *y += u[i] * w.along_y(upper[i], upper[i + 1], lower[i], lower[i + 1]);
      *x += u[i] * w.along_x(upper[i], upper[i + 1], lower[i], lower[i + 1]);
    }
  }
}

template <class T>
void moved_slopes(const MovePlan<T>& p, const T* map, const T* out_grad, double* sum_y, double* sum_x) {
  const MovedInner<T> inner(p);
  for (int64_t oy = p.y_begin; oy < p.y_end; ++oy) {
    const MovedRows<T> rows(p, oy);
    const T has_upper = rows.upper < 0 ? T(0) : T(1), has_lower = rows.lower < 0 ? T(0) : T(1);
    const SlopeWeights<T> w{has_upper,        has_lower,   has_upper * (1 - p.fraction_y), has_lower * p.fraction_y,
                            1 - p.fraction_x, p.fraction_x};
    const T* upper = map + rows.readable_upper();
    const T* lower = map + rows.readable_lower();
    const T* u = out_grad + oy * p.out_width;
    T y = 0, x = 0;
    if (inner.begin < inner.end) {
      const int64_t left = inner.begin + p.first_x;
      slope_row(0, inner.end - inner.begin, upper + left, lower + left, w, u + inner.begin, &y, &x);
    }
    for (int64_t ox = p.x_begin; ox < p.x_end; ++ox) {
      if (ox == inner.begin) ox = inner.end;
      if (ox == p.x_end) break;
      const AxisCells at = axis_cells(ox + p.first_x, p.width, p.rule);
      const T a = at.low < 0 ? T(0) : upper[at.low], b = at.high < 0 ? T(0) : upper[at.high];
      const T c = at.low < 0 ? T(0) : lower[at.low], d = at.high < 0 ? T(0) : lower[at.high];
      y += u[ox] * w.along_y(a, b, c, d);
      x += u[ox] * w.along_x(a, b, c, d);
    }
    *sum_y += y;
    *sum_x += x;
  }
}

}  // namespace ACN_LEVEL
}  // namespace acn
