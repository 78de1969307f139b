// SPDX-License-Identifier: Apache-2.0
// DeformableConvolution and ModulatedDeformableConvolution: attributes, inputs and shapes.
#pragma once

#include "../core/contract/operator.h"
#include "../core/conv/conv_contract.h"

namespace acn {

// What both share; the modulated form has a mask as its third input.
class DeformConv : public Operator {
 public:
  std::vector<InputInfo> inputs() const override;
  Shape infer_shapes(std::vector<std::optional<Shape>>* inputs) const override;
  bool backward_reads(size_t input) const override { return input != weight_input() + 1; }
  void forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const override;
  void backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                const std::vector<Tensor>& input_grads) const override;

  const char* name() const { return name_; }
  const ConvAttributes& conv() const { return conv_; }
  Boundary boundary() const { return boundary_; }
  bool modulated() const { return modulated_; }
  size_t weight_input() const { return modulated_ ? 3 : 2; }

 protected:
  DeformConv(const char* name, bool modulated, const char* default_boundary, Attributes& attributes);
  static std::vector<InputInfo> inputs_of(bool modulated);

 private:
  const char* name_;
  bool modulated_;
  ConvAttributes conv_;
  Boundary boundary_ = Boundary::kZero;
};

class DeformableConvolution : public DeformConv {
 public:
  static constexpr const char* kName = "DeformableConvolution";
  static constexpr const char* kRoom = "deform_conv";
  static constexpr const char* kDoc =
      "Convolution whose taps are moved by offsets computed from the data, one pair per output position and tap. "
      "Attributes and default boundary are those of mx.sym.contrib.DeformableConvolution. (Dai et al., Deformable "
      "Convolutional Networks, ICCV 2017.)";
  static std::vector<InputInfo> all_inputs() { return inputs_of(false); }
  explicit DeformableConvolution(Attributes& attributes) : DeformConv(kName, false, "inside", attributes) {}
};

class ModulatedDeformableConvolution : public DeformConv {
 public:
  static constexpr const char* kName = "ModulatedDeformableConvolution";
  static constexpr const char* kRoom = "deform_conv";
  static constexpr const char* kDoc =
      "Deformable convolution with one factor (mask) per output position and tap beside the offset. Attributes and "
      "default boundary are those of mx.sym.contrib.ModulatedDeformableConvolution; any batch size is taken, "
      "im2col_step "
      "is ignored. (Zhu et al., Deformable ConvNets v2, CVPR 2019.)";
  static std::vector<InputInfo> all_inputs() { return inputs_of(true); }
  explicit ModulatedDeformableConvolution(Attributes& attributes) : DeformConv(kName, true, "zero", attributes) {}
};

}  // namespace acn
