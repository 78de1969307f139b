// SPDX-License-Identifier: Apache-2.0
// Scratch memory for tiles of output positions, one set for each worker.
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "bilinear.h"
#include "conv_blocks.h"

namespace acn {

struct FreeAligned {
  void operator()(void* place) const { ::operator delete(place, std::align_val_t{64}); }
};
template <class T>
using Scratch = std::unique_ptr<T[], FreeAligned>;

// Uninitialised memory on a cache line.
template <class T>
Scratch<T> scratch(int64_t count) {
  return Scratch<T>(static_cast<T*>(::operator new(sizeof(T) * std::max<int64_t>(count, 1), std::align_val_t{64})));
}

inline int64_t widest(const std::vector<ChannelBlock>& blocks) {
  int64_t width = 0;
  for (const ChannelBlock& block : blocks) width = std::max(width, block.width);
  return width;
}

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
