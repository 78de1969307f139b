// SPDX-License-Identifier: Apache-2.0
// How a pooling is cut up: into the channels of data that are read by the same bins at the same places.
#pragma once

#include <vector>

#include "roi_contract.h"

namespace acn {

struct RoiBlock {
  int64_t of_class, begin, end;            // output channels
  int32_t group_y, group_x;                // of the channels of data
  int32_t y_begin, y_end, x_begin, x_end;  // the bins that read them; may be none
  int64_t width;                           // channels padded to whole 16 bytes; 1 for one channel
  int64_t bins_before, numbers_before;     // where this block stands in packed arrays, per RoI

  int64_t channels() const { return end - begin; }
  int64_t bins() const { return static_cast<int64_t>(y_end - y_begin) * (x_end - x_begin); }
};

class RoiBlocks {
 public:
  // `unit`: numbers in 16 bytes.
  RoiBlocks(const RoiShape& shape, int64_t unit);

  const std::vector<RoiBlock>& all() const { return blocks_; }
  int64_t widest() const { return widest_; }
  // Per RoI, over all blocks.
  int64_t bins() const { return bins_; }
  int64_t numbers() const { return numbers_; }

 private:
  std::vector<RoiBlock> blocks_;
  int64_t widest_ = 1, bins_ = 0, numbers_ = 0;
};

// A packed array holds, block after block, (rois, bins of the block, width). Where one RoI's part of a block begins:
inline int64_t packed_place(const RoiShape& s, const RoiBlock& block, int64_t roi) {
  return block.numbers_before * s.rois + roi * block.bins() * block.width;
}

// One RoI of the output (output_dim, bins) from its packed form, and back. Missing channels are 0.
template <class T>
void unpack_roi(const RoiShape& shape, const RoiBlocks& blocks, int64_t roi, const T* packed, Req req, T* output);
template <class T>
void pack_roi(const RoiShape& shape, const RoiBlocks& blocks, int64_t roi, const T* output, T* packed);

// A block's maps of one image, (pixels, width) channel-last, from the image (channels, pixels), and back.
template <class T>
void pack_maps(const RoiShape& shape, const RoiBlock& block, const T* image, T* maps);
template <class T>
void unpack_maps(const RoiShape& shape, const RoiBlock& block, const T* maps, Req req, T* image);

}  // namespace acn
