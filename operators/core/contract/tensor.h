// SPDX-License-Identifier: Apache-2.0
// Views of caller-owned arrays: all that a kernel ever sees of NumPy, MXNet or
// PyTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared.h"

namespace acn {

using Shape = std::vector<int64_t>;

// The last two on CUDA only.
enum class DType : int32_t { kFloat32 = 0, kFloat64 = 1, kFloat16 = 2, kBFloat16 = 3 };

// What to do with a result: skip it (its memory may not exist), overwrite, or
// add to what is there.
enum class Req : int32_t { kNull = 0, kWrite = 1, kAdd = 2 };

struct Tensor {
  void* data = nullptr;  // contiguous, row-major
  DType dtype = DType::kFloat32;
  Shape shape;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// The data of an optional input: null where there are fewer.
template <class T>
T* data_or_null(const std::vector<Tensor>& tensors, size_t i) {
  return i < tensors.size() ? tensors[i].as<T>() : nullptr;
}

template <class T>
inline void store(T value, Req req, T* place) {
  *place = req == Req::kAdd ? *place + value : value;
}

ACN_SHARED std::string to_string(const Shape& shape);  // "(1, 3, 8, 8)"
ACN_SHARED const char* to_string(DType dtype);

}  // namespace acn
