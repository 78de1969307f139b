// SPDX-License-Identifier: Apache-2.0
// The few things that CUDA and the host build (ACN_CUDA_ON_HOST, see host_shim/) do differently. DeviceKernels are
// written as bodies: structs with void operator()(int64_t row, int64_t x) const, which launch() calls for every row and
// x, in any order and at once. Bodies share no memory but through atomic_add and raise_flag.
#pragma once

#ifdef ACN_CUDA_ON_HOST
#include "../host_shim/host_platform.h"
#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "../../contract/error.h"

namespace acn::cuda {

using Stream = cudaStream_t;
using Half = __half;
using BFloat16 = __nv_bfloat16;

#define ACN_BODY __device__ inline  // of bodies and the functions that they call
#define ACN_UNROLL _Pragma("unroll")

inline void check(cudaError_t status, const char* what) {
  require(status == cudaSuccess, "CUDA: ", what, ": ", cudaGetErrorString(status));
}

constexpr int kBlock = 128;

template <class Body>
__global__ void __launch_bounds__(kBlock) run_body(Body body, int64_t rows, int64_t width) {
  for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    for (int64_t x = int64_t{blockIdx.x} * kBlock + threadIdx.x; x < width; x += int64_t{gridDim.x} * kBlock) {
      body(row, x);
    }
  }
}

// Neighbouring x run in neighbouring threads, so memory should follow x.
template <class Body>
void launch(Stream stream, int64_t rows, int64_t width, Body body) {
  if (rows <= 0 || width <= 0) return;
  constexpr int64_t kMostBlocks = int64_t{1} << 30, kMostRows = 65535;
  const dim3 grid(static_cast<unsigned>(std::min((width + kBlock - 1) / kBlock, kMostBlocks)),
                  static_cast<unsigned>(std::min(rows, kMostRows)));
  void* arguments[] = {&body, &rows, &width};
  check(cudaLaunchKernel(reinterpret_cast<const void*>(&run_body<Body>), grid, dim3(kBlock), arguments, 0, stream),
        "a kernel could not be started");
}

inline void fill_zero(Stream stream, void* place, int64_t bytes) {
  if (bytes > 0) check(cudaMemsetAsync(place, 0, static_cast<size_t>(bytes), stream), "memory could not be cleared");
}

// Any number of threads may raise a flag at once: all write the same.
ACN_BODY void raise_flag(int32_t* flag) { *flag = 1; }

// Returns what was there.
ACN_BODY int32_t atomic_add(int32_t* place, int32_t value) { return atomicAdd(place, value); }
ACN_BODY void atomic_add(float* place, float value) { atomicAdd(place, value); }
ACN_BODY void atomic_add(double* place, double value) { atomicAdd(place, value); }

}  // namespace acn::cuda
#endif
