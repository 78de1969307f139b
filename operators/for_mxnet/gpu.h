// SPDX-License-Identifier: Apache-2.0
// The CUDA library, for arrays that lie on a GPU. It is loaded when the first of them comes.
#pragma once

#include "../core/contract/handle.h"

namespace acn {

class Gpu {
 public:
  // Throws Error, in the name of that operator, in a CPU-only build.
  static const Gpu& get(const std::string& name);

  // When these return, the work is done. They throw Error.
  void forward(const std::string& name, const std::shared_ptr<const Operator>& op, const std::vector<Tensor>& inputs,
               Req req, const Tensor& output, int device) const;
  // As Operator::backward. Sums are made in a fixed order where MXNET_ENFORCE_DETERMINISM is 1.
  void backward(const std::string& name, const std::shared_ptr<const Operator>& op, const Tensor& output_grad,
                const std::vector<Tensor>& inputs, const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads,
                int device) const;

 private:
  explicit Gpu(const std::string& name);

  struct Functions;
  const Functions* functions_;
};

}  // namespace acn
