// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <memory>

#include "blas.h"
#include "columns.h"
#include "conv_blocks.h"
#include "conv_tiles.h"
#include "sampled_conv.h"
#include "threads.h"

namespace acn {
namespace {

constexpr int64_t kMostParts = 8;  // partial sums of the weight gradient, so that small networks keep cores busy
std::atomic<int64_t> workspace{int64_t{64} << 20};

// Images [first, first + images), one offset set over the filters, positions [begin, end).
struct Pass {
  int64_t first, images, filter_group, begin, end;
};

template <class T>
class Backward {
 public:
  Backward(const ConvShape& shape, const PointSource<T>& points, const T* out_grad, const T* data, const T* weight,
           const ConvGradients<T>& gradients)
      : s_(shape),
        points_(points),
        out_grad_(out_grad),
        data_(data),
        g_(gradients),
        blocks_(channel_blocks(shape)),
        components_(points.has_mask() ? 3 : 2),
        weight_size_(s_.filters * (s_.channels / s_.weight_groups) * s_.taps()),
        wants_data_(g_.data_req != Req::kNull),
        wants_weight_(g_.weight_req != Req::kNull) {
    const int64_t share = workspace_bytes() / 4 / int64_t{sizeof(T)};
    parts_ = std::clamp<int64_t>(share / weight_size_, 1, std::clamp<int64_t>(s_.batch, 1, kMostParts));
    const int64_t per_position = static_cast<int64_t>(blocks_.size()) * s_.taps() * components_;
    const int64_t slab_tiles = std::max<int64_t>(1, share / per_position / kTile);
    slab_ = g_.points ? std::min(slab_tiles * kTile, s_.positions()) : s_.positions();
    wave_ = g_.points ? std::clamp<int64_t>(share / (per_position * slab_), 1, std::max<int64_t>(s_.batch, 1))
                      : std::max<int64_t>(s_.batch, 1);
    workers_ = workers_for(static_cast<int64_t>(blocks_.size()) * parts_);
    if (wants_data_ || g_.points) {
      packed_weight_ = scratch<T>(weight_size_);
      pack_weights(s_, blocks_, weight, packed_weight_.get());
    }
    if (wants_weight_) {
      weight_parts_ = scratch<T>(parts_ * weight_size_);
      std::fill_n(weight_parts_.get(), parts_ * weight_size_, T(0));
    }
    if (g_.points) point_grads_ = scratch<T>(wave_ * slab_ * per_position);
    for (TileScratch<T>& tile : tile_scratches<T>(s_, blocks_, workers_, points.has_mask())) {
      int64_t width = 0;
      for (const ChannelBlock& block : blocks_) width = std::max(width, block.width());
      const int64_t column = std::min(kTile, s_.positions()) * s_.taps() * width, map = (s_.pixels() + 1) * width;
      workers_scratch_.push_back({std::move(tile), scratch<T>(column), scratch<T>(map), scratch<T>(map)});
    }
  }

  void run() {
    if (wants_data_ || wants_weight_ || g_.points) {
      for (int64_t first = 0; first < s_.batch; first += wave_) {
        for (int64_t filter_group = 0; filter_group < s_.filter_offset_groups; ++filter_group) {
          for (int64_t begin = 0; begin < s_.positions(); begin += slab_) {
            run_pass({first, std::min(wave_, s_.batch - first), filter_group, begin,
                      std::min(begin + slab_, s_.positions())});
          }
        }
      }
    }
    if (wants_weight_) unpack_weights(s_, blocks_, weight_parts_.get(), parts_, g_.weight_req, g_.weight);
    if (g_.bias_req != Req::kNull) bias_gradient();
  }

 private:
  struct WorkerScratch {
    TileScratch<T> tile;
    Scratch<T> column_grad, map, map_grad;
  };

  int64_t block_count() const { return static_cast<int64_t>(blocks_.size()); }

  T* point_grads(const Pass& pass, int64_t image, int64_t block) const {
    return point_grads_.get() +
           ((image - pass.first) * block_count() + block) * slab_ * s_.taps() * components_;
  }

  void run_pass(const Pass& pass) {
    // Task (part, block): a contiguous share of the images, so that each part of the weight gradient has one owner.
    parallel_for(parts_ * block_count(), workers_, [&](int64_t task, int worker) {
      const int64_t part = task / block_count();
      const int64_t begin = pass.images * part / parts_, end = pass.images * (part + 1) / parts_;
      for (int64_t i = begin; i < end; ++i) {
        run_block(pass, pass.first + i, task % block_count(), part, &workers_scratch_[worker]);
      }
    });
    if (!g_.points) return;
    parallel_for(pass.images * s_.channel_offset_groups, [&](int64_t task, int) {
      hand_over_points(pass, pass.first + task / s_.channel_offset_groups, task % s_.channel_offset_groups);
    });
  }

