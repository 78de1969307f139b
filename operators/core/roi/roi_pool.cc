// SPDX-License-Identifier: Apache-2.0
#include "roi_pool.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "../contract/error.h"
#include "../runtime/threads.h"
#include "../simd/vector_kernels.h"
#include "roi.h"
#include "roi_blocks.h"

namespace acn {
namespace {

// What one thread works in.
template <class T>
struct PoolScratch {
  PoolScratch(int64_t most_cells, int64_t widest) : y(most_cells), x(most_cells), head(widest) {}

  // A place for packed maps, made when it is first needed.
  T* room(std::vector<T>* maps, int64_t numbers) {
    if (static_cast<int64_t>(maps->size()) < numbers) maps->resize(numbers);
    return maps->data();
  }

  BinAxis<T> y, x;
  std::vector<T> head;  // the gradient of one bin
  std::vector<T> maps, map_grads;
};

template <class T>
std::vector<PoolScratch<T>> scratch_for(int workers, const BinSource<T>& bins, const RoiBlocks& blocks) {
  return std::vector<PoolScratch<T>>(workers, PoolScratch<T>(bins.most_cells(), blocks.widest()));
}

template <class T>
PoolAxis<T> view(const BinAxis<T>& axis) {
  return {axis.count, axis.cell.data(), axis.weight.data(), axis.slope.data()};
}

// One block of one image: its bins in order, RoI by RoI.
template <class T>
class Task {
 public:
  Task(const RoiShape& shape, const RoisByImage& rois, int64_t image, const RoiBlock& block)
      : s_(shape), rois_(rois.of(image)), count_(rois.count(image)), image_(image), block_(block) {
    // Channel-last maps serve all channels of a block at once, but making them reads every pixel.
    packed_ = block.channels() > 1 && count_ * block.bins() * kCellsOfABin >= shape.pixels();
  }

  bool empty() const { return count_ == 0 || block_.bins() == 0; }
  bool packed() const { return packed_; }
  int64_t map_numbers() const { return s_.pixels() * block_.width; }

  // Where an array of data's shape has this image.
  template <class U>
  U* image_of(U* data) const {
    return data + image_ * s_.channels() * s_.pixels();
  }
  // And, of this image, the map of a channel of the block.
  template <class U>
  U* map_of(U* data, int64_t channel) const {
    return image_of(data) +
           roi_channel(block_.begin + channel, block_.group_y, block_.group_x, s_.group_size) * s_.pixels();
  }

  // body(bin, divisor, place in packed arrays, place among all bins); bin.width is 1 unless packed.
  template <class Body>
  void for_bins(const BinSource<T>& bins, PoolScratch<T>* scratch, Body body) const {
    for (int64_t i = 0; i < count_; ++i) {
      const int64_t roi = rois_[i];
      int64_t place = packed_place(s_, block_, roi);
      int64_t number = block_.bins_before * s_.rois + roi * block_.bins();
      for (int32_t y = block_.y_begin; y < block_.y_end; ++y) {
        for (int32_t x = block_.x_begin; x < block_.x_end; ++x, place += block_.width, ++number) {
          const T divisor = bins.locate(roi, block_.of_class, y, x, &scratch->y, &scratch->x);
          const int64_t width = packed_ ? block_.width : 1;
          body(PoolBin<T>{view(scratch->y), view(scratch->x), s_.width * width, width}, divisor, place, number);
        }
      }
    }
  }

 private:
  static constexpr int64_t kCellsOfABin = 16;

