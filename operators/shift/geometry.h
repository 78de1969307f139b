// SPDX-License-Identifier: Apache-2.0
// Where Shift looks: pixel p of channel c is read at p + offset[c].
#pragma once

#include "../core/contract/tensor.h"
#include "../core/sampling/bilinear.h"

namespace acn {

// Maps (batch, channels, height, width).
struct ShiftMaps {
  int64_t batch, channels;
  int32_t height, width;
  Boundary rule;

  ShiftMaps(const Shape& data, Boundary boundary)
      : batch(data[0]),
        channels(data[1]),
        height(static_cast<int32_t>(data[2])),
        width(static_cast<int32_t>(data[3])),
        rule(boundary) {}
  ACN_HOST_DEVICE int32_t pixels() const { return height * width; }
};

// T: coordinates; S: offsets as stored.
template <class T, class S>
ACN_HOST_DEVICE inline Cells<T> shift_cells(const ShiftMaps& m, int32_t pixel, const S* channel_offset) {
  return locate(moved(pixel / m.width, static_cast<T>(channel_offset[0])),
                moved(pixel % m.width, static_cast<T>(channel_offset[1])), m.height, m.width, m.rule);
}

}  // namespace acn
