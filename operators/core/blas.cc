// SPDX-License-Identifier: Apache-2.0
#include "blas.h"

#include "error.h"

namespace acn {
namespace {
constexpr int kRowMajor = 101;
CblasSgemm sgemm_function = nullptr;
CblasDgemm dgemm_function = nullptr;

template <class Function, class T>
void call(Function function, Trans trans_a, Trans trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
          const T* b, int64_t ldb, T beta, T* c, int64_t ldc) {
  require(function != nullptr, "no BLAS was given to the operator library; load it with `import operators`");
  if (m == 0 || n == 0) return;
  function(kRowMajor, static_cast<int>(trans_a), static_cast<int>(trans_b), static_cast<int>(m), static_cast<int>(n),
           static_cast<int>(k), T(1), a, static_cast<int>(lda), b, static_cast<int>(ldb), beta, c,
           static_cast<int>(ldc));
}
}  // namespace

void set_blas(CblasSgemm sgemm, CblasDgemm dgemm) {
  sgemm_function = sgemm;
  dgemm_function = dgemm;
}

void gemm(Trans trans_a, Trans trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
          int64_t ldb, float beta, float* c, int64_t ldc) {
  call(sgemm_function, trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
}
void gemm(Trans trans_a, Trans trans_b, int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b,
          int64_t ldb, double beta, double* c, int64_t ldc) {
  call(dgemm_function, trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

}  // namespace acn
