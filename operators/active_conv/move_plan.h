// SPDX-License-Identifier: Apache-2.0
// A map sampled at its output grid moved by one constant (stride 1): the rules of core/sampling/boundary.h, asked once
// for the whole map.
#pragma once

#include <algorithm>

#include "../core/conv/conv_contract.h"
#include "../core/simd/vector_kernels.h"

namespace acn {

// Output places [begin, end) of an axis that read something when place 0 looks at `low`.
inline AxisReach reading_places(int64_t low, int64_t in_size, int64_t out_size, Boundary rule) {
  const AxisReach reach = axis_reach(in_size, rule);
  const int64_t begin = std::clamp<int64_t>(reach.begin - low, 0, out_size);
  return {begin, std::clamp<int64_t>(reach.end - low, begin, out_size)};
}

// y, x: where the first output position looks. NaN is the caller's to treat.
template <class T>
MovePlan<T> move_plan(const ConvShape& s, Place<T> y, Place<T> x, Boundary rule) {
  const AxisReach rows = reading_places(y.low, s.height, s.out_height, rule);
  const AxisReach columns = reading_places(x.low, s.width, s.out_width, rule);
  MovePlan<T> plan{};
  plan.height = s.height, plan.width = s.width, plan.out_width = s.out_width;
  plan.first_y = y.low, plan.y_begin = rows.begin, plan.y_end = rows.end, plan.fraction_y = y.fraction;
  plan.first_x = x.low, plan.x_begin = columns.begin, plan.x_end = columns.end, plan.fraction_x = x.fraction;
  plan.rule = rule;
  return plan;
}

}  // namespace acn
