// SPDX-License-Identifier: Apache-2.0
// ActiveConvolution: attributes, inputs and shapes.
#pragma once

#include "../core/contract/operator.h"
#include "../core/conv/conv_contract.h"

namespace acn {

class ActiveConvolution : public Operator {
 public:
  static constexpr const char* kName = "ActiveConvolution";
  static constexpr const char* kRoom = "active_conv";
  static constexpr const char* kDoc =
      "Convolution whose taps learn where to look: one set of offsets per "
      "layer, the same at all positions, is a "
      "parameter like the weight. (Jeon and Kim, Active Convolution: Learning "
      "the Shape of Convolution for Image "
      "Classification, CVPR 2017.)";
  static constexpr size_t kWeight = 2;  // its number among the inputs; the bias follows
  static std::vector<InputInfo> all_inputs();

  explicit ActiveConvolution(Attributes& attributes);

  std::vector<InputInfo> inputs() const override;
  Shape infer_shapes(std::vector<std::optional<Shape>>* inputs) const override;
  bool backward_reads(size_t input) const override { return input != kWeight + 1; }
  void forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const override;
  void backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                const std::vector<Tensor>& input_grads) const override;

  const ConvAttributes& conv() const { return conv_; }
  Boundary boundary() const { return boundary_; }
  bool normalize_grad() const { return normalize_grad_; }
  double offset_lr_rate() const { return offset_lr_rate_; }
  const IntList& fixed_taps() const { return fixed_taps_; }

 private:
  ConvAttributes conv_;
  Boundary boundary_ = Boundary::kZero;
  bool normalize_grad_ = false;
  double offset_lr_rate_ = 1;
  IntList fixed_taps_;
};

}  // namespace acn
