// SPDX-License-Identifier: Apache-2.0
// DeformablePSROIPooling: attributes, inputs and shapes.
#pragma once

#include "../core/roi/roi_contract.h"

namespace acn {

// Attributes beyond those of every pooling. The output channels of a class share its part of trans.
struct DeformPsroiAttributes : RoiAttributes {
  int64_t part_size = 0, sample_per_part = 1;
  double trans_std = 0;
  bool no_trans = false;

  int64_t parts() const { return part_size ? part_size : pooled_size; }
  template <class T>
  T std() const {
    return static_cast<T>(static_cast<float>(trans_std));
  }
};

class DeformablePSROIPooling : public Operator {
 public:
  static constexpr const char* kName = "DeformablePSROIPooling";
  static constexpr const char* kRoom = "deform_psroi_pool";
  static constexpr const char* kDoc =
      "Position-sensitive pooling of regions of interest whose bins are moved by learned offsets (trans) and averaged "
      "over "
      "sample_per_part x sample_per_part bilinear samples. With group_size=1 all bins read one channel: deformable RoI "
      "pooling. Attributes are those of mx.sym.contrib.DeformablePSROIPooling. (Dai et al., Deformable Convolutional "
      "Networks, ICCV 2017.)";
  static std::vector<InputInfo> all_inputs();

  explicit DeformablePSROIPooling(Attributes& attributes);

  std::vector<InputInfo> inputs() const override;
  Shape infer_shapes(std::vector<std::optional<Shape>>* inputs) const override;
  void forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const override;
  void backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                const std::vector<Tensor>& input_grads) const override;

  const DeformPsroiAttributes& roi() const { return roi_; }
  ACN_SHARED RoiShape shape_of(const std::vector<Tensor>& inputs) const;

 private:
  DeformPsroiAttributes roi_;
};

}  // namespace acn
