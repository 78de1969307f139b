// SPDX-License-Identifier: Apache-2.0
// The sampling points of a chunk of output positions as tables on the device: a room fills them once for each
// (offset set over the channels, tap, position), and every channel reads them.
#pragma once

#include "../../conv/conv_contract.h"
#include "../runtime/types.h"

namespace acn::cuda {

// Output positions [begin, end) of images [first, first + images), for one offset set over the filters; more than one
// image only with all positions. Column x of the chunk's matrices is position begin + x % span of image
// first + x / span.
struct Chunk {
  int64_t first, images, begin, end, filter_group;

  ACN_HOST_DEVICE int64_t span() const { return end - begin; }
  ACN_HOST_DEVICE int64_t width() const { return images * span(); }
  ACN_HOST_DEVICE int64_t image(int64_t x) const {  // counted from the first; a chunk is narrower than 2^31
    return images == 1 ? 0 : static_cast<int32_t>(x) / static_cast<int32_t>(span());
  }
};

struct alignas(16) CellIndices {
  int32_t of[4];
};
template <class T>
struct alignas(2 * sizeof(T)) Fractions {
  T ly, lx;
};

// Arrays (offset sets over the channels, taps, width).
template <class T>
struct PointTable {
  CellIndices* indices;
  Fractions<T>* fractions;
  T* mask;  // null where there are no masks

  ACN_BODY Cells<T> cells(int64_t point) const {
    const CellIndices i = indices[point];
    const Fractions<T> f = fractions[point];
    return {{i.of[0], i.of[1], i.of[2], i.of[3]}, f.ly, f.lx};
  }
  ACN_BODY void set(int64_t point, const Cells<T>& c) const {
    indices[point] = {{c.index[0], c.index[1], c.index[2], c.index[3]}};
    fractions[point] = {c.ly, c.lx};
  }
  ACN_BODY T mask_of(int64_t point) const { return mask ? mask[point] : T(1); }
};

// The channels of one offset set, in runs of at most kRun that one thread takes one after the other.
struct ChannelRuns {
  int64_t per_set;     // channels
  int64_t first, end;  // only these channels are wanted
  int32_t run, runs_per_set;

  ChannelRuns(const ConvShape& s, int64_t first_channel, int64_t end_channel, int32_t most)
      : per_set(s.channels / s.channel_offset_groups),
        first(first_channel),
        end(end_channel),
        run(static_cast<int32_t>(std::min<int64_t>(per_set, most))),
        runs_per_set(static_cast<int32_t>((per_set + run - 1) / run)) {}

  // Run number `index`, counted over all sets, is channels [*begin, *stop) of set *set; it may be empty.
  ACN_BODY void find(int32_t index, int64_t* set, int64_t* begin, int64_t* stop) const {
    *set = index / runs_per_set;
    const int64_t start = *set * per_set, from = start + int64_t{index % runs_per_set} * run;
    *begin = from < first ? first : from;
    *stop = from + run < start + per_set ? from + run : start + per_set;
    if (*stop > end) *stop = end;
  }
};

// What a room says of its points. grads: (runs, taps, components, width), d/dy, d/dx and, with masks, d/dmask, summed
// over the channels of a run; runs_per_set of them belong to each offset set.
template <class T>
class DevicePoints {
 public:
  virtual ~DevicePoints() = default;
  virtual void locate(Stream stream, const Chunk& chunk, const PointTable<T>& table) const = 0;
};
template <class T>
class DevicePointSink {
 public:
  virtual ~DevicePointSink() = default;
  virtual void take(Stream stream, const Chunk& chunk, const T* grads, int32_t runs_per_set) = 0;
};

}  // namespace acn::cuda
