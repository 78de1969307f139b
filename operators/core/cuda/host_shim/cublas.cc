// SPDX-License-Identifier: Apache-2.0
// Stands in for cuBLAS, so that the library's own calls of it (runtime/blas.cu) run on the host: it computes what
// cuBLAS would, column-major, refuses what cuBLAS's manual forbids, and counts. Built as a library of its own,
// libcublas_on_host.so. Not part of any installed library.
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "half.h"

namespace {

using acn::cuda::BFloat16;
using acn::cuda::Half;

enum Status { kSuccess = 0, kNotInitialized = 1, kInvalidValue = 7, kNotSupported = 15 };
constexpr int kR32F = 0, kR64F = 1, kR16F = 2, kR16BF = 14, kCompute32F = 68, kCompute64F = 70;
constexpr int kDefaultMath = 0, kNoReducedPrecisionReduction = 16;

struct Handle {
  bool workspace = false, precise = false;
};
std::atomic<int64_t> single_products{0}, batched_products{0};
uintptr_t alignment = 256;  // of the workspace, as the manual has it

struct Matrix {
  const void* data;
  int type, row;
  long long step;
  bool transposed;
};

double read(const void* data, int type, int64_t at) {
  switch (type) {
    case kR64F:
      return static_cast<const double*>(data)[at];
    case kR16F:
      return static_cast<const Half*>(data)[at];
    case kR16BF:
      return static_cast<const BFloat16*>(data)[at];
    default:
      return static_cast<const float*>(data)[at];
  }
}

void write(void* data, int type, int64_t at, double value) {
  const float single = static_cast<float>(value);
  switch (type) {
    case kR64F:
      static_cast<double*>(data)[at] = value;
      break;
    case kR16F:
      static_cast<Half*>(data)[at] = Half(single);
      break;
    case kR16BF:
      static_cast<BFloat16*>(data)[at] = BFloat16(single);
      break;
    default:
      static_cast<float*>(data)[at] = single;
  }
}

double at(const Matrix& m, int64_t number, int64_t i, int64_t j) {  // row i, column j of what it stands for
  return read(m.data, m.type, number * m.step + (m.transposed ? j + i * m.row : i + j * m.row));
}

// Table of cublasGemmEx's types that the library uses: equal inputs, sums in float32 (float64 for float64).
bool known_types(int in_a, int in_b, int out, int compute) {
  if (in_a != in_b) return false;
  if (in_a == kR64F) return out == kR64F && compute == kCompute64F;
  return compute == kCompute32F && (in_a == kR32F ? out == kR32F : out == in_a || out == kR32F);
}

int multiply(const Handle* handle, int m, int n, int k, const void* alpha, const Matrix& a, const Matrix& b,
             const void* beta, void* c, int c_type, int ldc, long long c_step, int count, int compute) {
  if (!handle) return kNotInitialized;
  if (!handle->workspace || !handle->precise) return kNotSupported;  // cuBLAS would take its own: never meant here
  if (m < 0 || n < 0 || k < 0 || count < 0) return kInvalidValue;
  if (a.row < (a.transposed ? k : m) || b.row < (b.transposed ? n : k) || ldc < m || ldc < 1) return kInvalidValue;
  if (!known_types(a.type, b.type, c_type, compute)) return kNotSupported;
  const int scale = compute == kCompute64F ? kR64F : kR32F;
  const double by = read(alpha, scale, 0), keep = read(beta, scale, 0);
  for (int64_t number = 0; number < count; ++number) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = 0; i < m; ++i) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l) sum += at(a, number, i, l) * at(b, number, l, j);
        const int64_t place = number * c_step + i + j * ldc;
        write(c, c_type, place, by * sum + (keep == 0 ? 0 : keep * read(c, c_type, place)));
      }
    }
  }
  return kSuccess;
}

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
  *handle = new Handle;
  return kSuccess;
}

int cublasDestroy_v2(void* handle) {
  delete static_cast<Handle*>(handle);
  return kSuccess;
}

int cublasSetStream_v2(void* handle, void*) {
  static_cast<Handle*>(handle)->workspace =
      false;  // as the manual says: a new stream brings the default workspace back
  return kSuccess;
}

int cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(workspace) % alignment) return kInvalidValue;
  for (size_t i = 0; i < bytes; i += 4096) static_cast<char*>(workspace)[i] = 1;  // it is cuBLAS's to write into
  if (bytes) static_cast<char*>(workspace)[bytes - 1] = 1;
  static_cast<Handle*>(handle)->workspace = true;
  return kSuccess;
}

int cublasSetMathMode(void* handle, int mode) {
  static_cast<Handle*>(handle)->precise = mode == (kDefaultMath | kNoReducedPrecisionReduction);  // no TF32
  return kSuccess;
}

int cublasGemmEx(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a, int a_type,
                 int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc,
                 int compute, int) {
  ++single_products;
  return multiply(static_cast<Handle*>(handle), m, n, k, alpha, {a, a_type, lda, 0, op_a == 1},
                  {b, b_type, ldb, 0, op_b == 1}, beta, c, c_type, ldc, 0, 1, compute);
}

int cublasGemmStridedBatchedEx(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a,
                               int a_type, int lda, long long a_step, const void* b, int b_type, int ldb,
                               long long b_step, const void* beta, void* c, int c_type, int ldc, long long c_step,
                               int count, int compute, int) {
  ++batched_products;
  return multiply(static_cast<Handle*>(handle), m, n, k, alpha, {a, a_type, lda, a_step, op_a == 1},
                  {b, b_type, ldb, b_step, op_b == 1}, beta, c, c_type, ldc, c_step, count, compute);
}

// How many products were asked for since the library was loaded.
int64_t acn_stand_in_products(int batched) { return (batched ? batched_products : single_products).load(); }

// For workspaces from an allocator of the host.
void acn_stand_in_alignment(int64_t bytes) { alignment = static_cast<uintptr_t>(bytes); }
}
