// SPDX-License-Identifier: Apache-2.0
#include "roi_blocks.h"

#include <algorithm>

#include "../simd/vector_kernels.h"
#include "roi.h"

namespace acn {
namespace {

constexpr int64_t kMostChannels = 32;  // of a block: their sums stay in registers, their maps in the second-level cache
constexpr int64_t kMapNumbers = 1 << 18;  // where maps are large, of fewer channels
constexpr int64_t kStrip = 256;           // pixels transposed at a time

// The first bin that reads this group, along one axis.
int32_t first_bin(const RoiShape& s, int64_t group) {
  return static_cast<int32_t>((group * s.pooled_size + s.group_size - 1) / s.group_size);
}

}  // namespace

RoiBlocks::RoiBlocks(const RoiShape& s, int64_t unit) {
  const int64_t fit = std::clamp(kMapNumbers / s.pixels() / unit * unit, 2 * unit, kMostChannels);
  for (int64_t of_class = 0; of_class < s.classes; ++of_class) {
    const int64_t class_end = (of_class + 1) * s.class_channels();
    for (int64_t begin = of_class * s.class_channels(); begin < class_end; begin += fit) {
      const int64_t end = std::min(begin + fit, class_end);
      const int64_t width = end - begin == 1 ? 1 : round_up(end - begin, unit);
      widest_ = std::max(widest_, width);
      for (int32_t y = 0; y < s.group_size; ++y) {
        for (int32_t x = 0; x < s.group_size; ++x) {
          RoiBlock block;
          block.of_class = of_class, block.begin = begin, block.end = end, block.width = width;
          block.group_y = y, block.y_begin = first_bin(s, y), block.y_end = first_bin(s, y + 1);
          block.group_x = x, block.x_begin = first_bin(s, x), block.x_end = first_bin(s, x + 1);
          block.bins_before = bins_, block.numbers_before = numbers_;
          blocks_.push_back(block);
          bins_ += blocks_.back().bins();
          numbers_ += blocks_.back().bins() * width;
        }
      }
    }
  }
}

template <class T>
void unpack_roi(const RoiShape& s, const RoiBlocks& blocks, int64_t roi, const T* packed, Req req, T* output) {
  T* const out = output + roi * s.output_dim * s.bins();
  for (const RoiBlock& b : blocks.all()) {
    const T* in = packed + packed_place(s, b, roi);
    for (int64_t y = b.y_begin; y < b.y_end; ++y) {
      for (int64_t x = b.x_begin; x < b.x_end; ++x, in += b.width) {
        T* place = out + b.begin * s.bins() + y * s.pooled_size + x;
        for (int64_t c = 0; c < b.channels(); ++c) store(in[c], req, place + c * s.bins());
      }
    }
  }
}

template <class T>
void pack_roi(const RoiShape& s, const RoiBlocks& blocks, int64_t roi, const T* output, T* packed) {
  const T* const in = output + roi * s.output_dim * s.bins();
  for (const RoiBlock& b : blocks.all()) {
    T* out = packed + packed_place(s, b, roi);
    for (int64_t y = b.y_begin; y < b.y_end; ++y) {
      for (int64_t x = b.x_begin; x < b.x_end; ++x, out += b.width) {
        const T* place = in + b.begin * s.bins() + y * s.pooled_size + x;
        for (int64_t c = 0; c < b.channels(); ++c) out[c] = place[c * s.bins()];
        std::fill(out + b.channels(), out + b.width, T(0));
      }
    }
  }
}

template <class T>
void pack_maps(const RoiShape& s, const RoiBlock& b, const T* image, T* maps) {
  const T* const in = image + roi_channel(b.begin, b.group_y, b.group_x, s.group_size) * s.pixels();
  const int64_t step = s.pixels() * s.group_size * s.group_size;
  for (int64_t strip = 0; strip < s.pixels(); strip += kStrip) {
    const int64_t count = std::min(kStrip, s.pixels() - strip);
    T* out = maps + strip * b.width;
    vector_kernels<T>().transpose(b.channels(), count, in + strip, step, out, b.width);
    if (b.channels() == b.width) continue;
    for (int64_t p = 0; p < count; ++p) std::fill(out + p * b.width + b.channels(), out + (p + 1) * b.width, T(0));
  }
}

template <class T>
void unpack_maps(const RoiShape& s, const RoiBlock& b, const T* maps, Req req, T* image) {
  T* const out = image + roi_channel(b.begin, b.group_y, b.group_x, s.group_size) * s.pixels();
  const int64_t step = s.pixels() * s.group_size * s.group_size;
  for (int64_t strip = 0; strip < s.pixels(); strip += kStrip) {
    const int64_t end = std::min(s.pixels(), strip + kStrip);
    if (req == Req::kWrite) {
      vector_kernels<T>().transpose(end - strip, b.channels(), maps + strip * b.width, b.width, out + strip, step);
      continue;
    }
    for (int64_t c = 0; c < b.channels(); ++c) {
      for (int64_t p = strip; p < end; ++p) out[c * step + p] += maps[p * b.width + c];
    }
  }
}

#define ACN_INSTANTIATE(T)                                                                 \
  template void unpack_roi(const RoiShape&, const RoiBlocks&, int64_t, const T*, Req, T*); \
  template void pack_roi(const RoiShape&, const RoiBlocks&, int64_t, const T*, T*);        \
  template void pack_maps(const RoiShape&, const RoiBlock&, const T*, T*);                 \
  template void unpack_maps(const RoiShape&, const RoiBlock&, const T*, Req, T*);
ACN_INSTANTIATE(float)
ACN_INSTANTIATE(double)
#undef ACN_INSTANTIATE

}  // namespace acn
