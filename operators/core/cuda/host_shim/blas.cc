// SPDX-License-Identifier: Apache-2.0
#include "../runtime/blas.h"

#include "../runtime/types.h"

namespace acn::cuda {
namespace {

template <class S, class R>
void multiply_as(const DeviceProduct& p) {
  auto at = [&](const DeviceMatrix& m, int64_t i, int64_t j, int64_t number) {
    const S* data = static_cast<const S*>(m.data) + number * m.step;
    return static_cast<double>(load(data + (m.transposed ? j * m.row + i : i * m.row + j)));
  };
  for (int64_t number = 0; number < p.count; ++number) {
    for (int64_t i = 0; i < p.rows; ++i) {
      for (int64_t j = 0; j < p.columns; ++j) {
        R* out = static_cast<R*>(p.out) + number * p.out_step + i * p.out_row + j;
        double sum = p.add ? static_cast<double>(load(out)) : 0;
        for (int64_t k = 0; k < p.depth; ++k) sum += at(p.left, i, k, number) * at(p.right, k, j, number);
        *out = static_cast<R>(static_cast<Compute<R>>(sum));
      }
    }
  }
}

}  // namespace

Blas::Blas(const Run& run, void*) : run_(run), handle_(nullptr) { (void)run_; }
Blas::~Blas() = default;

void Blas::multiply(const DeviceProduct& p) const {
  dispatch_storage(p.in, [&](auto zero) {
    using S = decltype(zero);
    p.out_type == p.in ? multiply_as<S, S>(p) : multiply_as<S, float>(p);
  });
}

int64_t blas_scratch_bytes() { return 0; }

}  // namespace acn::cuda
