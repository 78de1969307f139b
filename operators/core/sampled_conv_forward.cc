// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include "blas.h"
#include "columns.h"
#include "conv_blocks.h"
#include "conv_tiles.h"
#include "sampled_conv.h"
#include "threads.h"

namespace acn {
namespace {

template <class T>
struct ForwardCall {
  const ConvShape& s;
  const PointSource<T>& points;
  const std::vector<ChannelBlock>& blocks;
  const T* packed_weight;
  const T* bias;
  Req req;
  T* out;
};

template <class T>
void start_tile(const ForwardCall<T>& call, int64_t image, int64_t begin, int64_t end) {
  const ConvShape& s = call.s;
  for (int64_t k = 0; k < s.filters; ++k) {
    T* row = call.out + (image * s.filters + k) * s.positions();
    const T bias = call.bias ? call.bias[k] : T(0);
    for (int64_t p = begin; p < end; ++p) store(bias, call.req, row + p);
  }
}

// All filters at positions [begin, end) of one image. maps holds that image's channels packed block by block.
template <class T>
void forward_tile(const ForwardCall<T>& call, int64_t image, int64_t begin, int64_t end, const T* maps,
                  TileScratch<T>* scratch) {
  const ConvShape& s = call.s;
  const int64_t taps = s.taps(), count = (end - begin) * taps;
  start_tile(call, image, begin, end);
  for (int64_t filter_group = 0; filter_group < s.filter_offset_groups; ++filter_group) {
    int64_t located = -1;
    for (const ChannelBlock& block : call.blocks) {
      const FilterRange filters = filters_of(s, block, filter_group);
      if (filters.begin == filters.end) continue;
      if (block.channel_group != located) {
        located = block.channel_group;
        call.points.locate({image, filter_group, located, begin, end}, scratch->cells.get(), scratch->mask.get());
      }
      gather({scratch->cells.get(), scratch->mask.get(), count, maps + block.begin * (s.pixels() + 1), block.width()},
             scratch->column.get());
      const int64_t depth = taps * block.width();
      const int64_t first = filters.begin - block.weight_group * (s.filters / s.weight_groups);
      gemm(Trans::kNo, Trans::kYes, filters.end - filters.begin, end - begin, depth,
           call.packed_weight + block.packed_weight + first * depth, depth, scratch->column.get(), depth, T(1),
           call.out + (image * s.filters + filters.begin) * s.positions() + begin, s.positions());
    }
  }
}

}  // namespace

template <class T>
void sampled_conv_forward(const ConvShape& s, const PointSource<T>& points, const T* data, const T* weight,
                          const T* bias, Req req, T* out) {
  if (req == Req::kNull || s.batch == 0) return;
  const std::vector<ChannelBlock> blocks = channel_blocks(s);
  auto packed_weight = scratch<T>(s.filters * (s.channels / s.weight_groups) * s.taps());
  pack_weights(s, blocks, weight, packed_weight.get());

  const int64_t map_size = s.channels * (s.pixels() + 1);
  const int64_t wave = std::clamp<int64_t>(workspace_bytes() / 2 / (map_size * int64_t{sizeof(T)}), 1, s.batch);
  auto maps = scratch<T>(wave * map_size);
  const ForwardCall<T> call{s, points, blocks, packed_weight.get(), bias, req, out};
  const int64_t tiles = tile_count(s.positions());
  const int workers = workers_for(wave * tiles);
  auto scratches = tile_scratches<T>(s, blocks, workers, points.has_mask());
  for (int64_t first = 0; first < s.batch; first += wave) {
    const int64_t images = std::min(wave, s.batch - first), count = blocks.size();
    parallel_for(images * count, [&](int64_t task, int) {
      const ChannelBlock& block = blocks[task % count];
      pack_map(s, block, data + (first + task / count) * s.channels * s.pixels(),
               maps.get() + task / count * map_size + block.begin * (s.pixels() + 1));
    });
    parallel_for(images * tiles, workers, [&](int64_t task, int worker) {
      const int64_t image = task / tiles, begin = task % tiles * kTile;
      forward_tile(call, first + image, begin, std::min(begin + kTile, s.positions()), maps.get() + image * map_size,
                   &scratches[worker]);
    });
  }
}

template void sampled_conv_forward(const ConvShape&, const PointSource<float>&, const float*, const float*,
                                   const float*, Req, float*);
template void sampled_conv_forward(const ConvShape&, const PointSource<double>&, const double*, const double*,
                                   const double*, Req, double*);

}  // namespace acn
