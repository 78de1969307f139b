// SPDX-License-Identifier: Apache-2.0
// The inner loops: columns from sampling points and back. Maps are channel-last, so that one set of bilinear weights
// serves a run of channels, and hold one more row than pixels: a zero when read, a discarded sum when written.
#pragma once

#include <cstdint>

#include "bilinear.h"

namespace acn {

// A run of `count` sampling points over one block of `width` channels.
template <class T>
struct ColumnTask {
  const Cells<T>* cells;
  const T* mask;  // one factor per point, or null for 1
  int64_t count;
  const T* map;   // (pixels + 1, width), the last row zero
  int64_t width;
};

// column (count, width) = mask * sampled map.
void gather(const ColumnTask<float>& task, float* column);
void gather(const ColumnTask<double>& task, double* column);

// From the gradient of the column; each result may be null. map_grad (pixels + 1, width) is added to; point_grad
// (count, components) holds d/dy, d/dx and, with components = 3, d/dmask of this channel block.
template <class T>
struct ColumnGradients {
  const T* column_grad;
  T* column;
  T* map_grad;
  T* point_grad;
  int64_t components;
};
void backward(const ColumnTask<float>& task, const ColumnGradients<float>& gradients);
void backward(const ColumnTask<double>& task, const ColumnGradients<double>& gradients);

}  // namespace acn
