// SPDX-License-Identifier: Apache-2.0
// PSROIPooling: attributes, inputs and shapes.
#pragma once

#include "../core/roi/roi_contract.h"

namespace acn {

class PSROIPooling : public Operator {
 public:
  static constexpr const char* kName = "PSROIPooling";
  static constexpr const char* kRoom = "psroi_pool";
  static constexpr const char* kDoc =
      "Position-sensitive average pooling of regions of interest: each of pooled_size x pooled_size bins is the mean "
      "of "
      "the pixels it touches, in a channel of its own. With group_size=1 all bins read one channel: average RoI "
      "pooling. "
      "Attributes are those of mx.sym.contrib.PSROIPooling. (Dai et al., R-FCN, NIPS 2016.)";
  static std::vector<InputInfo> all_inputs() { return RoiAttributes::inputs(); }

  explicit PSROIPooling(Attributes& attributes);

  std::vector<InputInfo> inputs() const override { return all_inputs(); }
  Shape infer_shapes(std::vector<std::optional<Shape>>* inputs) const override;
  bool backward_reads(size_t input) const override { return input != 0; }
  void forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const override;
  void backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                const std::vector<Tensor>& input_grads) const override;

  const RoiAttributes& roi() const { return roi_; }

 private:
  RoiAttributes roi_;
};

}  // namespace acn
