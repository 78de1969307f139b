// SPDX-License-Identifier: Apache-2.0
// A map sampled at its output grid moved by one constant (stride 1): which cells that means under each boundary rule of
// bilinear.h. Cells are clamped (border, and the far edge of inside) or empty (zero), and points outside the
// rule's range are left out.
#pragma once

#include <algorithm>
#include <cmath>

#include "../simd/vector_kernels.h"
#include "bilinear.h"

namespace acn {

// One axis: output index o falls between cells o + first and o + first + 1, for
// o in [begin, end).
template <class T>
struct AxisMove {
  int64_t first, begin, end;
  T fraction;
};

template <class T>
AxisMove<T> axis_move(double shift, int64_t in_size, int64_t out_size, Boundary rule) {
  // Beyond this every point is outside; the bound keeps the integer below
  // within range.
  const double far = static_cast<double>(in_size + out_size) + 2;
  const double place = shift == shift ? std::clamp(shift, -far, far) : 0, low = std::floor(place);
  AxisMove<T> axis{static_cast<int64_t>(low), 0, out_size, static_cast<T>(place - low)};
  if (rule == Boundary::kBorder) return axis;
  axis.begin = std::clamp<int64_t>((rule == Boundary::kZero ? -1 : 0) - axis.first, 0, out_size);
  axis.end = std::clamp<int64_t>(in_size - axis.first, axis.begin, out_size);
  return axis;
}

// dy, dx: from an output position to its sampling point. NaN is the caller's to treat.
template <class T>
MovePlan<T> move_plan(int64_t height, int64_t width, int64_t out_height, int64_t out_width, double dy, double dx,
                      Boundary rule) {
  const AxisMove<T> y = axis_move<T>(dy, height, out_height, rule), x = axis_move<T>(dx, width, out_width, rule);
  MovePlan<T> plan{};
  plan.height = height, plan.width = width, plan.out_width = out_width;
  plan.first_y = y.first, plan.y_begin = y.begin, plan.y_end = y.end, plan.fraction_y = y.fraction;
  plan.first_x = x.first, plan.x_begin = x.begin, plan.x_end = x.end, plan.fraction_x = x.fraction;
  plan.clamp_low = rule == Boundary::kBorder;
  plan.clamp_high = rule != Boundary::kZero;
  return plan;
}

}  // namespace acn
