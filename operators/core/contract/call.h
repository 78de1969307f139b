// SPDX-License-Identifier: Apache-2.0
// The checked way into an operator's kernels. The one call past it is MXNet's
// backward, which goes to op.backward directly: its graph has checked every
// shape already, and the inputs that backward does not read have no storage
// there to look at.
#pragma once

#include "operator.h"

namespace acn {

// What op.infer_shapes does, and no array that it takes or gives has more numbers than can be counted.
Shape infer(const std::string& name, const Operator& op, std::vector<std::optional<Shape>>* inputs);

// Throw Error unless all shapes and dtypes are those of the contract.
ACN_SHARED void check_forward(const std::string& name, const Operator& op, const std::vector<Tensor>& inputs,
                              const Tensor& output);
ACN_SHARED void check_backward(const std::string& name, const Operator& op, const Tensor& output_grad,
                               const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                               const std::vector<Tensor>& input_grads);
ACN_SHARED Shape check_inputs(const std::string& name, const Operator& op, const std::vector<Tensor>& inputs);

// Check, then run on the CPU.
void checked_forward(const std::string& name, const Operator& op, const std::vector<Tensor>& inputs, Req req,
                     const Tensor& output);
void checked_backward(const std::string& name, const Operator& op, const Tensor& output_grad,
                      const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                      const std::vector<Tensor>& input_grads);

}  // namespace acn
