// SPDX-License-Identifier: Apache-2.0
// What comes through the C interfaces, checked: everything that would otherwise be read past its end.
#pragma once

#include "c_api.h"
#include "error.h"
#include "tensor.h"

namespace acn {

// last: the last dtype that is served. An ndim of -1 (no shape) is taken where `shapeless` is.
inline Tensor view_of(const acn_tensor& tensor, DType last, bool shapeless = false) {
  require(tensor.dtype >= 0 && tensor.dtype <= static_cast<int32_t>(last),
          last == DType::kFloat64 ? "only float32 and float64 are served on the CPU"
                                  : "CUDA: dtype codes are 0 float32, 1 float64, 2 float16, 3 bfloat16");
  const int32_t ndim = tensor.ndim < 0 && shapeless ? 0 : tensor.ndim;
  require(ndim >= 0 && ndim <= ACN_MAX_NDIM, "an array must have 0 to ", int{ACN_MAX_NDIM}, " dimensions, got ",
          tensor.ndim);
  Tensor view{tensor.data, static_cast<DType>(tensor.dtype), Shape(tensor.shape, tensor.shape + ndim)};
  for (int64_t size : view.shape) require(size >= 0, "a shape must not be negative, got ", to_string(view.shape));
  return view;
}

inline std::vector<Tensor> views_of(const acn_tensor* tensors, int count, DType last, bool shapeless = false) {
  std::vector<Tensor> all;
  for (int i = 0; i < count; ++i) all.push_back(view_of(tensors[i], last, shapeless));
  return all;
}

inline Req req_of(int32_t req) {
  require(req >= 0 && req <= 2, "req must be 0 (nothing), 1 (write) or 2 (add), got ", req);
  return static_cast<Req>(req);
}

inline std::vector<Req> reqs_of(const int32_t* reqs, int count) {
  std::vector<Req> all;
  for (int i = 0; i < count; ++i) all.push_back(req_of(reqs[i]));
  return all;
}

}  // namespace acn
