// SPDX-License-Identifier: Apache-2.0
#include "conv_blocks.h"

#include <algorithm>

#include "threads.h"

namespace acn {
namespace {
constexpr int64_t kBlockWidth = 32;  // channels: two to four vectors per sample, columns of a tile stay in L2
constexpr int64_t kStrip = 64;       // pixels transposed at a time
}  // namespace

std::vector<ChannelBlock> channel_blocks(const ConvShape& s) {
  const int64_t per_weight = s.channels / s.weight_groups, per_offset = s.channels / s.channel_offset_groups;
  std::vector<ChannelBlock> blocks;
  int64_t packed = 0;
  for (int64_t begin = 0; begin < s.channels;) {
    const int64_t weight_group = begin / per_weight, channel_group = begin / per_offset;
    const int64_t run = std::min((weight_group + 1) * per_weight, (channel_group + 1) * per_offset) - begin;
    const int64_t pieces = (run + kBlockWidth - 1) / kBlockWidth;
    for (int64_t i = 0; i < pieces; ++i) {
      ChannelBlock block{begin + run * i / pieces, begin + run * (i + 1) / pieces, weight_group, channel_group, packed};
      packed += s.filters / s.weight_groups * s.taps() * block.width();
      blocks.push_back(block);
    }
    begin += run;
  }
  return blocks;
}

FilterRange filters_of(const ConvShape& s, const ChannelBlock& block, int64_t filter_group) {
  const int64_t per_weight = s.filters / s.weight_groups, per_offset = s.filters / s.filter_offset_groups;
  const int64_t begin = std::max(block.weight_group * per_weight, filter_group * per_offset);
  const int64_t end = std::min((block.weight_group + 1) * per_weight, (filter_group + 1) * per_offset);
  return {begin, std::max(begin, end)};
}

template <class T>
void pack_weights(const ConvShape& s, const std::vector<ChannelBlock>& blocks, const T* weight, T* packed) {
  const int64_t per_group = s.filters / s.weight_groups, in_channels = s.channels / s.weight_groups, taps = s.taps();
  parallel_for(blocks.size(), [&](int64_t b, int) {
    const ChannelBlock& block = blocks[b];
    T* out = packed + block.packed_weight;
    for (int64_t k = 0; k < per_group; ++k) {
      const int64_t first = block.begin - block.weight_group * in_channels;
      const T* in = weight + ((block.weight_group * per_group + k) * in_channels + first) * taps;
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t c = 0; c < block.width(); ++c) *out++ = in[c * taps + tap];
      }
    }
  });
}

template <class T>
void unpack_weights(const ConvShape& s, const std::vector<ChannelBlock>& blocks, const T* packed, int64_t parts,
                    Req req, T* weight) {
  const int64_t per_group = s.filters / s.weight_groups, in_channels = s.channels / s.weight_groups, taps = s.taps();
  const int64_t size = s.filters * in_channels * taps;
  parallel_for(blocks.size(), [&](int64_t b, int) {
    const ChannelBlock& block = blocks[b];
    const T* in = packed + block.packed_weight;
    for (int64_t k = 0; k < per_group; ++k) {
      const int64_t first = block.begin - block.weight_group * in_channels;
      T* out = weight + ((block.weight_group * per_group + k) * in_channels + first) * taps;
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t c = 0; c < block.width(); ++c, ++in) {
          T sum = 0;
          for (int64_t part = 0; part < parts; ++part) sum += in[part * size];
          store(sum, req, out + c * taps + tap);
        }
      }
    }
  });
}

template <class T>
void pack_map(const ConvShape& s, const ChannelBlock& block, const T* image, T* map) {
  const int64_t pixels = s.pixels(), width = block.width();
  const T* in = image + block.begin * pixels;
  for (int64_t strip = 0; strip < pixels; strip += kStrip) {
    const int64_t end = std::min(pixels, strip + kStrip);
    for (int64_t c = 0; c < width; ++c) {
      for (int64_t p = strip; p < end; ++p) map[p * width + c] = in[c * pixels + p];
    }
  }
  std::fill_n(map + pixels * width, width, T(0));
}

template <class T>
void unpack_map(const ConvShape& s, const ChannelBlock& block, const T* map, Req req, T* image) {
  const int64_t pixels = s.pixels(), width = block.width();
  T* out = image + block.begin * pixels;
  for (int64_t strip = 0; strip < pixels; strip += kStrip) {
    const int64_t end = std::min(pixels, strip + kStrip);
    for (int64_t c = 0; c < width; ++c) {
      for (int64_t p = strip; p < end; ++p) store(map[p * width + c], req, out + c * pixels + p);
    }
  }
}

#define ACN_INSTANTIATE(T)                                                                                        \
  template void pack_weights(const ConvShape&, const std::vector<ChannelBlock>&, const T*, T*);                   \
  template void unpack_weights(const ConvShape&, const std::vector<ChannelBlock>&, const T*, int64_t, Req, T*);   \
  template void pack_map(const ConvShape&, const ChannelBlock&, const T*, T*);                                    \
  template void unpack_map(const ConvShape&, const ChannelBlock&, const T*, Req, T*);
ACN_INSTANTIATE(float)
ACN_INSTANTIATE(double)
#undef ACN_INSTANTIATE

}  // namespace acn
