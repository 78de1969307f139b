// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "../runtime/threads.h"
#include "../simd/vector_kernels.h"
#include "conv_blocks.h"
#include "conv_tiles.h"
#include "sampled_conv.h"

namespace acn {
namespace {

// Output positions at a time: enough that sums of the weight gradient are read
// and written rarely.
constexpr int64_t kTile = 168;
// Added to rows of the output gradient's tile, which otherwise fall on the same
// few sets of the first-level cache.
constexpr int64_t kSkew = 16;
constexpr int64_t kMostParts = 8;  // partial sums of the weight gradient, so
                                   // that small networks keep cores busy

// Images [first, first + images), one offset set over the filters, positions
// [begin, end).
struct Pass {
  int64_t first, images, filter_group, begin, end;
};

template <class T>
class ConvBackward {
 public:
  ConvBackward(const ConvShape& shape, const PointSource<T>& points, const T* out_grad, const T* data, const T* weight,
               const ConvGradients<T>& gradients)
      : s_(shape),
        points_(points),
        out_grad_(out_grad),
        data_(data),
        g_(gradients),
        weight_(weight),
        kernels_(vector_kernels<T>()),
        blocks_(channel_blocks(shape, kernels_.lanes)),
        tile_(std::min(kTile, s_.positions())),
        components_(points.has_mask() ? 3 : 2),
        wants_data_(g_.data_req != Req::kNull),
        wants_weight_(g_.weight_req != Req::kNull) {
    const int64_t per_group = s_.filters / s_.weight_groups;
    for (const ChannelBlock& block : blocks_) {
      weight_grad_at_.push_back(weight_grad_size_);
      weight_grad_size_ += per_group * s_.taps() * block.width;
    }
    const int64_t share = workspace_bytes() / 4 / int64_t{sizeof(T)};
    parts_ = std::clamp<int64_t>(share / weight_grad_size_, 1, std::min(s_.batch, kMostParts));
    const int64_t per_position = block_count() * s_.taps() * components_;
    const int64_t slab_tiles = std::max<int64_t>(1, share / per_position / tile_);
    slab_ = g_.points ? std::min(slab_tiles * tile_, s_.positions()) : s_.positions();
    wave_ = g_.points ? std::clamp<int64_t>(share / (per_position * slab_), 1, s_.batch) : s_.batch;
    workers_ = workers_for(block_count() * parts_);
    if (wants_weight_) {
      weight_parts_ = scratch<T>(parts_ * weight_grad_size_);
      std::fill_n(weight_parts_.get(), parts_ * weight_grad_size_, T(0));
    }
    if (g_.points) point_grads_ = scratch<T>(wave_ * slab_ * per_position);
    for (int i = 0; i < workers_; ++i) scratch_.emplace_back(*this);
    if (wants_columns() && s_.filter_offset_groups == 1) {
      panels_.fill(
          blocks_,
          [&](const ChannelBlock& b) {
            return column_panels_size(s_, b.width, filters_of(s_, b, 0).count(), kernels_.lanes);
          },
          [&](const ChannelBlock& b, T* place) {
            pack_to_column(s_, b, filters_of(s_, b, 0), kernels_.lanes, weight_, place);
          });
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
    if (wants_weight_) {
      parallel_for(block_count(), [&](int64_t b, int) {
        unpack_weight_grad(s_, blocks_[b], weight_parts_.get() + weight_grad_at_[b], parts_, weight_grad_size_,
                           g_.weight_req, g_.weight);
      });
    }
    if (g_.bias_req != Req::kNull) bias_gradient(s_, out_grad_, g_.bias_req, g_.bias);
  }

 private:
  struct BackwardScratch {
    TileScratch<T> tile;
    Scratch<T> out_grad;  // (filters, tile + skew)
    Scratch<T> panels;    // one block's weights, where each offset set has only some of the filters
    Scratch<T> column_grad, map, map_grad;

    explicit BackwardScratch(const ConvBackward& b) : tile(b.s_, b.tile_, widest(b.blocks_), b.points_.has_mask()) {
      const int64_t filters = b.s_.filters / b.s_.weight_groups, width = widest(b.blocks_);
      out_grad = scratch<T>(filters * (b.tile_ + kSkew));
      map = scratch<T>((b.s_.pixels() + 1) * width);
      if (b.wants_columns()) {
        if (b.s_.filter_offset_groups > 1)
          panels = scratch<T>(column_panels_size(b.s_, width, filters, b.kernels_.lanes));
        column_grad = scratch<T>(b.tile_ * b.s_.taps() * width);
      }
      if (b.wants_data_) map_grad = scratch<T>((b.s_.pixels() + 1) * width);
    }
  };

  bool wants_columns() const { return wants_data_ || g_.points; }

  int64_t block_count() const { return static_cast<int64_t>(blocks_.size()); }

  T* point_grads(const Pass& pass, int64_t image, int64_t block) const {
    return point_grads_.get() + ((image - pass.first) * block_count() + block) * slab_ * s_.taps() * components_;
  }

  void run_pass(const Pass& pass) {
    // Task (part, block): a contiguous share of the images, so that each part
    // of the weight gradient has one owner.
    parallel_for(parts_ * block_count(), workers_, [&](int64_t task, int worker) {
      const int64_t part = task / block_count();
      const int64_t begin = pass.images * part / parts_, end = pass.images * (part + 1) / parts_;
      for (int64_t i = begin; i < end; ++i) {
        run_block(pass, pass.first + i, task % block_count(), part, &scratch_[worker]);
      }
    });
    if (!g_.points) return;
    parallel_for(pass.images * s_.channel_offset_groups, [&](int64_t task, int) {
      hand_over_points(pass, pass.first + task / s_.channel_offset_groups, task % s_.channel_offset_groups);
    });
  }

  void run_block(const Pass& pass, int64_t image, int64_t block_index, int64_t part, BackwardScratch* scratch) {
    const ChannelBlock& block = blocks_[block_index];
    const FilterRange filters = filters_of(s_, block, pass.filter_group);
    const int64_t image_offset = image * s_.channels * s_.pixels();
    if (wants_data_) std::fill_n(scratch->map_grad.get(), (s_.pixels() + 1) * block.width, T(0));
    if (filters.begin < filters.end) {
      pack_map(s_, block, data_ + image_offset, scratch->map.get());
      if (wants_columns() && s_.filter_offset_groups > 1)
        pack_to_column(s_, block, filters, kernels_.lanes, weight_, scratch->panels.get());
      for (int64_t begin = pass.begin; begin < pass.end; begin += tile_) {
        const PointRange range{image, pass.filter_group, block.channel_group, begin, std::min(begin + tile_, pass.end)};
        T* grads = g_.points ? point_grads(pass, image, block_index) + (begin - pass.begin) * s_.taps() * components_
                             : nullptr;
        run_tile(range, block_index, filters, part, grads, scratch);
      }
    } else if (g_.points) {
      std::fill_n(point_grads(pass, image, block_index), slab_ * s_.taps() * components_, T(0));
    }
    if (wants_data_) {
      const bool first_pass = pass.filter_group == 0 && pass.begin == 0;
      unpack_map(s_, block, scratch->map_grad.get(), first_pass ? g_.data_req : Req::kAdd, g_.data + image_offset);
    }
  }

  void run_tile(const PointRange& range, int64_t block_index, FilterRange filters, int64_t part, T* point_grad,
                BackwardScratch* scratch) {
    const ChannelBlock& block = blocks_[block_index];
    const int64_t positions = range.end - range.begin, depth = s_.taps() * block.width, panel = 2 * kernels_.lanes;
    const int64_t count = filters.end - filters.begin, out_row = tile_ + kSkew;
    T* out_grad = scratch->out_grad.get();
    for (int64_t k = 0; k < count; ++k) {
      std::copy_n(out_grad_ + (range.image * s_.filters + filters.begin + k) * s_.positions() + range.begin, positions,
                  out_grad + k * out_row);
    }
    TileScratch<T>& tile = scratch->tile;
    points_.locate(range, tile.cells.get(), tile.mask.get());
    const PointRun<T> points{tile.cells.get(), tile.mask.get(), positions * s_.taps(), scratch->map.get(), block.width};
    if (wants_columns()) {
      const T* panels = panels_.of(block_index) ? panels_.of(block_index) : scratch->panels.get();
      Product<T> product;
      product.rows = positions, product.columns = depth, product.depth = count;
      product.a = out_grad, product.a_row = 1, product.a_depth = out_row;
      product.b = panels, product.b_row = panel, product.b_panel = count * panel;
      product.c = scratch->column_grad.get(), product.c_row = depth;
      kernels_.multiply(product);
      kernels_.backward(points, {scratch->column_grad.get(), wants_weight_ ? tile.column.get() : nullptr,
                                 wants_data_ ? scratch->map_grad.get() : nullptr, point_grad, components_});
    } else {
      kernels_.gather(points, tile.column.get());
    }
    if (wants_weight_) {
      const int64_t first = filters.begin - block.weight_group * (s_.filters / s_.weight_groups);
      Product<T> product;
      product.rows = count, product.columns = depth, product.depth = positions;
      product.a = out_grad, product.a_row = out_row;
      product.b = tile.column.get(), product.b_row = depth, product.b_panel = panel;
      product.c = weight_parts_.get() + part * weight_grad_size_ + weight_grad_at_[block_index] + first * depth;
      product.c_row = depth, product.add = true;
      kernels_.multiply(product);
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

  const ConvShape& s_;
  const PointSource<T>& points_;
  const T* out_grad_;
  const T* data_;
  const ConvGradients<T>& g_;
  const T* weight_;
  const VectorKernels<T>& kernels_;
  const std::vector<ChannelBlock> blocks_;
  const int64_t tile_, components_;
  const bool wants_data_, wants_weight_;
  int64_t weight_grad_size_ = 0, parts_, slab_, wave_;
  std::vector<int64_t> weight_grad_at_;
  int workers_;
  Scratch<T> weight_parts_, point_grads_;
  WeightPanels<T> panels_;
  std::vector<BackwardScratch> scratch_;
};

}  // namespace

template <class T>
void bias_gradient(const ConvShape& s, const T* out_grad, Req req, T* bias) {
  parallel_for(s.filters, [&](int64_t k, int) {
    double sum = 0;
    for (int64_t n = 0; n < s.batch; ++n) {
      const T* row = out_grad + (n * s.filters + k) * s.positions();
      for (int64_t p = 0; p < s.positions(); ++p) sum += row[p];
    }
    store(static_cast<T>(sum), req, bias + k);
  });
}

template void bias_gradient(const ConvShape&, const float*, Req, float*);
template void bias_gradient(const ConvShape&, const double*, Req, double*);

template <class T>
void empty_batch_gradients(const ConvShape& s, const ConvGradientArrays<T>& g) {
  if (g.weight_req == Req::kWrite) std::fill_n(g.weight, s.filters * (s.channels / s.weight_groups) * s.taps(), T(0));
  if (g.bias_req == Req::kWrite) std::fill_n(g.bias, s.filters, T(0));
}

template void empty_batch_gradients(const ConvShape&, const ConvGradientArrays<float>&);
template void empty_batch_gradients(const ConvShape&, const ConvGradientArrays<double>&);

template <class T>
void sampled_conv_backward(const ConvShape& shape, const PointSource<T>& points, const T* out_grad, const T* data,
                           const T* weight, const ConvGradients<T>& gradients) {
  if (shape.batch == 0) return empty_batch_gradients<T>(shape, gradients);
  ConvBackward<T>(shape, points, out_grad, data, weight, gradients).run();
}

template void sampled_conv_backward(const ConvShape&, const PointSource<float>&, const float*, const float*,
                                    const float*, const ConvGradients<float>&);
template void sampled_conv_backward(const ConvShape&, const PointSource<double>&, const double*, const double*,
                                    const double*, const ConvGradients<double>&);

}  // namespace acn
