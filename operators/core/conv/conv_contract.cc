// SPDX-License-Identifier: Apache-2.0
#include "conv_contract.h"

#include <limits>

#include "../contract/error.h"
#include "../contract/operator.h"

namespace acn {
namespace {
constexpr int64_t kIndexLimit = std::numeric_limits<int32_t>::max();

void require_pair(const std::string& op, const char* name, const Pair& value, int64_t least) {
  require(value[0] >= least && value[1] >= least && value[0] <= kIndexLimit && value[1] <= kIndexLimit, op,
          ": attribute '", name, "' must hold integers of at least ", least, ", got (", value[0], ", ", value[1], ")");
}

int64_t out_size(int64_t in, int64_t kernel, int64_t stride, int64_t dilate, int64_t pad) {
  int64_t span = dilate * (kernel - 1) + 1;
  return in + 2 * pad < span ? 0 : (in + 2 * pad - span) / stride + 1;
}
}  // namespace

ConvAttributes::ConvAttributes(Attributes& attributes, const char* default_boundary) : boundary(default_boundary) {
  attributes.required("kernel", &kernel, "kernel size (y, x)");
  attributes.required("num_filter", &num_filter, "number of output channels");
  attributes.optional("stride", &stride, "step between output positions, in input pixels");
  attributes.optional("dilate", &dilate, "step between taps of the regular grid, in input pixels");
  attributes.optional("pad", &pad, "how far the regular grid starts outside the map, in input pixels");
  attributes.optional("num_group", &num_group, "groups that split filters and input channels");
  attributes.optional("num_deformable_group", &num_deformable_group,
                      "offset sets, each for an equal share of the input channels");
  attributes.optional("no_bias", &no_bias, "leave out the bias");
  attributes.choice("boundary", &boundary, {"zero", "inside", "border"},
                    "what a point outside the map reads: zero (fading over one "
                    "pixel), nothing unless inside, or the "
                    "nearest border value");
}

void ConvAttributes::check(const std::string& op) const {
  require_pair(op, "kernel", kernel, 1);
  require_pair(op, "stride", stride, 1);
  require_pair(op, "dilate", dilate, 1);
  require_pair(op, "pad", pad, 0);
  require(num_filter >= 1 && num_filter <= kIndexLimit, op, ": attribute 'num_filter' must be 1 to ", kIndexLimit,
          ", got ", num_filter);
  require(kernel[0] <= kIndexLimit / kernel[1], op, ": the kernel must have fewer than 2^31 taps, got ", kernel[0],
          " x ", kernel[1]);
  const std::pair<const char*, int64_t> groups[] = {
      {"num_group", num_group}, {"num_deformable_group", num_deformable_group}, {"num_offset_group", num_offset_group}};
  for (const auto& group : groups) {
    require(group.second >= 1 && group.second <= kIndexLimit, op, ": attribute '", group.first, "' must be 1 to ",
            kIndexLimit, ", got ", group.second);
  }
  require(num_filter % num_group == 0, op, ": num_filter must be divisible by num_group, got num_filter=", num_filter,
          " and num_group=", num_group);
  require(num_filter % num_offset_group == 0, op,
          ": num_filter must be divisible by num_offset_group, got num_filter=", num_filter,
          " and num_offset_group=", num_offset_group);
}

ConvShape ConvAttributes::shape(const std::string& op, const Shape& data) const {
  require(data.size() == 4, op, ": data must have 4 dimensions (N, C, H, W), got shape ", to_string(data));
  ConvShape s{};
  s.batch = data[0], s.channels = data[1], s.height = data[2], s.width = data[3];
  s.filters = num_filter;
  s.kernel_y = kernel[0], s.kernel_x = kernel[1];
  s.stride_y = stride[0], s.stride_x = stride[1];
  s.dilate_y = dilate[0], s.dilate_x = dilate[1];
  s.pad_y = pad[0], s.pad_x = pad[1];
  s.weight_groups = num_group;
  s.filter_offset_groups = num_offset_group;
  s.channel_offset_groups = num_deformable_group;
  require(s.channels >= 1 && s.height >= 1 && s.width >= 1, op,
          ": data must have at least one channel, row and column, got shape ", to_string(data));
  require(s.height <= (kIndexLimit - 1) / s.width, op, ": data maps must have fewer than 2^31 - 1 pixels, got shape ",
          to_string(data));
  require(s.channels % num_group == 0, op, ": the channels of data must be divisible by num_group, got shape ",
          to_string(data), " and num_group=", num_group);
  require(s.channels % num_deformable_group == 0, op,
          ": the channels of data must be divisible by num_deformable_group, "
          "got shape ",
          to_string(data), " and num_deformable_group=", num_deformable_group);
  require(s.offset_sets() <= (kIndexLimit - 1) / s.taps(), op,
          ": there must be fewer than 2^31 - 1 offset sets times taps, got ", s.filter_offset_groups, " x ",
          s.channel_offset_groups, " sets of ", s.taps());
  s.out_height = out_size(s.height, s.kernel_y, s.stride_y, s.dilate_y, s.pad_y);
  s.out_width = out_size(s.width, s.kernel_x, s.stride_x, s.dilate_x, s.pad_x);
  require(s.out_height >= 1 && s.out_width >= 1, op, ": the kernel does not fit: data of shape ", to_string(data),
          " padded by (", s.pad_y, ", ", s.pad_x, ") is smaller than kernel (", s.kernel_y, ", ", s.kernel_x,
          ") with dilate (", s.dilate_y, ", ", s.dilate_x, ")");
  require(s.out_height <= (kIndexLimit - 1) / s.out_width, op,
          ": the output map must have fewer than 2^31 - 1 positions, got ", s.out_height, " x ", s.out_width);
  return s;
}

void ConvAttributes::infer_parameters(const std::string& op, const ConvShape& s, size_t weight,
                                      std::vector<std::optional<Shape>>* inputs) const {
  expect_shape(op, "weight", {s.filters, s.channels / s.weight_groups, s.kernel_y, s.kernel_x}, &(*inputs)[weight],
               "(num_filter, C / num_group, kernel y, kernel x)");
  if (!no_bias) expect_shape(op, "bias", {s.filters}, &(*inputs)[weight + 1], "(num_filter,)");
}

}  // namespace acn
