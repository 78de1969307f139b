// SPDX-License-Identifier: Apache-2.0
// Where Shift looks: pixel p of channel c is read at p + offset[c].
#pragma once

#include "../core/bilinear.h"

namespace acn {

// T: coordinates; S: offsets as stored.
template <class T, class S>
ACN_HOST_DEVICE inline Cells<T> shift_cells(int32_t pixel, const S* channel_offset, int32_t H, int32_t W,
                                            Boundary rule) {
  return locate(pixel / W + static_cast<T>(channel_offset[0]), pixel % W + static_cast<T>(channel_offset[1]), H, W,
                rule);
}

}  // namespace acn