  void run_block(const Pass& pass, int64_t image, int64_t block_index, int64_t part, WorkerScratch* scratch) {
    const ChannelBlock& block = blocks_[block_index];
    const FilterRange filters = filters_of(s_, block, pass.filter_group);
    const bool used = filters.begin < filters.end;
    const int64_t image_offset = image * s_.channels * s_.pixels();
    if (wants_data_) std::fill_n(scratch->map_grad.get(), (s_.pixels() + 1) * block.width(), T(0));
    if (used) {
      pack_map(s_, block, data_ + image_offset, scratch->map.get());
      for (int64_t begin = pass.begin; begin < pass.end; begin += kTile) {
        const PointRange range{image, pass.filter_group, block.channel_group, begin,
                               std::min(begin + kTile, pass.end)};
        T* grads = g_.points ? point_grads(pass, image, block_index) +
                                   (begin - pass.begin) * s_.taps() * components_
                             : nullptr;
        run_tile(range, block, filters, part, grads, scratch);
      }
    } else if (g_.points) {
      std::fill_n(point_grads(pass, image, block_index), slab_ * s_.taps() * components_, T(0));
    }
    if (wants_data_) {
      const bool first_pass = pass.filter_group == 0 && pass.begin == 0;
      unpack_map(s_, block, scratch->map_grad.get(), first_pass ? g_.data_req : Req::kAdd, g_.data + image_offset);
    }
  }

  void run_tile(const PointRange& range, const ChannelBlock& block, const FilterRange& filters, int64_t part,
                T* point_grad, WorkerScratch* scratch) {
    const int64_t positions = range.end - range.begin, depth = s_.taps() * block.width();
    const int64_t filter_count = filters.end - filters.begin;
    const int64_t weight_at = block.packed_weight +
                              (filters.begin - block.weight_group * (s_.filters / s_.weight_groups)) * depth;
    const T* out_grad = out_grad_ + (range.image * s_.filters + filters.begin) * s_.positions() + range.begin;
    TileScratch<T>& tile = scratch->tile;
    points_.locate(range, tile.cells.get(), tile.mask.get());
    const ColumnTask<T> task{tile.cells.get(), tile.mask.get(), positions * s_.taps(), scratch->map.get(),
                             block.width()};
    if (wants_data_ || point_grad) {
      gemm(Trans::kYes, Trans::kNo, positions, depth, filter_count, out_grad, s_.positions(),
           packed_weight_.get() + weight_at, depth, T(0), scratch->column_grad.get(), depth);
      backward(task, {scratch->column_grad.get(), wants_weight_ ? tile.column.get() : nullptr,
                      wants_data_ ? scratch->map_grad.get() : nullptr, point_grad, components_});
    } else {
      gather(task, tile.column.get());
    }
    if (wants_weight_) {
      gemm(Trans::kNo, Trans::kNo, filter_count, depth, positions, out_grad, s_.positions(), tile.column.get(), depth,
           T(1), weight_parts_.get() + part * weight_size_ + weight_at, depth);
    }
  }

  void hand_over_points(const Pass& pass, int64_t image, int64_t channel_group) {
    const int64_t size = (pass.end - pass.begin) * s_.taps() * components_;
    T* sum = nullptr;
    for (int64_t b = 0; b < block_count(); ++b) {
      if (blocks_[b].channel_group != channel_group) continue;
      T* grads = point_grads(pass, image, b);
      if (!sum) {
        sum = grads;
        continue;
      }
      for (int64_t i = 0; i < size; ++i) sum[i] += grads[i];
    }
    g_.points->take({image, pass.filter_group, channel_group, pass.begin, pass.end}, sum);
  }

  void bias_gradient() {
    parallel_for(s_.filters, [&](int64_t k, int) {
      double sum = 0;
      for (int64_t n = 0; n < s_.batch; ++n) {
        const T* row = out_grad_ + (n * s_.filters + k) * s_.positions();
        for (int64_t p = 0; p < s_.positions(); ++p) sum += row[p];
      }
      store(static_cast<T>(sum), g_.bias_req, g_.bias + k);
    });
  }

  const ConvShape& s_;
  const PointSource<T>& points_;
  const T* out_grad_;
  const T* data_;
  const ConvGradients<T>& g_;
  const std::vector<ChannelBlock> blocks_;
  const int64_t components_, weight_size_;
  const bool wants_data_, wants_weight_;
  int64_t parts_, slab_, wave_;
  int workers_;
  Scratch<T> packed_weight_, weight_parts_, point_grads_;
  std::vector<WorkerScratch> workers_scratch_;
};

}  // namespace

template <class T>
void sampled_conv_backward(const ConvShape& shape, const PointSource<T>& points, const T* out_grad, const T* data,
                           const T* weight, const ConvGradients<T>& gradients) {
  Backward<T>(shape, points, out_grad, data, weight, gradients).run();
}

template void sampled_conv_backward(const ConvShape&, const PointSource<float>&, const float*, const float*,
                                    const float*, const ConvGradients<float>&);
template void sampled_conv_backward(const ConvShape&, const PointSource<double>&, const double*, const double*,
                                    const double*, const ConvGradients<double>&);

int64_t workspace_bytes() { return workspace.load(); }
void set_workspace_bytes(int64_t bytes) { workspace.store(std::max<int64_t>(bytes, 1 << 20)); }

}  // namespace acn
