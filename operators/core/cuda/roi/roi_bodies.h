// SPDX-License-Identifier: Apache-2.0
// What the kernels of the poolings share. A thread of forward has one number of the output: row = RoI, x = output
// channel * bins + bin. A gathering thread of backward has one number of data and goes through the RoIs of its image.
#pragma once

#include "../../roi/roi.h"
#include "../../roi/roi_contract.h"
#include "../runtime/types.h"

namespace acn::cuda {

inline constexpr const char* kBadImage =
    "the image of a region must be a whole number from 0 to the batch size - 1, or -1 for no region; others gave NaN";

// A RoI in the type of computing.
template <class S>
struct RoiRow {
  Compute<S> numbers[5];
  ACN_BODY explicit RoiRow(const S* roi) { ACN_UNROLL for (int i = 0; i < 5; ++i) numbers[i] = load(roi + i); }
};

// The bin and channels of one number of a RoI's output.
struct RoiPlace {
  int32_t bin_y, bin_x, group_y, group_x;
  int64_t channel, of_class;

  ACN_BODY RoiPlace(const RoiShape& s, int64_t x) {
    const int32_t bins = static_cast<int32_t>(s.bins()), bin = static_cast<int32_t>(x % bins);
    channel = x / bins;
    of_class = channel / s.class_channels();
    bin_y = bin / s.pooled_size;
    bin_x = bin % s.pooled_size;
    group_y = roi_group(bin_y, s.group_size, s.pooled_size);
    group_x = roi_group(bin_x, s.group_size, s.pooled_size);
  }
};

// What a channel of data is to the output.
struct DataPlace {
  int64_t channel;  // of the output
  int32_t group_y, group_x;

  ACN_BODY DataPlace(const RoiShape& s, int64_t data_channel) {
    const int64_t groups = int64_t{s.group_size} * s.group_size, group = data_channel % groups;
    channel = data_channel / groups;
    group_y = static_cast<int32_t>(group / s.group_size);
    group_x = static_cast<int32_t>(group % s.group_size);
  }
};

// The first bin that reads a group; the next group's is where they end.
ACN_BODY int32_t first_bin(const RoiShape& s, int32_t group) {
  return static_cast<int32_t>((int64_t{group} * s.pooled_size + s.group_size - 1) / s.group_size);
}

template <class T>
ACN_BODY T not_a_number() {
  const T zero = 0;
  return zero / zero;
}

template <class S>
struct StoreZero {
  Req req;
  S* out;
  ACN_BODY void operator()(int64_t, int64_t x) const { put(Compute<S>(0), req, out + x); }
};

// rois have no gradient.
template <class S>
void store_no_rois_gradient(Stream stream, const RoiShape& s, Req req, S* rois_grad) {
  if (req == Req::kWrite) launch(stream, 1, s.rois * 5, StoreZero<S>{req, rois_grad});
}

}  // namespace acn::cuda
