// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "../runtime/threads.h"
#include "../simd/vector_kernels.h"
#include "conv_blocks.h"
#include "conv_tiles.h"
#include "sampled_conv.h"

namespace acn {
namespace {

// Output positions at a time: a multiple of every level's product rows; its
// column and sums stay in the second-level cache beside one block's weights.
constexpr int64_t kTile = 84;

template <class T>
class ConvForward {
 public:
  ConvForward(const ConvShape& shape, const PointSource<T>& points, const T* data, const T* weight, const T* bias,
              Req req, T* out)
      : s_(shape),
        points_(points),
        data_(data),
        weight_(weight),
        bias_(bias),
        req_(req),
        out_(out),
        kernels_(vector_kernels<T>()),
        blocks_(channel_blocks(shape, kernels_.lanes)),
        tile_(std::min(kTile, s_.positions())) {}

  void run() {
    const int64_t block_count = blocks_.size(), map_size = packed_map_size(s_, blocks_);
    const int64_t tiles = (s_.positions() + tile_ - 1) / tile_;
    const int64_t wave = std::clamp<int64_t>(workspace_bytes() / 2 / (map_size * int64_t{sizeof(T)}), 1, s_.batch);
    const int workers = workers_for(wave * tiles);
    for (int i = 0; i < workers; ++i) scratch_.emplace_back(*this);
    if (s_.filter_offset_groups == 1) {
      panels_.fill(
          blocks_,
          [&](const ChannelBlock& b) {
            return filter_panels_size(s_, b.width, filters_of(s_, b, 0).count(), kernels_.lanes);
          },
          [&](const ChannelBlock& b, T* place) {
            pack_to_filters(s_, b, filters_of(s_, b, 0), kernels_.lanes, weight_, place);
          });
    }
    auto maps = scratch<T>(wave * map_size);
    for (int64_t first = 0; first < s_.batch; first += wave) {
      const int64_t images = std::min(wave, s_.batch - first);
      parallel_for(images * block_count, [&](int64_t task, int) {
        const ChannelBlock& block = blocks_[task % block_count];
        pack_map(s_, block, data_ + (first + task / block_count) * s_.channels * s_.pixels(),
                 maps.get() + task / block_count * map_size + block.map);
      });
      parallel_for(images * tiles, workers, [&](int64_t task, int worker) {
        const int64_t begin = task % tiles * tile_;
        run_tile(first + task / tiles, begin, std::min(begin + tile_, s_.positions()),
                 maps.get() + task / tiles * map_size, &scratch_[worker]);
      });
    }
  }

 private:
  struct ForwardScratch {
    TileScratch<T> tile;
    Scratch<T> sums;    // (tile, filters of a part): channel-last, as the product
                        // makes it
    Scratch<T> panels;  // weights, where each offset set has only some of the filters

    explicit ForwardScratch(const ConvForward& f)
        : tile(f.s_, f.tile_, widest(f.blocks_), f.points_.has_mask()),
          sums(scratch<T>(f.tile_ * round_up(f.most_filters(), f.kernels_.lanes))) {
      if (f.s_.filter_offset_groups > 1) {
        panels = scratch<T>(filter_panels_size(f.s_, widest(f.blocks_), f.most_filters(), f.kernels_.lanes));
      }
    }
  };

  int64_t most_filters() const { return std::min(s_.filters / s_.weight_groups, s_.filters / s_.filter_offset_groups); }

  // All filters at positions [begin, end) of one image, part by part: the
  // filters of one offset set and weight group.
  void run_tile(int64_t image, int64_t begin, int64_t end, const T* maps, ForwardScratch* scratch) {
    for (int64_t filter_group = 0; filter_group < s_.filter_offset_groups; ++filter_group) {
      int64_t located = -1;
      for (size_t b = 0; b < blocks_.size();) {
        const FilterRange filters = filters_of(s_, blocks_[b], filter_group);
        const int64_t weight_group = blocks_[b].weight_group;
        for (bool add = false; b < blocks_.size() && blocks_[b].weight_group == weight_group; ++b, add = true) {
          if (filters.begin == filters.end) continue;
          if (blocks_[b].channel_group != located) {
            located = blocks_[b].channel_group;
            points_.locate({image, filter_group, located, begin, end}, scratch->tile.cells.get(),
                           scratch->tile.mask.get());
          }
          add_block(b, filters, end - begin, maps, add, scratch);
        }
        store_tile(image, filters, begin, end, scratch->sums.get());
      }
    }
  }

  void add_block(size_t b, FilterRange filters, int64_t positions, const T* maps, bool add, ForwardScratch* scratch) {
    const ChannelBlock& block = blocks_[b];
    const int64_t depth = s_.taps() * block.width, columns = round_up(filters.end - filters.begin, kernels_.lanes);
    const T* panels = panels_.of(b);
    if (!panels) {
      pack_to_filters(s_, block, filters, kernels_.lanes, weight_, scratch->panels.get());
      panels = scratch->panels.get();
    }
    T* column = scratch->tile.column.get();
    kernels_.gather(
        {scratch->tile.cells.get(), scratch->tile.mask.get(), positions * s_.taps(), maps + block.map, block.width},
        column);
    Product<T> product;
    product.rows = positions, product.columns = columns, product.depth = depth;
    product.a = column, product.a_row = depth;
    product.b = panels, product.b_row = 2 * kernels_.lanes, product.b_panel = depth * product.b_row;
    product.c = scratch->sums.get(), product.c_row = columns, product.add = add;
    kernels_.multiply(product);
  }

  void store_tile(int64_t image, FilterRange filters, int64_t begin, int64_t end, const T* sums) {
    constexpr int64_t kStrip = 16;  // filters at a time: a cache line of each position
    const int64_t columns = round_up(filters.end - filters.begin, kernels_.lanes);
    if (req_ == Req::kWrite && !bias_) {
      kernels_.transpose(end - begin, filters.end - filters.begin, sums, columns,
                         out_ + (image * s_.filters + filters.begin) * s_.positions() + begin, s_.positions());
      return;
    }
    for (int64_t strip = filters.begin; strip < filters.end; strip += kStrip) {
      for (int64_t k = strip; k < std::min(strip + kStrip, filters.end); ++k) {
        T* row = out_ + (image * s_.filters + k) * s_.positions();
        const T* sum = sums + k - filters.begin;
        const T bias = bias_ ? bias_[k] : T(0);
        for (int64_t p = begin; p < end; ++p, sum += columns) store(*sum + bias, req_, row + p);
      }
    }
  }

  const ConvShape& s_;
  const PointSource<T>& points_;
  const T* data_;
  const T* weight_;
  const T* bias_;
  const Req req_;
  T* out_;
  const VectorKernels<T>& kernels_;
  const std::vector<ChannelBlock> blocks_;
  const int64_t tile_;
  WeightPanels<T> panels_;
  std::vector<ForwardScratch> scratch_;
};

}  // namespace

template <class T>
void sampled_conv_forward(const ConvShape& shape, const PointSource<T>& points, const T* data, const T* weight,
                          const T* bias, Req req, T* out) {
  if (req == Req::kNull || shape.batch == 0) return;
  ConvForward<T>(shape, points, data, weight, bias, req, out).run();
}

template void sampled_conv_forward(const ConvShape&, const PointSource<float>&, const float*, const float*,
                                   const float*, Req, float*);
template void sampled_conv_forward(const ConvShape&, const PointSource<double>&, const double*, const double*,
                                   const double*, Req, double*);

}  // namespace acn
