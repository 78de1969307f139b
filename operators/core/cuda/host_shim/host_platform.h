// SPDX-License-Identifier: Apache-2.0
// Stands in for CUDA so that the kernels' own code can be compiled for and tested on the host: loops instead of grids,
// plain additions instead of atomic ones. Not part of any installed library.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "../../contract/error.h"
#include "half.h"

namespace acn::cuda {

using Stream = void*;

#define ACN_BODY inline
#define ACN_UNROLL

template <class Body>
void launch(Stream, int64_t rows, int64_t width, Body body) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t x = width - 1; x >= 0; --x) body(row, x);  // backwards: a body must not count on an order
  }
}

inline void fill_zero(Stream, void* place, int64_t bytes) {
  if (bytes > 0) std::memset(place, 0, static_cast<size_t>(bytes));
}

inline int32_t atomic_add(int32_t* place, int32_t value) {
  const int32_t before = *place;
  *place += value;
  return before;
}
template <class T>
void atomic_add(T* place, T value) {
  *place += value;
}

}  // namespace acn::cuda
