// SPDX-License-Identifier: Apache-2.0
// What every convolution of this library has in common: attributes, shapes and
// the regular grid of taps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../contract/attributes.h"
#include "../contract/tensor.h"
#include "../sampling/bilinear.h"

namespace acn {

// A convolution at given sizes. A tap is numbered row-major over the kernel, a
// position row-major over the output map.
struct ConvShape {
  int64_t batch, channels, height, width;
  int64_t filters, out_height, out_width;
  int64_t kernel_y, kernel_x, stride_y, stride_x, dilate_y, dilate_x, pad_y, pad_x;
  int64_t weight_groups;          // num_group
  int64_t filter_offset_groups;   // offset sets over the filters
  int64_t channel_offset_groups;  // offset sets over the input channels
                                  // (num_deformable_group)

  // Offset sets are numbered filter group by filter group.
  ACN_HOST_DEVICE int64_t offset_sets() const { return filter_offset_groups * channel_offset_groups; }
  ACN_HOST_DEVICE int64_t offset_set(int64_t filter_group, int64_t channel_group) const {
    return filter_group * channel_offset_groups + channel_group;
  }
  ACN_HOST_DEVICE int64_t taps() const { return kernel_y * kernel_x; }
  ACN_HOST_DEVICE int64_t positions() const { return out_height * out_width; }
  ACN_HOST_DEVICE int64_t pixels() const { return height * width; }

  // Where the plain dilated convolution looks, in input pixels.
  ACN_HOST_DEVICE int64_t grid_y(int64_t position, int64_t tap) const {
    return position / out_width * stride_y - pad_y + tap / kernel_x * dilate_y;
  }
  ACN_HOST_DEVICE int64_t grid_x(int64_t position, int64_t tap) const {
    return position % out_width * stride_x - pad_x + tap % kernel_x * dilate_x;
  }

  // body(position, tap, grid y, grid x) for positions [begin, end) and all their taps, in order, without a division
  // each.
  template <class Body>
  void for_grid(int64_t begin, int64_t end, Body body) const {
    int64_t out_y = begin / out_width, out_x = begin % out_width;
    for (int64_t position = begin; position < end; ++position) {
      for (int64_t i = 0, tap = 0; i < kernel_y; ++i) {
        const int64_t y = out_y * stride_y - pad_y + i * dilate_y;
        for (int64_t j = 0; j < kernel_x; ++j, ++tap) body(position, tap, y, out_x * stride_x - pad_x + j * dilate_x);
      }
      if (++out_x == out_width) out_x = 0, ++out_y;
    }
  }
};

struct ConvAttributes {
  Pair kernel{}, stride{1, 1}, dilate{1, 1}, pad{0, 0};
  int64_t num_filter = 0, num_group = 1, num_deformable_group = 1;
  int64_t num_offset_group = 1;  // declared by the rooms that have it
  bool no_bias = false;
  std::string boundary;

  ConvAttributes(Attributes& attributes, const char* default_boundary);

  // Checks everything that the attributes alone can say. Call it when all
  // fields are read.
  void check(const std::string& op) const;

  // Checks data and the attributes that depend on it.
  ACN_SHARED ConvShape shape(const std::string& op, const Shape& data) const;

  Shape output(const ConvShape& s) const { return {s.batch, s.filters, s.out_height, s.out_width}; }

  // Checks or fills in the weight and, where there is one, the bias that
  // follows it.
  void infer_parameters(const std::string& op, const ConvShape& s, size_t weight,
                        std::vector<std::optional<Shape>>* inputs) const;
};

}  // namespace acn
