// SPDX-License-Identifier: Apache-2.0
// Convolution over sampling points that a room chooses: columns are built tile
// by tile from channel-last blocks and multiplied while they are in the cache.
// Work is divided by shape alone, never by the number of threads, and no two
// tasks write one place, so results are the same bits for any number of
// threads.
#pragma once

#include "../contract/tensor.h"
#include "../sampling/bilinear.h"
#include "conv_contract.h"
#include "conv_gradients.h"

namespace acn {

// Which sampling points: an image, the offset set over the filters and the one
// over the channels, and output positions [begin, end) with all their taps.
struct PointRange {
  int64_t image, filter_group, channel_group, begin, end;
};

template <class T>
class PointSource {
 public:
  virtual ~PointSource() = default;
  virtual bool has_mask() const { return false; }
  // Fills cells (end - begin, taps) and, if has_mask(), mask of the same size.
  virtual void locate(const PointRange& range, Cells<T>* cells, T* mask) const = 0;
};

template <class T>
class PointSink {
 public:
  virtual ~PointSink() = default;
  // grads (end - begin, taps, components): d/dy, d/dx and, with a mask,
  // d/dmask. Every point comes exactly once; the ranges of one (image, filter
  // group, channel group) come in order, different ones possibly at once.
  virtual void take(const PointRange& range, const T* grads) = 0;
};

template <class T>
void sampled_conv_forward(const ConvShape& shape, const PointSource<T>& points, const T* data, const T* weight,
                          const T* bias, Req req, T* out);

template <class T>
struct ConvGradients : ConvGradientArrays<T> {
  PointSink<T>* points;  // null: not wanted
};

template <class T>
void sampled_conv_backward(const ConvShape& shape, const PointSource<T>& points, const T* out_grad, const T* data,
                           const T* weight, const ConvGradients<T>& gradients);

// The gradients of no image: 0 where they are written. Nothing is needed for them, however large the maps are.
template <class T>
void empty_batch_gradients(const ConvShape& shape, const ConvGradientArrays<T>& gradients);

template <class T>
void bias_gradient(const ConvShape& shape, const T* out_grad, Req req, T* bias);

}  // namespace acn
