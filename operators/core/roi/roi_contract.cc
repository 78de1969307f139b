// SPDX-License-Identifier: Apache-2.0
#include "roi_contract.h"

#include <limits>

#include "../contract/error.h"

namespace acn {
namespace {
constexpr int64_t kMostBins = 1 << 12;  // along one side: far beyond use, and its square is no large number
constexpr int64_t kMostRows = 1 << 24;  // or columns: all that are whole numbers in single precision
}  // namespace

void expect_between(const std::string& op, const char* attribute, int64_t value, int64_t least, int64_t most) {
  require(value >= least && value <= most, op, ": ", attribute, " must be ", least, " to ", most, ", got ", value);
}

std::vector<InputInfo> RoiAttributes::inputs() {
  return {{"data", "(N, output_dim * group_size * group_size, H, W)"},
          {"rois",
           "(R, 5): image, x1, y1, x2, y2 of each region, in pixels of the picture that data shows at spatial_scale", 2,
           true}};
}

void RoiAttributes::check(const std::string& op) const {
  // In single precision, so that no tiny number becomes 0 later.
  require(static_cast<float>(spatial_scale) > 0 && spatial_scale <= 1, op,
          ": spatial_scale must be above 0 and at most 1, got ", spatial_scale);
  expect_between(op, "output_dim", output_dim, 1, std::numeric_limits<int32_t>::max());
  expect_between(op, "pooled_size", pooled_size, 1, kMostBins);
  expect_between(op, "group_size", group_size, 0, kMostBins);
}

RoiShape RoiAttributes::shape(const std::string& op, const std::vector<std::optional<Shape>>& inputs) const {
  const Shape& data = *inputs[0];
  require(data.size() == 4, op, ": data must have 4 dimensions (N, C, H, W), got shape ", to_string(data));
  require(data[2] >= 1 && data[3] >= 1 && data[2] <= kMostRows && data[3] <= kMostRows &&
              data[2] * data[3] < std::numeric_limits<int32_t>::max(),
          op, ": data must have maps of 1 to ", kMostRows,
          " rows and columns and less than 2^31 - 1 pixels, got shape ", to_string(data));
  require(inputs[1].has_value(), op, ": the shape of rois, (R, 5), must be given");
  require(inputs[1]->size() == 2 && (*inputs[1])[1] == 5, op, ": rois must have shape (R, 5), got ",
          to_string(*inputs[1]));
  const RoiShape s = shape(data, *inputs[1]);
  require(data[1] == s.channels(), op, ": data must have output_dim * group_size * group_size = ", output_dim, " * ",
          s.group_size, " * ", s.group_size, " = ", s.channels(), " channels, got shape ", to_string(data));
  return s;
}

RoiShape RoiAttributes::shape(const Shape& data, const Shape& rois) const {
  RoiShape s{};
  s.batch = data[0], s.rois = rois[0], s.output_dim = output_dim, s.classes = 1;
  s.height = static_cast<int32_t>(data[2]), s.width = static_cast<int32_t>(data[3]);
  s.group_size = static_cast<int32_t>(group_size ? group_size : pooled_size);
  s.pooled_size = static_cast<int32_t>(pooled_size);
  return s;
}

}  // namespace acn
