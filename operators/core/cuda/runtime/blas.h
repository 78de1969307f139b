// SPDX-License-Identifier: Apache-2.0
// DeviceMatrix products on the device, by cuBLAS; nothing else in the library knows it. cuBLAS is found when it is
// first needed: the one that the process has loaded already (PyTorch's or MXNet's), or else the system's.
#pragma once

#include "device_kernels.h"

namespace acn::cuda {

// A row-major matrix; rows `row` elements apart; with count > 1 the next one `step` elements further.
struct DeviceMatrix {
  const void* data = nullptr;
  int64_t row = 0;
  int64_t step = 0;
  bool transposed = false;  // it is stored so
};

// out (rows, columns) = left (rows, depth) right (depth, columns), added to what is there if `add`. Elements of left
// and right are `in`; of out, `out_type`. Sums are float32, or float64 for float64; no TF32.
struct DeviceProduct {
  int64_t rows = 0, columns = 0, depth = 0;
  DeviceMatrix left, right;
  void* out = nullptr;
  int64_t out_row = 0, out_step = 0;
  int64_t count = 1;
  bool add = false;
  DType in = DType::kFloat32, out_type = DType::kFloat32;
};

class Blas {
 public:
  // scratch: device memory of blas_scratch_bytes().
  Blas(const Run& run, void* scratch);
  ~Blas();
  Blas(const Blas&) = delete;
  void multiply(const DeviceProduct& product) const;

 private:
  const Run& run_;
  void* handle_;
};

// A quarter of the bound on scratch memory, between 4 and 32 MiB.
int64_t blas_scratch_bytes();

}  // namespace acn::cuda
