// SPDX-License-Identifier: Apache-2.0
#include "columns.h"

// One source, several instruction sets: the loader picks the widest the machine has.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ACN_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define ACN_CLONES
#endif
#define ACN_INLINE inline __attribute__((always_inline))

namespace acn {
namespace {

template <class T>
struct Corners {
  const T* row[4];
  T weight[4];
};

template <class T>
ACN_INLINE Corners<T> corners(const Cells<T>& cells, const T* map, int64_t width) {
  Corners<T> c;
  for (int k = 0; k < 4; ++k) c.row[k] = map + cells.index[k] * width;
  T ly = cells.ly, lx = cells.lx;
  c.weight[0] = (1 - ly) * (1 - lx);
  c.weight[1] = (1 - ly) * lx;
  c.weight[2] = ly * (1 - lx);
  c.weight[3] = ly * lx;
  return c;
}

template <class T>
ACN_INLINE void sample_row(const Corners<T>& at, T mask, int64_t width, T* row) {
  const T w0 = at.weight[0] * mask, w1 = at.weight[1] * mask, w2 = at.weight[2] * mask, w3 = at.weight[3] * mask;
  const T *r0 = at.row[0], *r1 = at.row[1], *r2 = at.row[2], *r3 = at.row[3];
#pragma omp simd
  for (int64_t c = 0; c < width; ++c) row[c] = w0 * r0[c] + w1 * r1[c] + w2 * r2[c] + w3 * r3[c];
}

template <class T>
ACN_INLINE void gather_points(const ColumnTask<T>& task, T* column) {
  for (int64_t i = 0; i < task.count; ++i) {
    sample_row(corners(task.cells[i], task.map, task.width), task.mask ? task.mask[i] : T(1), task.width,
               column + i * task.width);
  }
}

// The gradient of a point needs only <column_grad, I[k]> over the channels, for the four cells k.
template <class T>
ACN_INLINE void point_gradient(const Cells<T>& cells, const Corners<T>& at, T mask, const T* column_grad,
                               int64_t width, int64_t components, T* result) {
  T d0 = 0, d1 = 0, d2 = 0, d3 = 0;
  const T *r0 = at.row[0], *r1 = at.row[1], *r2 = at.row[2], *r3 = at.row[3];
#pragma omp simd reduction(+ : d0, d1, d2, d3)
  for (int64_t c = 0; c < width; ++c) {
    d0 += column_grad[c] * r0[c];
    d1 += column_grad[c] * r1[c];
    d2 += column_grad[c] * r2[c];
    d3 += column_grad[c] * r3[c];
  }
  result[0] = mask * ((1 - cells.lx) * (d2 - d0) + cells.lx * (d3 - d1));
  result[1] = mask * ((1 - cells.ly) * (d1 - d0) + cells.ly * (d3 - d2));
  if (components == 3) {
    result[2] = at.weight[0] * d0 + at.weight[1] * d1 + at.weight[2] * d2 + at.weight[3] * d3;
  }
}

template <class T>
ACN_INLINE void scatter_row(const Cells<T>& cells, const Corners<T>& at, T mask, const T* column_grad, int64_t width,
                            T* map_grad) {
  // Cell by cell, for clamped axes name one cell twice.
  for (int k = 0; k < 4; ++k) {
    T* row = map_grad + cells.index[k] * width;
    const T weight = at.weight[k] * mask;
#pragma omp simd
    for (int64_t c = 0; c < width; ++c) row[c] += weight * column_grad[c];
  }
}

template <class T>
ACN_INLINE void backward_points(const ColumnTask<T>& task, const ColumnGradients<T>& g) {
  const int64_t width = task.width;
  for (int64_t i = 0; i < task.count; ++i) {
    const Cells<T>& cells = task.cells[i];
    const Corners<T> at = corners(cells, task.map, width);
    const T mask = task.mask ? task.mask[i] : T(1);
    const T* column_grad = g.column_grad + i * width;
    if (g.column) sample_row(at, mask, width, g.column + i * width);
    if (g.point_grad) {
      point_gradient(cells, at, mask, column_grad, width, g.components, g.point_grad + i * g.components);
    }
    if (g.map_grad) scatter_row(cells, at, mask, column_grad, width, g.map_grad);
  }
}

}  // namespace

ACN_CLONES void gather(const ColumnTask<float>& task, float* column) { gather_points(task, column); }
ACN_CLONES void gather(const ColumnTask<double>& task, double* column) { gather_points(task, column); }
ACN_CLONES void backward(const ColumnTask<float>& task, const ColumnGradients<float>& g) { backward_points(task, g); }
ACN_CLONES void backward(const ColumnTask<double>& task, const ColumnGradients<double>& g) {
  backward_points(task, g);
}

}  // namespace acn
