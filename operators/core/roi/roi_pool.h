// SPDX-License-Identifier: Apache-2.0
// The loops of every pooling over regions of interest. A room says which cells a bin reads; all it must be is rows
// times columns: the mean over a rectangle is, and so is that over a grid of bilinear samples.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "roi_contract.h"

namespace acn {

// One axis of a bin, as the room writes it: see PoolAxis in kernels.h.
template <class T>
struct BinAxis {
  explicit BinAxis(int64_t capacity) : cell(capacity), weight(capacity), slope(capacity) {}

  int32_t count = 0;
  std::vector<int32_t> cell;
  std::vector<T> weight, slope;
};

template <class T>
class BinSource {
 public:
  virtual ~BinSource() = default;

  // The most cells that an axis can have.
  virtual int64_t most_cells() const = 0;

  // Fills in both axes. Returns what the sum over the cells is to be divided by; 0 for an empty bin, whose value is 0,
  // or NaN for a bin that has no place, whose value is NaN.
  virtual T locate(int64_t roi, int64_t of_class, int32_t bin_y, int32_t bin_x, BinAxis<T>* y, BinAxis<T>* x) const = 0;
};

// The RoIs of each image, in order, and the rows that are none.
class RoisByImage {
 public:
  // Throws Error naming the first RoI whose image is wrong.
  template <class T>
  RoisByImage(const std::string& op, const RoiShape& shape, const T* rois);

  int64_t count(int64_t image) const { return first_[image + 1] - first_[image]; }
  const int64_t* of(int64_t image) const { return order_.data() + first_[image]; }
  const std::vector<int64_t>& none() const { return none_; }

 private:
  std::vector<int64_t> first_, order_, none_;
};

// Scratch: the output once, and maps of up to 32 channels for each thread.
template <class T>
void roi_pool_forward(const RoiShape& shape, const RoisByImage& rois, const BinSource<T>& bins, const T* data, Req req,
                      T* output);

// For every RoI, from several threads: the derivative by moving each bin down, and right, by a pixel:
// moves (classes, bins, 2).
template <class T>
using TakeMoves = std::function<void(int64_t roi, const T* moves)>;

// data is read, and may otherwise be null, where take_moves is given. Scratch: that of forward, twice for each thread,
// and two numbers for every bin and block of up to 32 channels.
template <class T>
void roi_pool_backward(const RoiShape& shape, const RoisByImage& rois, const BinSource<T>& bins, const T* output_grad,
                       const T* data, Req data_req, T* data_grad, const TakeMoves<T>& take_moves);

// rois have no gradient.
template <class T>
void store_no_gradient(const RoiShape& shape, Req req, T* rois_grad);

}  // namespace acn
