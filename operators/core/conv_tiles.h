// SPDX-License-Identifier: Apache-2.0
// Tiles of output positions and the scratch memory that one worker needs for them.
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "columns.h"
#include "conv_blocks.h"

namespace acn {

constexpr int64_t kTile = 128;  // positions: a tile's column of one block and its products stay in L2

inline int64_t tile_count(int64_t positions) { return (positions + kTile - 1) / kTile; }

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

template <class T>
struct TileScratch {
  Scratch<Cells<T>> cells;
  Scratch<T> mask;  // null without masks
  Scratch<T> column;
};

template <class T>
std::vector<TileScratch<T>> tile_scratches(const ConvShape& s, const std::vector<ChannelBlock>& blocks, int workers,
                                           bool has_mask) {
  int64_t width = 0;
  for (const ChannelBlock& block : blocks) width = std::max(width, block.width());
  const int64_t points = std::min(kTile, s.positions()) * s.taps();
  std::vector<TileScratch<T>> all(workers);
  for (TileScratch<T>& one : all) {
    one.cells = scratch<Cells<T>>(points);
    if (has_mask) one.mask = scratch<T>(points);
    one.column = scratch<T>(points * width);
  }
  return all;
}

}  // namespace acn
