// SPDX-License-Identifier: Apache-2.0
// Where DeformablePSROIPooling looks: sample_per_part x sample_per_part bilinear samples in every bin, from its corner
// on, the bin moved by trans. y and x never meet, so everything is said of one axis:
//   value(bin)    = sum over the inside samples (i along y, j along x) of bilinear(y_i, x_j) / count
//   d value / d trans = d value / d place * trans_std * size of the box, place moving all samples of the axis
#pragma once

#include "../core/roi/roi.h"

namespace acn {

template <class T>
ACN_HOST_DEVICE inline RoiBox<T> deform_psroi_box(const T* roi, T spatial_scale, int32_t pooled_size) {
  return roi_box(roi, spatial_scale, T(-0.5), pooled_size);
}

// The row (or column) of a bin in the part_size x part_size maps of trans. Whole numbers, so exact.
ACN_HOST_DEVICE inline int32_t deform_psroi_part(int32_t bin, int32_t part_size, int32_t pooled_size) {
  return static_cast<int32_t>(static_cast<int64_t>(bin) * part_size / pooled_size);
}

// Index of x's number in trans (rois, classes, 2, part_size, part_size); y's is part_size * part_size further.
ACN_HOST_DEVICE inline int64_t deform_psroi_trans_index(int64_t roi, int64_t classes, int64_t of_class, int32_t part_y,
                                                        int32_t part_x, int64_t part_size) {
  return ((roi * classes + of_class) * 2 * part_size + part_y) * part_size + part_x;
}

// The place of a bin's first sample along one axis. trans: the number in trans, or 0 without it.
template <class T>
ACN_HOST_DEVICE inline T deform_psroi_start(T box_start, T bin_size, T box_size, int32_t bin, T trans, T trans_std) {
  return rounded_multiply_add(trans * trans_std, box_size, rounded_multiply_add(T(bin), bin_size, box_start));
}

// One sample along one axis of length n, of bilinear interpolation (1 - fraction) [low] + fraction [high]. On a cell,
// high is low, and the derivative, [high] - [low], is 0 there. A sample that is not inside counts for nothing.
template <class T>
struct DeformPsroiSample {
  int32_t low, high;
  T fraction;
  bool inside;
};

// start: of deform_psroi_start, not NaN. sub_size: bin_size / sample_per_part. n: at most 2^24. Without branches.
template <class T>
ACN_HOST_DEVICE inline DeformPsroiSample<T> deform_psroi_sample(T start, T sub_size, int32_t sample, int32_t n) {
  const T place = rounded_multiply_add(T(sample), sub_size, start);
  const bool inside = (place >= T(-0.5)) & (place <= T(n) - T(0.5));
  const T raised = place > 0 ? place : T(0), clamped = raised < T(n - 1) ? raised : T(n - 1);
  const int32_t low = static_cast<int32_t>(clamped);
  const T fraction = clamped - T(low);
  return {low, low + (fraction > 0), fraction, inside};
}

}  // namespace acn
