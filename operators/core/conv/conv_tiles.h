// SPDX-License-Identifier: Apache-2.0
// Scratch memory for tiles of output positions, one set for each worker.
#pragma once

#include <algorithm>
#include <vector>

#include "../runtime/scratch.h"
#include "../runtime/threads.h"
#include "../sampling/bilinear.h"
#include "conv_blocks.h"

namespace acn {

inline int64_t widest(const std::vector<ChannelBlock>& blocks) {
  int64_t width = 0;
  for (const ChannelBlock& block : blocks) width = std::max(width, block.width);
  return width;
}

// The packed weights of every block, made once a call where one offset set has all filters.
template <class T>
class WeightPanels {
 public:
  // size(block): numbers of its panels; pack(block, place): fills them.
  template <class Size, class Pack>
  void fill(const std::vector<ChannelBlock>& blocks, Size size, Pack pack) {
    int64_t total = 0;
    for (const ChannelBlock& block : blocks) {
      at_.push_back(total);
      total += size(block);
    }
    panels_ = scratch<T>(total);
    parallel_for(blocks.size(), [&](int64_t b, int) { pack(blocks[b], panels_.get() + at_[b]); });
  }

  // Null where fill was not called.
  const T* of(int64_t block) const { return panels_ ? panels_.get() + at_[block] : nullptr; }

 private:
  Scratch<T> panels_;
  std::vector<int64_t> at_;
};

// The sampling points of one tile and the column they give.
template <class T>
struct TileScratch {
  Scratch<Cells<T>> cells;
  Scratch<T> mask;  // null without masks
  Scratch<T> column;

  TileScratch(const ConvShape& s, int64_t tile, int64_t width, bool has_mask)
      : cells(scratch<Cells<T>>(tile * s.taps())),
        mask(has_mask ? scratch<T>(tile * s.taps()) : nullptr),
        column(scratch<T>(tile * s.taps() * width)) {}
};

}  // namespace acn
