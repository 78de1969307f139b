// SPDX-License-Identifier: Apache-2.0
// Sums in two steps and a fixed order: `lanes` neighbouring threads each take every lanes-th term, then one adds up.
#pragma once

#include "types.h"

namespace acn::cuda {

constexpr int64_t kLanes = 256;

struct AddLanes {
  const double* parts;  // (rows, lanes)
  int64_t lanes = kLanes;
  ACN_BODY double operator()(int64_t row) const {
    double sum = 0;
    for (int64_t lane = 0; lane < lanes; ++lane) sum += parts[row * lanes + lane];
    return sum;
  }
};

}  // namespace acn::cuda
