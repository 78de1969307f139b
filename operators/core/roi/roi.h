// SPDX-License-Identifier: Apache-2.0
// What the pooling operators make of a region of interest (RoI), a row (image, x1, y1, x2, y2) of rois: the box on the
// map, its bins, the channels that a bin reads. For host and device.
//
// The arithmetic is that of MXNet 1.9.1, operation by operation in T, since a floor() or a comparison follows: bins and
// samples must fall on the same cells as there. T is the type of the coordinates, float or double.
#pragma once

#include <cmath>
#include <cstdint>

#include "../sampling/bilinear.h"

namespace acn {

// a * b + c with both operations rounded. Compilers for devices would make it one operation with one rounding.
ACN_HOST_DEVICE inline float rounded_multiply_add(float a, float b, float c) {
#ifdef __CUDA_ARCH__
  return __fadd_rn(__fmul_rn(a, b), c);
#else
  return a * b + c;
#endif
}
ACN_HOST_DEVICE inline double rounded_multiply_add(double a, double b, double c) {
#ifdef __CUDA_ARCH__
  return __dadd_rn(__dmul_rn(a, b), c);
#else
  return a * b + c;
#endif
}

// A box on the map, in pixels of the map. Not finite: a corner was not, and every bin of the box is NaN.
template <class T>
struct RoiBox {
  T start_y, start_x, size_y, size_x;
  T bin_y, bin_x;  // size of one bin
  bool finite;
};

// Corners are rounded, half away from zero, before they are scaled, and the end is inclusive; at least 0.1 wide.
// `shift` is added to the start: 0, or -1/2 where a pixel's centre is its coordinate.
template <class T>
ACN_HOST_DEVICE inline RoiBox<T> roi_box(const T* roi, T scale, T shift, int32_t pooled_size) {
  RoiBox<T> box;
  box.start_x = rounded_multiply_add(std::round(roi[1]), scale, shift);
  box.start_y = rounded_multiply_add(std::round(roi[2]), scale, shift);
  box.size_x = rounded_multiply_add(std::round(roi[3]) + 1, scale, shift) - box.start_x;
  box.size_y = rounded_multiply_add(std::round(roi[4]) + 1, scale, shift) - box.start_y;
  if (box.size_x < T(0.1)) box.size_x = T(0.1);  // stays NaN
  if (box.size_y < T(0.1)) box.size_y = T(0.1);
  box.bin_x = box.size_x / T(pooled_size);
  box.bin_y = box.size_y / T(pooled_size);
  const T sum = box.start_x * 0 + box.start_y * 0 + box.size_x * 0 + box.size_y * 0;  // 0 unless one is not finite
  box.finite = sum == 0;
  return box;
}

// What is no image: a row that stands for no region (its bins are 0 and have no gradient), and one that is wrong.
enum : int64_t { kNoRegion = -1, kWrongImage = -2 };

// The image of a RoI from its first number, whose fraction is dropped: 0 to batch - 1, kNoRegion for -1, which MXNet's
// ROIPooling takes so too, or kWrongImage.
template <class T>
ACN_HOST_DEVICE inline int64_t roi_image(T first, int64_t batch) {
  if (!(first > -2 && first < T(batch))) return kWrongImage;
  const int64_t image = static_cast<int64_t>(first);
  return image < batch ? image : kWrongImage;
}

// A bin's row (or column) of the group_size x group_size position-sensitive groups. Whole numbers, so exact.
ACN_HOST_DEVICE inline int32_t roi_group(int32_t bin, int32_t group_size, int32_t pooled_size) {
  return static_cast<int32_t>(static_cast<int64_t>(bin) * group_size / pooled_size);
}

// The channel of data that output channel `channel` reads in that group.
ACN_HOST_DEVICE inline int64_t roi_channel(int64_t channel, int32_t group_y, int32_t group_x, int32_t group_size) {
  return (channel * group_size + group_y) * group_size + group_x;
}

// `place` as an index from 0 to n: what lies outside becomes 0 or n. Not for NaN.
template <class T>
ACN_HOST_DEVICE inline int32_t clipped(T place, int32_t n) {
  return place <= 0 ? 0 : place >= T(n) ? n : static_cast<int32_t>(place);
}

}  // namespace acn