  const RoiShape& s_;
  const int64_t* rois_;
  int64_t count_, image_;
  const RoiBlock& block_;
  bool packed_;
};

template <class T>
void forward_task(const Task<T>& task, const RoiBlock& block, const BinSource<T>& bins, const RoiShape& s,
                  const T* data, PoolScratch<T>* scratch, T* packed) {
  if (task.empty()) return;
  T* maps = nullptr;
  if (task.packed()) {
    maps = scratch->room(&scratch->maps, task.map_numbers());
    pack_maps(s, block, task.image_of(data), maps);
  }
  task.for_bins(bins, scratch, [&](const PoolBin<T>& bin, T divisor, int64_t place, int64_t) {
    T* sums = packed + place;
    if (!(divisor > 0)) {
      std::fill_n(sums, block.channels(), divisor);
      return;
    }
    if (maps) {
      vector_kernels<T>().pool(bin, maps, sums);
    } else {
      for (int64_t c = 0; c < block.channels(); ++c) vector_kernels<T>().pool(bin, task.map_of(data, c), sums + c);
    }
    for (int64_t c = 0; c < block.channels(); ++c) sums[c] /= divisor;
  });
}

// What backward_task reads and writes beside its own maps.
template <class T>
struct BackwardArrays {
  const T* head;  // packed gradient of the output
  const T* data;
  Req data_req;
  T* data_grad;
  T* moves;  // two numbers a bin, or null
};

template <class T>
void backward_task(const Task<T>& task, const RoiBlock& block, const BinSource<T>& bins, const RoiShape& s,
                   const BackwardArrays<T>& arrays, PoolScratch<T>* scratch) {
  const bool wants_data = arrays.data_req != Req::kNull;
  if (task.empty() || !task.packed()) {
    if (arrays.data_req == Req::kWrite) {
      for (int64_t c = 0; c < block.channels(); ++c) std::fill_n(task.map_of(arrays.data_grad, c), s.pixels(), T(0));
    }
    if (task.empty()) return;
  }
  T *maps = nullptr, *map_grads = nullptr;
  if (task.packed() && arrays.moves) {
    maps = scratch->room(&scratch->maps, task.map_numbers());
    pack_maps(s, block, task.image_of(arrays.data), maps);
  }
  if (task.packed() && wants_data) {
    map_grads = scratch->room(&scratch->map_grads, task.map_numbers());
    std::fill_n(map_grads, task.map_numbers(), T(0));
  }
  const VectorKernels<T>& kernel = vector_kernels<T>();
  T* const head = scratch->head.data();
  task.for_bins(bins, scratch, [&](const PoolBin<T>& bin, T divisor, int64_t place, int64_t number) {
    T* const moves = arrays.moves ? arrays.moves + number * 2 : nullptr;
    if (moves) moves[0] = moves[1] = divisor > 0 ? T(0) : divisor;
    if (!(divisor > 0)) return;
    for (int64_t c = 0; c < block.width; ++c) head[c] = arrays.head[place + c] / divisor;
    if (task.packed()) {
      if (moves) kernel.pool_moves(bin, head, maps, moves);
      if (wants_data) kernel.pool_scatter(bin, head, map_grads);
      return;
    }
    for (int64_t c = 0; c < block.channels(); ++c) {
      if (moves) kernel.pool_moves(bin, head + c, task.map_of(arrays.data, c), moves);
      if (wants_data) kernel.pool_scatter(bin, head + c, task.map_of(arrays.data_grad, c));
    }
  });
  if (map_grads) unpack_maps(s, block, map_grads, arrays.data_req, task.image_of(arrays.data_grad));
}

// Where the moves of a RoI's bins in this block begin.
int64_t moves_place(const RoiShape& s, const RoiBlock& b, int64_t roi) {
  return (b.bins_before * s.rois + roi * b.bins()) * 2;
}

// One RoI's moves (classes, bins, 2) from those of the blocks, added in their order.
template <class T>
void gather_moves(const RoiShape& s, const RoiBlocks& blocks, int64_t roi, const T* packed, std::vector<T>* moves) {
  std::fill(moves->begin(), moves->end(), T(0));
  for (const RoiBlock& b : blocks.all()) {
    const T* in = packed + moves_place(s, b, roi);
    for (int64_t y = b.y_begin; y < b.y_end; ++y) {
      for (int64_t x = b.x_begin; x < b.x_end; ++x, in += 2) {
        T* out = moves->data() + ((b.of_class * s.pooled_size + y) * s.pooled_size + x) * 2;
        out[0] += in[0];
        out[1] += in[1];
      }
    }
  }
}

template <class T>
constexpr int64_t kUnit = 16 / sizeof(T);

// Not zeroed: every number is written before it is read.
template <class T>
std::unique_ptr<T[]> numbers(int64_t count) {
  return std::unique_ptr<T[]>(new T[count]);
}

}  // namespace

template <class T>
RoisByImage::RoisByImage(const std::string& op, const RoiShape& s, const T* rois)
    : first_(s.batch + 1), order_(s.rois) {
  std::vector<int64_t> images(s.rois);
  for (int64_t r = 0; r < s.rois; ++r) {
    images[r] = roi_image(rois[r * 5], s.batch);
    require(images[r] != kWrongImage, op, ": the image of a region must be a whole number from 0 to ", s.batch - 1,
            ", for data holds ", s.batch, s.batch == 1 ? " image" : " images", ", or -1 for no region; rois[", r,
            ", 0] is ", rois[r * 5]);
    if (images[r] == kNoRegion) {
      none_.push_back(r);
    } else {
      ++first_[images[r] + 1];
    }
  }
  for (int64_t n = 0; n < s.batch; ++n) first_[n + 1] += first_[n];
  std::vector<int64_t> next(first_);
  for (int64_t r = 0; r < s.rois; ++r) {
    if (images[r] != kNoRegion) order_[next[images[r]]++] = r;
  }
}

template <class T>
void roi_pool_forward(const RoiShape& s, const RoisByImage& rois, const BinSource<T>& bins, const T* data, Req req,
                      T* output) {
  if (req == Req::kNull || s.rois == 0) return;
  const RoiBlocks blocks(s, kUnit<T>);
  const auto packed = numbers<T>(blocks.numbers() * s.rois);
  const int64_t per_image = blocks.all().size(), tasks = s.batch * per_image;
  const int workers = workers_for(tasks);
  auto scratch = scratch_for(workers, bins, blocks);
  parallel_for(tasks, workers, [&](int64_t t, int worker) {
    const RoiBlock& block = blocks.all()[t % per_image];
    const Task<T> task(s, rois, t / per_image, block);
    forward_task(task, block, bins, s, data, &scratch[worker], packed.get());
  });
  for (const RoiBlock& b : blocks.all()) {
    for (int64_t roi : rois.none()) std::fill_n(packed.get() + packed_place(s, b, roi), b.bins() * b.width, T(0));
  }
  parallel_for(s.rois, [&](int64_t roi, int) { unpack_roi(s, blocks, roi, packed.get(), req, output); });
}

template <class T>
void roi_pool_backward(const RoiShape& s, const RoisByImage& rois, const BinSource<T>& bins, const T* output_grad,
                       const T* data, Req data_req, T* data_grad, const TakeMoves<T>& take_moves) {
  if (data_req == Req::kNull && !take_moves) return;
  if (s.batch == 0 && s.rois == 0) return;  // nor is there room to make
  const RoiBlocks blocks(s, kUnit<T>);
  const auto head = numbers<T>(blocks.numbers() * s.rois);
  const auto moves = numbers<T>(take_moves ? blocks.bins() * s.rois * 2 : 0);
  parallel_for(s.rois, [&](int64_t roi, int) { pack_roi(s, blocks, roi, output_grad, head.get()); });
  const BackwardArrays<T> arrays{head.get(), data, data_req, data_grad, take_moves ? moves.get() : nullptr};
  const int64_t per_image = blocks.all().size(), tasks = s.batch * per_image;
  const int workers = workers_for(tasks);
  auto scratch = scratch_for(workers, bins, blocks);
  parallel_for(tasks, workers, [&](int64_t t, int worker) {
    const RoiBlock& block = blocks.all()[t % per_image];
    backward_task(Task<T>(s, rois, t / per_image, block), block, bins, s, arrays, &scratch[worker]);
  });
  if (!take_moves) return;
  for (const RoiBlock& b : blocks.all()) {
    for (int64_t roi : rois.none()) std::fill_n(moves.get() + moves_place(s, b, roi), b.bins() * 2, T(0));
  }
  const int takers = workers_for(s.rois);
  std::vector<std::vector<T>> sums(takers, std::vector<T>(s.classes * s.bins() * 2));
  parallel_for(s.rois, takers, [&](int64_t roi, int worker) {
    gather_moves(s, blocks, roi, moves.get(), &sums[worker]);
    take_moves(roi, sums[worker].data());
  });
}

template <class T>
void store_no_gradient(const RoiShape& s, Req req, T* rois_grad) {
  if (req == Req::kWrite) std::fill_n(rois_grad, s.rois * 5, T(0));
}

#define ACN_INSTANTIATE(T)                                                                                           \
  template RoisByImage::RoisByImage(const std::string&, const RoiShape&, const T*);                                  \
  template void roi_pool_forward(const RoiShape&, const RoisByImage&, const BinSource<T>&, const T*, Req, T*);       \
  template void roi_pool_backward(const RoiShape&, const RoisByImage&, const BinSource<T>&, const T*, const T*, Req, \
                                  T*, const TakeMoves<T>&);                                                          \
  template void store_no_gradient(const RoiShape&, Req, T*);
ACN_INSTANTIATE(float)
ACN_INSTANTIATE(double)
#undef ACN_INSTANTIATE

}  // namespace acn
