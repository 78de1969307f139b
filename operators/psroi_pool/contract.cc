// SPDX-License-Identifier: Apache-2.0
#include "contract.h"

#include "../core/contract/error.h"

namespace acn {
namespace {
const Announce<PSROIPooling> kAnnounce;
}

PSROIPooling::PSROIPooling(Attributes& attributes) {
  attributes.required("spatial_scale", &roi_.spatial_scale, "pixels of data per pixel of the picture: 1 / stride");
  attributes.required("output_dim", &roi_.output_dim, "channels of the output");
  attributes.required("pooled_size", &roi_.pooled_size, "bins along each side of a region");
  attributes.optional("group_size", &roi_.group_size, "groups of channels along each side; 0 for pooled_size");
  if (!attributes.finish()) return;
  roi_.check(kName);
}

Shape PSROIPooling::infer_shapes(std::vector<std::optional<Shape>>* inputs) const {
  return RoiAttributes::output(roi_.shape(kName, *inputs));
}

}  // namespace acn
