// SPDX-License-Identifier: Apache-2.0
// What the pooling operators have in common: attributes, the shapes of data and rois.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../contract/attributes.h"
#include "../contract/operator.h"
#include "../contract/tensor.h"
#include "../sampling/bilinear.h"

namespace acn {

// A pooling at given sizes: output (rois, output_dim, pooled_size, pooled_size) of data (batch, output_dim *
// group_size * group_size, height, width). The output channels are divided evenly, in order, over `classes`; those of
// one class look at the same places.
struct RoiShape {
  int64_t batch, rois, output_dim, classes;
  int32_t height, width, group_size, pooled_size;

  ACN_HOST_DEVICE int64_t pixels() const { return static_cast<int64_t>(height) * width; }
  ACN_HOST_DEVICE int64_t channels() const { return output_dim * group_size * group_size; }
  ACN_HOST_DEVICE int64_t bins() const { return static_cast<int64_t>(pooled_size) * pooled_size; }
  ACN_HOST_DEVICE int64_t class_channels() const { return output_dim / classes; }
};

struct RoiAttributes {
  double spatial_scale = 0;
  int64_t output_dim = 0, pooled_size = 0, group_size = 0;

  // Stock MXNet holds these numbers in single precision, whatever the dtype of the arrays.
  template <class T>
  T scale() const {
    return static_cast<T>(static_cast<float>(spatial_scale));
  }

  // Checks everything that the attributes alone can say. Call it when all fields are read.
  void check(const std::string& op) const;

  // Checks data and rois, whose shapes must be known. One class.
  RoiShape shape(const std::string& op, const std::vector<std::optional<Shape>>& inputs) const;
  // The same of shapes that were accepted before.
  ACN_SHARED RoiShape shape(const Shape& data, const Shape& rois) const;

  static Shape output(const RoiShape& s) { return {s.rois, s.output_dim, s.pooled_size, s.pooled_size}; }
  static std::vector<InputInfo> inputs();  // data and rois
};

// Throws Error unless `value`, an attribute, is in [least, most].
void expect_between(const std::string& op, const char* attribute, int64_t value, int64_t least, int64_t most);

}  // namespace acn
