// SPDX-License-Identifier: Apache-2.0
// DynamicFilter: attributes, inputs and shapes.
#pragma once

#include "../core/contract/operator.h"
#include "geometry.h"

namespace acn {

class DynamicFilter : public Operator {
 public:
  static constexpr const char* kName = "DynamicFilter";
  static constexpr const char* kRoom = "dynamic_filter";
  static constexpr const char* kDoc =
      "Dynamic filtering with a large sampling field (LS-DFN): every position filters the windows around samples x "
      "samples places of its surroundings with a kernel of its own, and adds them up by attention. The kernel of "
      "output "
      "channel v, input channel u and tap (j, i) is spatial_kernel[v, j, i], and at the centre tap also "
      "channel_kernel[v, u] + 1 / C. (Wu et al., Dynamic Filtering with Large Sampling Field for ConvNets, ECCV 2018.)";
  static std::vector<InputInfo> all_inputs();

  explicit DynamicFilter(Attributes& attributes);

  std::vector<InputInfo> inputs() const override { return all_inputs(); }
  Shape infer_shapes(std::vector<std::optional<Shape>>* inputs) const override;
  void forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const override;
  void backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                const std::vector<Tensor>& input_grads) const override;

  ACN_SHARED DynamicFilterShape shape(const Shape& data) const;

 private:
  int64_t num_filter_ = 0;
  Pair kernel_ = {3, 3}, samples_ = {5, 5}, sample_stride_ = {3, 3}, dilate_ = {1, 1};
  std::string fusion_ = "sum", attention_at_ = "sample";
  bool residual_ = true, softmax_ = false;
};

}  // namespace acn
