// SPDX-License-Identifier: Apache-2.0
#include "contract.h"

#include "../core/contract/error.h"

namespace acn {
namespace {
const Announce<DeformablePSROIPooling> kAnnounce;
constexpr int64_t kMostParts = 1 << 12, kMostSamples = 1 << 10;  // along one side
}  // namespace

std::vector<InputInfo> DeformablePSROIPooling::all_inputs() {
  std::vector<InputInfo> all = RoiAttributes::inputs();
  all.push_back(
      {"trans",
       "(R, 2 * classes, part_size, part_size): for each class dx, then dy of each part, in trans_std times "
       "the size of the region; the output channels are divided evenly over the classes; absent with no_trans",
       4, true});
  return all;
}

DeformablePSROIPooling::DeformablePSROIPooling(Attributes& attributes) {
  attributes.required("spatial_scale", &roi_.spatial_scale, "pixels of data per pixel of the picture: 1 / stride");
  attributes.required("output_dim", &roi_.output_dim, "channels of the output");
  attributes.required("group_size", &roi_.group_size, "groups of channels along each side");
  attributes.required("pooled_size", &roi_.pooled_size, "bins along each side of a region");
  attributes.optional("part_size", &roi_.part_size,
                      "parts of a region that move alone, along each side; 0 for pooled_size");
  attributes.optional("sample_per_part", &roi_.sample_per_part, "samples along each side of a bin");
  attributes.optional("trans_std", &roi_.trans_std, "what trans is multiplied by, 0 to 1");
  attributes.optional("no_trans", &roi_.no_trans, "no input trans: the bins stay where they are");
  if (!attributes.finish()) return;
  roi_.check(kName);
  require(roi_.group_size >= 1, kName, ": group_size must be at least 1, got ", roi_.group_size);
  expect_between(kName, "part_size", roi_.part_size, 0, kMostParts);
  expect_between(kName, "sample_per_part", roi_.sample_per_part, 1, kMostSamples);
  require(roi_.trans_std >= 0 && roi_.trans_std <= 1, kName, ": trans_std must be 0 to 1, got ", roi_.trans_std);
}

std::vector<InputInfo> DeformablePSROIPooling::inputs() const {
  std::vector<InputInfo> all = all_inputs();
  if (roi_.no_trans) all.pop_back();
  return all;
}

Shape DeformablePSROIPooling::infer_shapes(std::vector<std::optional<Shape>>* inputs) const {
  const RoiShape s = roi_.shape(kName, *inputs);
  if (!roi_.no_trans) {
    const std::optional<Shape>& trans = (*inputs)[2];
    require(trans.has_value(), kName, ": the shape of trans must be given");
    require(trans->size() == 4 && (*trans)[0] == s.rois && (*trans)[2] == roi_.parts() && (*trans)[3] == roi_.parts(),
            kName, ": trans must have shape (", s.rois, ", 2 * classes, ", roi_.parts(), ", ", roi_.parts(), "), got ",
            to_string(*trans));
    const int64_t classes = (*trans)[1] / 2;
    require(classes >= 1 && (*trans)[1] == 2 * classes && s.output_dim % classes == 0, kName,
            ": trans must have twice as many channels as there are classes, which divide output_dim=", s.output_dim,
            ", got shape ", to_string(*trans));
  }
  return RoiAttributes::output(s);
}

RoiShape DeformablePSROIPooling::shape_of(const std::vector<Tensor>& inputs) const {
  RoiShape s = roi_.RoiAttributes::shape(inputs[0].shape, inputs[1].shape);
  if (!roi_.no_trans) s.classes = inputs[2].shape[1] / 2;
  return s;
}

}  // namespace acn
