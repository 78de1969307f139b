// SPDX-License-Identifier: Apache-2.0
#include "contract.h"

#include <limits>

#include "../core/contract/error.h"

namespace acn {
namespace {
const Announce<Shift> kAnnounce;
}

std::vector<InputInfo> Shift::all_inputs() {
  return {{"data", "(N, C, H, W)"}, {"offset", "(C, 2): dy, dx of each channel in pixels", 2}};
}

Shift::Shift(Attributes& attributes) {
  attributes.choice("boundary", &boundary_name_, {"zero", "inside", "border"}, "what a point outside the map reads");
  if (!attributes.finish()) return;
  boundary_ = boundary_from(boundary_name_);
}

Shape Shift::infer_shapes(std::vector<std::optional<Shape>>* inputs) const {
  const Shape& data = *(*inputs)[0];
  require(data.size() == 4, kName, ": data must have 4 dimensions (N, C, H, W), got shape ", to_string(data));
  require(
      data[1] >= 1 && data[2] >= 1 && data[3] >= 1 && data[2] <= (std::numeric_limits<int32_t>::max() - 1) / data[3],
      kName, ": data must have a channel and maps of 1 to 2^31 - 2 pixels, got shape ", to_string(data));
  expect_shape(kName, "offset", {data[1], 2}, &(*inputs)[1], "(C, 2)");
  return data;
}

}  // namespace acn
