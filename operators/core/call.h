// SPDX-License-Identifier: Apache-2.0
// The checked way into an operator's kernels: every front end calls these two.
#pragma once

#include "operator.h"

namespace acn {

// Throw Error unless all shapes and dtypes are those of the contract; then run.
void checked_forward(const std::string& name, const Operator& op, const std::vector<Tensor>& inputs, Req req,
                     const Tensor& output);
void checked_backward(const std::string& name, const Operator& op, const Tensor& output_grad,
                      const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                      const std::vector<Tensor>& input_grads);

}  // namespace acn
