// SPDX-License-Identifier: Apache-2.0
// Where the deformable convolutions look: each tap of the regular grid moved by an offset of its own at every position.
#pragma once

#include "../core/conv/conv_contract.h"

namespace acn {

// Where the numbers of one tap at one position stand: dy in offset (N, sets, taps, 2, positions), with dx one map
// further, and the factor in mask (N, sets, taps, positions).
ACN_HOST_DEVICE inline int64_t deform_offset_index(const ConvShape& s, int64_t image, int64_t set, int64_t tap,
                                                   int64_t position) {
  return ((image * s.offset_sets() + set) * s.taps() + tap) * 2 * s.positions() + position;
}
ACN_HOST_DEVICE inline int64_t deform_mask_index(const ConvShape& s, int64_t image, int64_t set, int64_t tap,
                                                 int64_t position) {
  return ((image * s.offset_sets() + set) * s.taps() + tap) * s.positions() + position;
}

// grid_y, grid_x: where the plain convolution looks with this tap at this position.
// T: coordinates; S: offsets as stored.
template <class T, class S>
ACN_HOST_DEVICE inline Cells<T> deform_cells(const ConvShape& s, const S* offset, int64_t image, int64_t set,
                                             int64_t position, int64_t tap, int64_t grid_y, int64_t grid_x,
                                             Boundary rule) {
  const S* dy = offset + deform_offset_index(s, image, set, tap, position);
  return locate(grid_y + static_cast<T>(dy[0]), grid_x + static_cast<T>(dy[s.positions()]),
                static_cast<int32_t>(s.height), static_cast<int32_t>(s.width), rule);
}

}  // namespace acn
