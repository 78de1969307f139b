// SPDX-License-Identifier: Apache-2.0
// The boundary rules: which cells of an axis a place reads. This is their one statement in C++; points (bilinear.h) and
// whole maps moved by one constant (move_plan.h, simd/moved_map.h) go through it, on the CPU and on CUDA.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define ACN_HOST_DEVICE __host__ __device__
#else
#define ACN_HOST_DEVICE
#endif

namespace acn {

enum class Boundary : int32_t {
  kZero,    // bilinear over a map surrounded by zeros
  kInside,  // zero unless the place is in [0, n); on [n - 1, n) what the last cell holds
  kBorder,  // the place is moved to the nearest one of the axis
};

// The places with low in [begin, end) read something.
struct AxisReach {
  int64_t begin, end;
};

// The cells on either side of a place; -1: nowhere, which reads 0. Both the same: the axis is flat there, so the
// derivative along it is 0.
struct AxisCells {
  int64_t low, high;
};

// static and always inlined: simd/ is compiled for machines that the rest of the library must not ask for.
#define ACN_RULE ACN_HOST_DEVICE static inline __attribute__((always_inline))

ACN_RULE AxisReach axis_reach(int64_t n, Boundary rule) {
  const int64_t far = int64_t{1} << 60;
  return {rule == Boundary::kBorder ? -far : rule == Boundary::kZero ? -1 : 0, rule == Boundary::kBorder ? far : n};
}

// low: floor of the place, within 2^60; n >= 1.
ACN_RULE AxisCells axis_cells(int64_t low, int64_t n, Boundary rule) {
  const AxisReach reach = axis_reach(n, rule);
  if (low < reach.begin || low >= reach.end) return {-1, -1};
  if (rule == Boundary::kBorder && low < 0) return {0, 0};
  if (rule != Boundary::kZero && low >= n - 1) return {n - 1, n - 1};
  return {low, low + 1 < n ? low + 1 : -1};  // low is -1 just before the first cell
}

}  // namespace acn
