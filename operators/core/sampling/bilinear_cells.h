// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace acn {

// What a sampling point touches; bilinear.h tells how values and derivatives
// follow from it.
template <class T>
struct Cells {
  int32_t index[4];  // flat y * W + x of (y0,x0) (y0,x1) (y1,x0) (y1,x1); H * W
                     // means nowhere
  T ly, lx;
};

}  // namespace acn
