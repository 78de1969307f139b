// SPDX-License-Identifier: Apache-2.0
// How a sampled convolution is cut up: channel blocks that share an offset set and a weight group, and the packed
// forms of weights and maps that follow the blocks.
#pragma once

#include <vector>

#include "conv_contract.h"

namespace acn {

struct ChannelBlock {
  int64_t begin, end;     // channels of data
  int64_t weight_group;
  int64_t channel_group;  // offset set
  int64_t packed_weight;  // where this block's (filters of the group, taps, width) starts in packed weights

  int64_t width() const { return end - begin; }
};

std::vector<ChannelBlock> channel_blocks(const ConvShape& shape);

struct FilterRange {
  int64_t begin, end;
};
// The filters that use this offset set over the channels of this block.
FilterRange filters_of(const ConvShape& shape, const ChannelBlock& block, int64_t filter_group);

// weight (filters, channels / groups, taps) -> per block (filters of the group, taps, width). The same size.
template <class T>
void pack_weights(const ConvShape& shape, const std::vector<ChannelBlock>& blocks, const T* weight, T* packed);

// result (filters, channels / groups, taps) from the sum of `parts` packed arrays, added in order.
template <class T>
void unpack_weights(const ConvShape& shape, const std::vector<ChannelBlock>& blocks, const T* packed, int64_t parts,
                    Req req, T* weight);

// One block of one image, (channels, pixels) -> (pixels + 1, width) with a zero last row, and back.
template <class T>
void pack_map(const ConvShape& shape, const ChannelBlock& block, const T* image, T* map);
template <class T>
void unpack_map(const ConvShape& shape, const ChannelBlock& block, const T* map, Req req, T* image);

}  // namespace acn
