// SPDX-License-Identifier: Apache-2.0
// Storage types S of arrays and the type Compute<S> in which everything is computed.
#pragma once

#include "../../contract/error.h"
#include "../../contract/tensor.h"
#include "platform.h"

namespace acn::cuda {

template <class S>
struct TypeInfo;
template <>
struct TypeInfo<float> {
  using Compute = float;
  static constexpr DType kDType = DType::kFloat32;
};
template <>
struct TypeInfo<double> {
  using Compute = double;
  static constexpr DType kDType = DType::kFloat64;
};
template <>
struct TypeInfo<Half> {
  using Compute = float;
  static constexpr DType kDType = DType::kFloat16;
};
template <>
struct TypeInfo<BFloat16> {
  using Compute = float;
  static constexpr DType kDType = DType::kBFloat16;
};
template <class S>
using Compute = typename TypeInfo<S>::Compute;

inline int64_t size_of(DType dtype) { return dtype == DType::kFloat64 ? 8 : dtype == DType::kFloat32 ? 4 : 2; }

// Runs body with a value of the storage type that the dtype names.
template <class Body>
void dispatch_storage(DType dtype, Body body) {
  switch (dtype) {
    case DType::kFloat32:
      return body(float{});
    case DType::kFloat64:
      return body(double{});
    case DType::kFloat16:
      return body(Half{});
    case DType::kBFloat16:
      return body(BFloat16{});
  }
  fail("CUDA: there is no dtype of code ", static_cast<int32_t>(dtype));
}

template <class S>
ACN_BODY Compute<S> load(const S* place) {
  return static_cast<Compute<S>>(*place);
}

template <class T, class S>
ACN_BODY void put(T value, Req req, S* place) {
  *place = static_cast<S>(req == Req::kAdd ? static_cast<T>(*place) + value : value);
}

}  // namespace acn::cuda
