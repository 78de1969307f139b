// SPDX-License-Identifier: Apache-2.0
#include "contract.h"

#include "../core/contract/error.h"

namespace acn {
namespace {
const Announce<ActiveConvolution> kAnnounce;
}

std::vector<InputInfo> ActiveConvolution::all_inputs() {
  return {{"data", "(N, C, H, W)"},
          {"offset",
           "(num_offset_group, num_deformable_group, kernel y, "
           "kernel x, 2): dy, dx in input pixels, added to the "
           "regular dilated grid",
           5},
          {"weight", "(num_filter, C / num_group, kernel y, kernel x)"},
          {"bias", "(num_filter,), absent with no_bias", 1}};
}

ActiveConvolution::ActiveConvolution(Attributes& attributes) : conv_(attributes, "zero") {
  attributes.optional("num_offset_group", &conv_.num_offset_group,
                      "offset sets, each for an equal share of the filters; "
                      "num_filter gives each filter its own");
  attributes.optional("normalize_grad", &normalize_grad_,
                      "divide each tap's summed (dy, dx) gradient by its norm; 0 stays 0");
  attributes.optional("offset_lr_rate", &offset_lr_rate_, "factor on the offset gradient, normalized or not");
  attributes.optional("fixed_taps", &fixed_taps_, "row-major numbers of taps whose offset gradient is 0");
  if (!attributes.finish()) return;
  conv_.check(kName);
  boundary_ = boundary_from(conv_.boundary);
  const int64_t taps = conv_.kernel[0] * conv_.kernel[1];
  for (int64_t tap : fixed_taps_) {
    require(tap >= 0 && tap < taps, kName, ": attribute 'fixed_taps' must hold numbers from 0 to ", taps - 1, ", got ",
            tap);
  }
}

std::vector<InputInfo> ActiveConvolution::inputs() const {
  std::vector<InputInfo> all = all_inputs();
  if (conv_.no_bias) all.pop_back();
  return all;
}

Shape ActiveConvolution::infer_shapes(std::vector<std::optional<Shape>>* inputs) const {
  const ConvShape s = conv_.shape(kName, *(*inputs)[0]);
  expect_shape(kName, "offset", {s.filter_offset_groups, s.channel_offset_groups, s.kernel_y, s.kernel_x, 2},
               &(*inputs)[1], "(num_offset_group, num_deformable_group, kernel y, kernel x, 2)");
  conv_.infer_parameters(kName, s, 2, inputs);
  return conv_.output(s);
}

}  // namespace acn
