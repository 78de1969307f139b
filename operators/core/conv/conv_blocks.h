// SPDX-License-Identifier: Apache-2.0
// How a sampled convolution is cut up: channel blocks that share an offset set
// and a weight group, and the packed forms of weights and maps that follow the
// blocks.
#pragma once

#include <vector>

#include "../simd/vector_kernels.h"
#include "conv_contract.h"

namespace acn {

struct ChannelBlock {
  int64_t begin, end;  // channels of data
  int64_t weight_group;
  int64_t channel_group;  // offset set
  int64_t width;          // channels padded to whole vectors: the width of this block's
                          // maps and columns
  int64_t map;            // where this block's (pixels + 1, width) starts in an image's
                          // packed maps

  int64_t channels() const { return end - begin; }
};

// `lanes`: numbers in a vector.
std::vector<ChannelBlock> channel_blocks(const ConvShape& shape, int64_t lanes);
int64_t packed_map_size(const ConvShape& shape, const std::vector<ChannelBlock>& blocks);

struct FilterRange {
  int64_t begin, end;

  int64_t count() const { return end - begin; }
};
// The filters that use this offset set over the channels of this block.
FilterRange filters_of(const ConvShape& shape, const ChannelBlock& block, int64_t filter_group);

// The weights of some filters on one block, as the right-hand side of a
// product; missing lanes are zero. To filters: rows are the block's column
// (taps * width), columns the filters.
template <class T>
void pack_to_filters(const ConvShape& shape, const ChannelBlock& block, FilterRange filters, int64_t lanes,
                     const T* weight, T* packed);
// To columns: rows are the filters, columns the block's column.
template <class T>
void pack_to_column(const ConvShape& shape, const ChannelBlock& block, FilterRange filters, int64_t lanes,
                    const T* weight, T* packed);

// Sizes of those two, and the distance between their panels of two vectors.
// width: of the block; filters: how many.
inline int64_t filter_panels_size(const ConvShape& s, int64_t width, int64_t filters, int64_t lanes) {
  return round_up(filters, 2 * lanes) * s.taps() * width;
}
inline int64_t column_panels_size(const ConvShape& s, int64_t width, int64_t filters, int64_t lanes) {
  return round_up(s.taps() * width, 2 * lanes) * filters;
}

// The block's part of weight (filters, channels / groups, taps) from the sum of
// `parts` arrays (filters of the group, taps, width), `stride` apart, added in
// order.
template <class T>
void unpack_weight_grad(const ConvShape& shape, const ChannelBlock& block, const T* packed, int64_t parts,
                        int64_t stride, Req req, T* weight);

// One block of one image, (channels, pixels) -> (pixels + 1, width) with a zero
// last row and zeros in missing lanes, and back.
template <class T>
void pack_map(const ConvShape& shape, const ChannelBlock& block, const T* image, T* map);
template <class T>
void unpack_map(const ConvShape& shape, const ChannelBlock& block, const T* map, Req req, T* image);

}  // namespace acn
