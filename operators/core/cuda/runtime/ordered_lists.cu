// SPDX-License-Identifier: Apache-2.0
#include "../../sampling/bilinear.h"
#include "ordered_lists.h"

namespace acn::cuda {
namespace {

constexpr int64_t kSegment = 64;

int64_t segments(int64_t count) { return (count + kSegment - 1) / kSegment; }

struct CountEntries {
  const int32_t* bin_of;
  int32_t* counts;
  ACN_BODY void operator()(int64_t, int64_t entry) const {
    if (bin_of[entry] >= 0) atomic_add(counts + bin_of[entry], 1);
  }
};

struct SumSegments {
  const int32_t* values;
  int64_t count;
  int32_t* sums;
  ACN_BODY void operator()(int64_t, int64_t segment) const {
    const int64_t begin = segment * kSegment, end = begin + kSegment < count ? begin + kSegment : count;
    int32_t sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += values[i];
    sums[segment] = sum;
  }
};

// values[i] becomes the sum of those before it, given the sums before each segment.
struct ScanSegments {
  int32_t* values;
  int64_t count;
  const int32_t* before;  // null: a single segment
  ACN_BODY void operator()(int64_t, int64_t segment) const {
    const int64_t begin = segment * kSegment, end = begin + kSegment < count ? begin + kSegment : count;
    int32_t sum = before ? before[segment] : 0;
    for (int64_t i = begin; i < end; ++i) {
      const int32_t value = values[i];
      values[i] = sum;
      sum += value;
    }
  }
};

// memory: segments(count) + segments(segments(count)) + ... numbers.
void exclusive_scan(Stream stream, int32_t* values, int64_t count, int32_t* memory) {
  const int64_t parts = segments(count);
  if (parts > 1) {
    launch(stream, 1, parts, SumSegments{values, count, memory});
    exclusive_scan(stream, memory, parts, memory + parts);
  }
  launch(stream, 1, parts, ScanSegments{values, count, parts > 1 ? memory : nullptr});
}

struct FillLists {
  const int32_t* bin_of;
  const int32_t* starts;
  int32_t* cursors;
  int32_t* list;
  ACN_BODY void operator()(int64_t, int64_t entry) const {
    const int32_t bin = bin_of[entry];
    if (bin >= 0) list[starts[bin] + atomic_add(cursors + bin, 1)] = static_cast<int32_t>(entry);
  }
};

ACN_BODY void sift_down(int32_t* heap, int32_t root, int32_t count) {
  const int32_t value = heap[root];
  for (int32_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && heap[child + 1] > heap[child]) ++child;
    if (heap[child] <= value) break;
    heap[root] = heap[child];
    root = child;
  }
  heap[root] = value;
}

// One thread a list. Sorting costs it count * log(count) steps back and forth through memory; where offsets have
// exploded and thousands of points look at one pixel, walking once through all entries in order costs less.
struct SortLists {
  const int32_t* bin_of;
  int64_t entries;
  const int32_t* starts;
  int32_t* list;
  ACN_BODY void operator()(int64_t, int64_t bin) const {
    int32_t* items = list + starts[bin];
    const int32_t count = starts[bin + 1] - starts[bin];
    if (count >= kLong && int64_t{count} * kStepsOfSorting > entries) {
      for (int64_t entry = 0; entry < entries; ++entry) {
        if (bin_of[entry] == bin) *items++ = static_cast<int32_t>(entry);
      }
      return;
    }
    if (count <= kShort) {
      for (int32_t i = 1; i < count; ++i) {
        const int32_t value = items[i];
        int32_t j = i;
        for (; j > 0 && items[j - 1] > value; --j) items[j] = items[j - 1];
        items[j] = value;
      }
      return;
    }
    for (int32_t i = count / 2 - 1; i >= 0; --i) sift_down(items, i, count);
    for (int32_t last = count - 1; last > 0; --last) {
      const int32_t largest = items[0];
      items[0] = items[last];
      items[last] = largest;
      sift_down(items, 0, last);
    }
  }
  static constexpr int32_t kShort = 24;
  static constexpr int32_t kLong = 256, kStepsOfSorting = 16;  // of each of its entries, at least
};

}  // namespace

int64_t OrderedLists::memory_size(int64_t bins, int64_t entries) {
  int64_t size = (bins + 1) + bins + entries;
  for (int64_t count = segments(bins + 1);; count = segments(count)) {
    size += count;
    if (count <= 1) return size;
  }
}

OrderedLists::OrderedLists(int32_t* memory, int64_t bins, int64_t entries)
    : starts_(memory), cursors_(starts_ + bins + 1), sums_(cursors_ + bins + entries), list_(cursors_ + bins) {}

void OrderedLists::build(Stream stream, const int32_t* bin_of, int64_t bins, int64_t entries) const {
  fill_zero(stream, starts_, (bins + 1) * static_cast<int64_t>(sizeof(int32_t)));
  fill_zero(stream, cursors_, bins * static_cast<int64_t>(sizeof(int32_t)));
  launch(stream, 1, entries, CountEntries{bin_of, starts_});
  exclusive_scan(stream, starts_, bins + 1, sums_);
  launch(stream, 1, entries, FillLists{bin_of, starts_, cursors_, list_});
  launch(stream, 1, bins, SortLists{bin_of, entries, starts_, list_});
}

}  // namespace acn::cuda
