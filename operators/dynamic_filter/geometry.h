// SPDX-License-Identifier: Apache-2.0
// Where DynamicFilter looks: at a grid of samples around the position, and around each sample at a grid of taps.
#pragma once

#include <cstdint>

#include "../core/sampling/boundary.h"

namespace acn {

// A step over the map, in pixels.
struct MapStep {
  int64_t y, x;
};

ACN_HOST_DEVICE inline MapStep operator+(MapStep a, MapStep b) { return {a.y + b.y, a.x + b.x}; }
ACN_HOST_DEVICE inline MapStep operator-(MapStep a) { return {-a.y, -a.x}; }

// Pairs are (y, x).
struct DynamicFilterShape {
  int64_t batch, channels, filters;
  int32_t height, width;
  int32_t kernel[2], samples[2], sample_stride[2], dilate[2];
  bool mean, residual, at_output, softmax;

  ACN_HOST_DEVICE int64_t pixels() const { return int64_t{height} * width; }
  ACN_HOST_DEVICE int32_t tap_count() const { return kernel[0] * kernel[1]; }
  ACN_HOST_DEVICE int32_t sample_count() const { return samples[0] * samples[1]; }

  // From the centre of a window to a tap. The tap that reads the centre itself has the kernel between the channels.
  ACN_HOST_DEVICE MapStep tap(int32_t t) const {
    return {int64_t{t / kernel[1] - (kernel[0] - 1) / 2} * dilate[0],
            int64_t{t % kernel[1] - (kernel[1] - 1) / 2} * dilate[1]};
  }
  ACN_HOST_DEVICE int32_t centre() const { return (kernel[0] - 1) / 2 * kernel[1] + (kernel[1] - 1) / 2; }

  // From a position to the centre of a sample; an even number has one more before the position than behind it.
  ACN_HOST_DEVICE MapStep sample(int32_t s) const {
    return {int64_t{s / samples[1] - samples[0] / 2} * sample_stride[0],
            int64_t{s % samples[1] - samples[1] / 2} * sample_stride[1]};
  }

  ACN_HOST_DEVICE bool inside(int64_t y, int64_t x) const { return y >= 0 && y < height && x >= 0 && x < width; }

  template <class T>
  ACN_HOST_DEVICE T scale() const {  // of every sample
    return mean ? T(1) / T(sample_count()) : T(1);
  }
  template <class T>
  ACN_HOST_DEVICE T identity() const {  // what is added to the kernel between the channels
    return residual ? T(1) / T(channels) : T(0);
  }
};

}  // namespace acn
