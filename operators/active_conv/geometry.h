// SPDX-License-Identifier: Apache-2.0
// Where ActiveConvolution looks: each tap of the regular grid moved by its own
// offset, the same at every position.
#pragma once

#include "../core/conv/conv_contract.h"

namespace acn {

// offset: (filter offset groups, channel offset groups, taps, 2).
// grid_y, grid_x: where the plain convolution looks with this tap at some position.
// T: coordinates; S: offsets as stored.
template <class T, class S>
ACN_HOST_DEVICE inline Cells<T> active_cells(const ConvShape& s, const S* offset, int64_t filter_group,
                                             int64_t channel_group, int64_t tap, int64_t grid_y, int64_t grid_x,
                                             Boundary rule) {
  const S* pair = offset + (s.offset_set(filter_group, channel_group) * s.taps() + tap) * 2;
  return locate(moved(grid_y, static_cast<T>(pair[0])), moved(grid_x, static_cast<T>(pair[1])),
                static_cast<int32_t>(s.height), static_cast<int32_t>(s.width), rule);
}

}  // namespace acn
