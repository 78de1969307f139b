// SPDX-License-Identifier: Apache-2.0
// Matrix products by a BLAS that the Python side hands over at load time, so that the library links to none and a wheel
// runs wherever that BLAS does. Calls are single-threaded; our own threads run over tiles.
#pragma once

#include <cstdint>

namespace acn {

using CblasSgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a,
                            int lda, const float* b, int ldb, float beta, float* c, int ldc);
using CblasDgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, double alpha, const double* a,
                            int lda, const double* b, int ldb, double beta, double* c, int ldc);

void set_blas(CblasSgemm sgemm, CblasDgemm dgemm);

enum class Trans : int { kNo = 111, kYes = 112 };  // CBLAS's own numbers

// c (m x n) = op(a) (m x k) * op(b) (k x n) + beta * c, all row-major with the given row strides.
void gemm(Trans trans_a, Trans trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
          int64_t ldb, float beta, float* c, int64_t ldc);
void gemm(Trans trans_a, Trans trans_b, int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b,
          int64_t ldb, double beta, double* c, int64_t ldc);

}  // namespace acn
