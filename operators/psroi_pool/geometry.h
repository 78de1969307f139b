// SPDX-License-Identifier: Apache-2.0
// Where PSROIPooling looks: a bin is the mean of the rectangle of pixels that it touches.
#pragma once

#include "../core/roi/roi.h"

namespace acn {

template <class T>
ACN_HOST_DEVICE inline RoiBox<T> psroi_box(const T* roi, T spatial_scale, int32_t pooled_size) {
  return roi_box(roi, spatial_scale, T(0), pooled_size);
}

// Rows (or columns) [begin, end); none where end <= begin.
struct PsroiSpan {
  int32_t begin, end;
};

// The rows of bin number `bin` along y of a map of n rows, or the columns along x. start and bin_size of a finite box.
template <class T>
ACN_HOST_DEVICE inline PsroiSpan psroi_span(T start, T bin_size, int32_t bin, int32_t n) {
  return {clipped(std::floor(rounded_multiply_add(T(bin), bin_size, start)), n),
          clipped(std::ceil(rounded_multiply_add(T(bin + 1), bin_size, start)), n)};
}

}  // namespace acn
