// SPDX-License-Identifier: Apache-2.0
// Where a convolution's backward puts what does not belong to the sampling points.
#pragma once

#include <vector>

#include "../contract/tensor.h"

namespace acn {

template <class T>
struct ConvGradientArrays {
  T* data;
  T* weight;
  T* bias;  // null where there is none
  Req data_req, weight_req, bias_req;

  // Gradients in the order of the inputs: data first, the weight at number `at` and the bias, if any, after it.
  ConvGradientArrays(const std::vector<Tensor>& grads, const std::vector<Req>& reqs, size_t at)
      : data(grads[0].as<T>()),
        weight(grads[at].as<T>()),
        bias(data_or_null<T>(grads, at + 1)),
        data_req(reqs[0]),
        weight_req(reqs[at]),
        bias_req(at + 1 < reqs.size() ? reqs[at + 1] : Req::kNull) {}
};

}  // namespace acn
