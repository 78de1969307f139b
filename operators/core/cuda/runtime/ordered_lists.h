// SPDX-License-Identifier: Apache-2.0
// Sorts entries into bins, each bin's entries in ascending order: what a sum without atomic additions of floating-point
// numbers walks through. Atomic additions of integers do the counting, so the result is the same every time.
#pragma once

#include "arena.h"
#include "platform.h"

namespace acn::cuda {

class OrderedLists {
 public:
  // memory: memory_size(bins, entries) numbers.
  OrderedLists(int32_t* memory, int64_t bins, int64_t entries);
  static int64_t memory_size(int64_t bins, int64_t entries);

  // bin_of: the bin of each entry, -1 for none. bins, entries: at most those given to the constructor.
  void build(Stream stream, const int32_t* bin_of, int64_t bins, int64_t entries) const;

  // The entries of bin b are list()[starts()[b]] up to list()[starts()[b + 1]].
  const int32_t* starts() const { return starts_; }
  const int32_t* list() const { return list_; }

 private:
  int32_t *starts_, *cursors_, *sums_, *list_;
};

}  // namespace acn::cuda
