// SPDX-License-Identifier: Apache-2.0
#include "conv_blocks.h"

#include <algorithm>

namespace acn {
namespace {
constexpr int64_t kBlockWidth = 32;  // channels: weights of one block for 512
                                     // filters and 9 taps fill half of an L2
constexpr int64_t kStrip = 16;       // pixels transposed at a time: a cache line of each channel

// weight[filter][channel][tap] of this block: the first number of a filter.
template <class T>
T* block_weight(const ConvShape& s, const ChannelBlock& block, T* weight, int64_t filter) {
  const int64_t in_channels = s.channels / s.weight_groups;
  return weight + (filter * in_channels + block.begin - block.weight_group * in_channels) * s.taps();
}
}  // namespace

std::vector<ChannelBlock> channel_blocks(const ConvShape& s, int64_t lanes) {
  const int64_t per_weight = s.channels / s.weight_groups, per_offset = s.channels / s.channel_offset_groups;
  std::vector<ChannelBlock> blocks;
  int64_t map = 0;
  for (int64_t begin = 0; begin < s.channels;) {
    const int64_t weight_group = begin / per_weight, channel_group = begin / per_offset;
    const int64_t run_end = std::min((weight_group + 1) * per_weight, (channel_group + 1) * per_offset);
    for (; begin < run_end; begin += kBlockWidth) {
      const int64_t end = std::min(begin + kBlockWidth, run_end), width = round_up(end - begin, lanes);
      ChannelBlock block;
      block.begin = begin, block.end = end;
      block.weight_group = weight_group, block.channel_group = channel_group;
      block.width = width, block.map = map;
      blocks.push_back(block);
      map += (s.pixels() + 1) * width;
    }
    begin = run_end;
  }
  return blocks;
}

int64_t packed_map_size(const ConvShape& s, const std::vector<ChannelBlock>& blocks) {
  return blocks.back().map + (s.pixels() + 1) * blocks.back().width;
}

FilterRange filters_of(const ConvShape& s, const ChannelBlock& block, int64_t filter_group) {
  const int64_t per_weight = s.filters / s.weight_groups, per_offset = s.filters / s.filter_offset_groups;
  const int64_t begin = std::max(block.weight_group * per_weight, filter_group * per_offset);
  const int64_t end = std::min((block.weight_group + 1) * per_weight, (filter_group + 1) * per_offset);
  return {begin, std::max(begin, end)};
}

template <class T>
void pack_to_filters(const ConvShape& s, const ChannelBlock& block, FilterRange filters, int64_t lanes, const T* weight,
                     T* packed) {
  const int64_t panel = 2 * lanes, taps = s.taps(), channels = block.channels();
  std::fill_n(packed, filter_panels_size(s, block.width, filters.count(), lanes), T(0));
  for (int64_t first = filters.begin; first < filters.end; first += panel, packed += taps * block.width * panel) {
    for (int64_t k = first; k < std::min(first + panel, filters.end); ++k) {
      const T* in = block_weight(s, block, weight, k);
      T* out = packed + k - first;
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t c = 0; c < channels; ++c) out[(tap * block.width + c) * panel] = in[c * taps + tap];
      }
    }
  }
}

template <class T>
void pack_to_column(const ConvShape& s, const ChannelBlock& block, FilterRange filters, int64_t lanes, const T* weight,
                    T* packed) {
  const int64_t panel = 2 * lanes, taps = s.taps(), count = filters.count();
  std::fill_n(packed, column_panels_size(s, block.width, filters.count(), lanes), T(0));
  for (int64_t k = 0; k < count; ++k) {
    const T* in = block_weight(s, block, weight, filters.begin + k);
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < block.channels(); ++c) {
        const int64_t column = tap * block.width + c;
        packed[(column / panel * count + k) * panel + column % panel] = in[c * taps + tap];
      }
    }
  }
}

template <class T>
void unpack_weight_grad(const ConvShape& s, const ChannelBlock& block, const T* packed, int64_t parts, int64_t stride,
                        Req req, T* weight) {
  const int64_t per_group = s.filters / s.weight_groups, taps = s.taps();
  for (int64_t k = 0; k < per_group; ++k) {
    T* out = block_weight(s, block, weight, block.weight_group * per_group + k);
    const T* in = packed + k * taps * block.width;
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < block.channels(); ++c) {
        T sum = 0;
        for (int64_t part = 0; part < parts; ++part) sum += in[part * stride + tap * block.width + c];
        store(sum, req, out + c * taps + tap);
      }
    }
  }
}

template <class T>
void pack_map(const ConvShape& s, const ChannelBlock& block, const T* image, T* map) {
  const int64_t pixels = s.pixels(), width = block.width, channels = block.channels();
  for (int64_t strip = 0; strip < pixels; strip += kStrip) {
    const int64_t count = std::min(kStrip, pixels - strip);
    T* out = map + strip * width;
    vector_kernels<T>().transpose(channels, count, image + block.begin * pixels + strip, pixels, out, width);
    if (channels == width) continue;
    for (int64_t p = 0; p < count; ++p) std::fill(out + p * width + channels, out + (p + 1) * width, T(0));
  }
  std::fill_n(map + pixels * width, width, T(0));
}

template <class T>
void unpack_map(const ConvShape& s, const ChannelBlock& block, const T* map, Req req, T* image) {
  const int64_t pixels = s.pixels(), width = block.width;
  T* out = image + block.begin * pixels;
  for (int64_t strip = 0; strip < pixels; strip += kStrip) {
    const int64_t end = std::min(pixels, strip + kStrip);
    if (req == Req::kWrite) {
      vector_kernels<T>().transpose(end - strip, block.channels(), map + strip * width, width, out + strip, pixels);
      continue;
    }
    for (int64_t c = 0; c < block.channels(); ++c) {
      for (int64_t p = strip; p < end; ++p) store(map[p * width + c], req, out + c * pixels + p);
    }
  }
}

#define ACN_INSTANTIATE(T)                                                                                      \
  template void pack_to_filters(const ConvShape&, const ChannelBlock&, FilterRange, int64_t, const T*, T*);     \
  template void pack_to_column(const ConvShape&, const ChannelBlock&, FilterRange, int64_t, const T*, T*);      \
  template void unpack_weight_grad(const ConvShape&, const ChannelBlock&, const T*, int64_t, int64_t, Req, T*); \
  template void pack_map(const ConvShape&, const ChannelBlock&, const T*, T*);                                  \
  template void unpack_map(const ConvShape&, const ChannelBlock&, const T*, Req, T*);
ACN_INSTANTIATE(float)
ACN_INSTANTIATE(double)
#undef ACN_INSTANTIATE

}  // namespace acn
