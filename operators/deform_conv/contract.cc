// SPDX-License-Identifier: Apache-2.0
#include "contract.h"

#include "../core/contract/error.h"

namespace acn {
namespace {
const Announce<DeformableConvolution> kAnnounce;
const Announce<ModulatedDeformableConvolution> kAnnounceModulated;
}  // namespace

std::vector<InputInfo> DeformConv::inputs_of(bool modulated) {
  std::vector<InputInfo> all = {
      {"data", "(N, C, H, W)"},
      {"offset",
       "(N, num_offset_group * num_deformable_group * 2 * kernel y * kernel x, output H, output W): for each tap, "
       "row-major, dy then dx in input pixels"}};
  if (modulated) {
    all.push_back(
        {"mask",
         "(N, num_offset_group * num_deformable_group * kernel y * kernel x, output H, output W): a factor per tap"});
  }
  all.push_back({"weight", "(num_filter, C / num_group, kernel y, kernel x)"});
  all.push_back({"bias", "(num_filter,), absent with no_bias", 1});
  return all;
}

DeformConv::DeformConv(const char* name, bool modulated, const char* default_boundary, Attributes& attributes)
    : name_(name), modulated_(modulated), conv_(attributes, default_boundary) {
  int64_t workspace = 1024, im2col_step = 64;
  std::string layout = "None";
  attributes.optional("num_offset_group", &conv_.num_offset_group,
                      "offset sets over the filters, each for an equal share of them; num_filter gives each its own");
  attributes.optional("workspace", &workspace, "accepted for MXNet's sake and ignored, as MXNet ignores it");
  attributes.choice("layout", &layout, {"None", "NCHW"}, "the one layout there is");
  if (modulated) attributes.optional("im2col_step", &im2col_step, "accepted for MXNet's sake and ignored");
  if (!attributes.finish()) return;
  conv_.check(name_);
  boundary_ = boundary_from(conv_.boundary);
}

std::vector<InputInfo> DeformConv::inputs() const {
  std::vector<InputInfo> all = inputs_of(modulated_);
  if (conv_.no_bias) all.pop_back();
  return all;
}

Shape DeformConv::infer_shapes(std::vector<std::optional<Shape>>* inputs) const {
  const ConvShape s = conv_.shape(name_, *(*inputs)[0]);
  const int64_t points = s.offset_sets() * s.taps();
  expect_shape(name_, "offset", {s.batch, points * 2, s.out_height, s.out_width}, &(*inputs)[1],
               "(N, num_offset_group * num_deformable_group * 2 * kernel y * kernel x, output H, output W)");
  if (modulated_) {
    expect_shape(name_, "mask", {s.batch, points, s.out_height, s.out_width}, &(*inputs)[2],
                 "(N, num_offset_group * num_deformable_group * kernel y * kernel x, output H, output W)");
  }
  conv_.infer_parameters(name_, s, weight_input(), inputs);
  return conv_.output(s);
}

}  // namespace acn
