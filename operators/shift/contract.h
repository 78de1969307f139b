// SPDX-License-Identifier: Apache-2.0
// Shift: attributes, inputs and shapes. The smallest room, and the one to copy.
#pragma once

#include "../core/contract/operator.h"
#include "../core/sampling/bilinear.h"

namespace acn {

class Shift : public Operator {
 public:
  static constexpr const char* kName = "Shift";
  static constexpr const char* kRoom = "shift";
  static constexpr const char* kDoc =
      "Active shift: every channel is read at its own learned sub-pixel displacement, the same at all positions. "
      "out[n, c, y, x] = data[n, c, y + offset[c, 0], x + offset[c, 1]], bilinear. (Jeon and Kim, Constructing Fast "
      "Network through Deconstruction of Convolution, NeurIPS 2018.)";
  static std::vector<InputInfo> all_inputs();

  explicit Shift(Attributes& attributes);

  std::vector<InputInfo> inputs() const override { return all_inputs(); }
  Shape infer_shapes(std::vector<std::optional<Shape>>* inputs) const override;
  void forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const override;
  void backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                const std::vector<Tensor>& input_grads) const override;

  Boundary boundary() const { return boundary_; }

 private:
  std::string boundary_name_ = "zero";
  Boundary boundary_ = Boundary::kZero;
};

}  // namespace acn
