// SPDX-License-Identifier: Apache-2.0
// A map sampled at its output grid moved by one constant (stride 1), row by
// row; its transpose; its slopes. The same boundary rules as core/bilinear.h,
// applied to a row at a time: cells are clamped (border, and the far edge of
// inside) or empty (zero), and points outside the rule's range are left out.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "../core/bilinear.h"
#include "../core/kernels.h"

namespace acn {

// One axis: output index o falls between cells o + first and o + first + 1, for
// o in [begin, end).
template <class T>
struct AxisShift {
  int64_t first, begin, end;
  T fraction;
};

template <class T>
AxisShift<T> axis_shift(double shift, int64_t in_size, int64_t out_size, Boundary rule) {
  // Beyond this every point is outside; the bound keeps the integer below
  // within range.
  const double far = static_cast<double>(in_size + out_size) + 2;
  const double place = shift == shift ? std::clamp(shift, -far, far) : 0, low = std::floor(place);
  AxisShift<T> axis{static_cast<int64_t>(low), 0, out_size, static_cast<T>(place - low)};
  if (rule == Boundary::kBorder) return axis;
  axis.begin = std::clamp<int64_t>((rule == Boundary::kZero ? -1 : 0) - axis.first, 0, out_size);
  axis.end = std::clamp<int64_t>(in_size - axis.first, axis.begin, out_size);
  return axis;
}

template <class T>
class ShiftMap {
 public:
  // dy, dx: from an output position to its sampling point. NaN is the caller's
  // to treat.
  ShiftMap(int64_t height, int64_t width, int64_t out_height, int64_t out_width, double dy, double dx, Boundary rule)
      : height_(height),
        width_(width),
        out_width_(out_width),
        rule_(rule),
        y_(axis_shift<T>(dy, height, out_height, rule)),
        x_(axis_shift<T>(dx, width, out_width, rule)) {}

  // out (out_height, out_width) += sampled map.
  void add(const T* map, T* out, T* row) const {
    for (int64_t oy = y_.begin; oy < y_.end && count() > 0; ++oy) {
      blended_row(map, oy, 1 - y_.fraction, y_.fraction, row);
      kernels_.blend(count(), row, 1 - x_.fraction, row + 1, x_.fraction, true, out + oy * out_width_ + x_.begin);
    }
  }

  // map_grad += the transpose of add applied to out_grad.
  void add_transposed(const T* out_grad, T* map_grad, T* row) const {
    const int64_t n = count();
    for (int64_t oy = y_.begin; oy < y_.end && n > 0; ++oy) {
      const T* u = out_grad + oy * out_width_ + x_.begin;
      row[0] = (1 - x_.fraction) * u[0];
      kernels_.blend(n - 1, u + 1, 1 - x_.fraction, u, x_.fraction, false, row + 1);
      row[n] = x_.fraction * u[n - 1];
      fold_row(row);
      add_to_cell(oy + y_.first, 1 - y_.fraction, row, map_grad);
      add_to_cell(oy + y_.first + 1, y_.fraction, row, map_grad);
    }
  }

  // The sums over positions of out_grad times the slopes of the sampled map
  // along y and x, added to sum_y and sum_x.
  void add_slopes(const T* map, const T* out_grad, double* sum_y, double* sum_x, T* row) const {
    for (int64_t oy = y_.begin; oy < y_.end && count() > 0; ++oy) {
      const T* u = out_grad + oy * out_width_ + x_.begin;
      blended_row(map, oy, -1, 1, row);
      *sum_y += kernels_.dot(count(), u, row, 1 - x_.fraction, row + 1, x_.fraction);
      blended_row(map, oy, 1 - y_.fraction, y_.fraction, row);
      *sum_x += kernels_.dot(count(), u, row, -1, row + 1, 1);
    }
  }

  static int64_t row_size(int64_t out_width) { return out_width + 1; }

 private:
  int64_t count() const { return x_.end - x_.begin; }

  // Row y of the map, or -1 where the rule has none.
  int64_t cell_y(int64_t y) const {
    if (rule_ == Boundary::kBorder || (rule_ == Boundary::kInside && y >= height_)) {
      return std::clamp<int64_t>(y, 0, height_ - 1);
    }
    return y >= 0 && y < height_ ? y : -1;
  }

  // The part of [0, count()] whose cells lie in the map, and the column of its
  // first.
  void inner(int64_t* begin, int64_t* end, int64_t* column) const {
    const int64_t x0 = x_.begin + x_.first;
    *begin = std::clamp<int64_t>(-x0, 0, count() + 1);
    *end = std::clamp<int64_t>(width_ - x0, *begin, count() + 1);
    *column = x0 + *begin;
  }

  // row[j], j in [0, count()]: the two map rows around output row oy, weighted,
  // at column x_.begin + x_.first + j.
  void blended_row(const T* map, int64_t oy, T upper_weight, T lower_weight, T* row) const {
    int64_t begin, end, column;
    inner(&begin, &end, &column);
    const int64_t upper = cell_y(oy + y_.first), lower = cell_y(oy + y_.first + 1);
    const T* upper_row = map + std::max<int64_t>(upper, 0) * width_;
    const T* lower_row = map + std::max<int64_t>(lower, 0) * width_;
    if (upper < 0) upper_row = lower_row, upper_weight = 0;
    if (lower < 0) lower_row = upper_row, lower_weight = 0;
    if (begin == end) {  // clamped as a whole, or nothing
      const int64_t edge = x_.begin + x_.first < 0 ? 0 : width_ - 1;
      const T value = upper_weight * upper_row[edge] + lower_weight * lower_row[edge];
      std::fill_n(row, count() + 1, rule_ == Boundary::kZero ? T(0) : value);
      return;
    }
    kernels_.blend(end - begin, upper_row + column, upper_weight, lower_row + column, lower_weight, false, row + begin);
    std::fill(row, row + begin, rule_ == Boundary::kBorder ? row[begin] : T(0));
    std::fill(row + end, row + count() + 1, rule_ == Boundary::kZero ? T(0) : row[end - 1]);
  }

  // The transpose of what blended_row does at the edges: clamped cells give
  // what they got to the edge of the map.
  void fold_row(T* row) const {
    if (rule_ == Boundary::kZero) return;
    int64_t begin, end, column;
    inner(&begin, &end, &column);
    if (begin == end) {
      for (int64_t j = 1; j <= count(); ++j) row[0] += row[j];
      return;
    }
    for (int64_t j = 0; j < begin; ++j) row[begin] += row[j];
    for (int64_t j = end; j <= count(); ++j) row[end - 1] += row[j];
  }

  void add_to_cell(int64_t y, T weight, const T* row, T* map_grad) const {
    const int64_t cell = cell_y(y);
    if (cell < 0) return;
    int64_t begin, end, column;
    inner(&begin, &end, &column);
    T* out = map_grad + cell * width_;
    if (begin == end) {
      if (rule_ != Boundary::kZero) out[x_.begin + x_.first < 0 ? 0 : width_ - 1] += weight * row[0];
      return;
    }
    kernels_.blend(end - begin, row + begin, weight, row + begin, T(0), true, out + column);
  }

  const int64_t height_, width_, out_width_;
  const Boundary rule_;
  const AxisShift<T> y_, x_;
  const Kernels<T>& kernels_ = kernels<T>();
};

}  // namespace acn
