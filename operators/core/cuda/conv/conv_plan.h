// SPDX-License-Identifier: Apache-2.0
// How a convolution is cut into chunks that fit the workspace, and where the pieces of the workspace lie. Decided by
// shapes and the bound alone, so that results do not depend on the device.
#pragma once

#include "../runtime/arena.h"
#include "device_points.h"

namespace acn::cuda {

constexpr int32_t kRun = 32;       // channels that a thread takes for one point
constexpr int32_t kGatherRun = 8;  // channels that a thread takes for one pixel

// Channels and weight groups that the filters of one offset set reach.
struct Reach {
  int64_t first_filter, end_filter, first_group, end_group, first_channel, end_channel;
};
Reach reach(const ConvShape& s, int64_t filter_group);

struct ConvPlan {
  ConvShape s;
  DType dtype;
  bool has_mask, backward, deterministic;
  int64_t images, span;  // of a chunk, at most
  int64_t room_scratch;  // bytes that the room's sink wants

  ConvPlan(const ConvShape& shape, DType dtype, bool has_mask, bool backward, bool deterministic,
           int64_t room_scratch = 0);

  int64_t components() const { return has_mask ? 3 : 2; }
  bool half() const { return size_of(dtype) == 2; }
  int32_t runs_per_set() const { return ChannelRuns(s, 0, s.channels, kRun).runs_per_set; }
  int64_t runs() const { return runs_per_set() * s.channel_offset_groups; }
  int64_t most_channels() const { return most_channels_; }
  int64_t most_filters() const { return s.filters / s.filter_offset_groups; }
  int64_t points(int64_t width) const { return s.channel_offset_groups * s.taps() * width; }
  int64_t weight_size() const { return s.filters * (s.channels / s.weight_groups) * s.taps(); }
  int64_t list_entries() const { return s.taps() * images * span * 4; }  // of one offset set
  int64_t list_bins() const { return images * s.pixels(); }

  // The bytes of a workspace, cuBLAS's and the room's parts included.
  int64_t workspace_bytes() const;

 private:
  int64_t most_channels_;
  int64_t column_bytes() const;  // that one more output position costs
  int64_t image_bytes() const;   // that one more image costs
  int64_t fixed_bytes() const;
};

// body(chunk, first, last) for every chunk: images outside, then offset sets over the filters, then positions. first
// and last are of these images.
template <class Body>
void for_chunks(const ConvPlan& plan, Body body) {
  const ConvShape& s = plan.s;
  for (int64_t first = 0; first < s.batch; first += plan.images) {
    const int64_t images = std::min(plan.images, s.batch - first);
    for (int64_t group = 0; group < s.filter_offset_groups; ++group) {
      for (int64_t begin = 0; begin < s.positions(); begin += plan.span) {
        const int64_t end = std::min(begin + plan.span, s.positions());
        body(Chunk{first, images, begin, end, group}, group == 0 && begin == 0,
             group == s.filter_offset_groups - 1 && end == s.positions());
      }
    }
  }
}

// The pieces themselves; null where the plan needs none. T is Compute<S>.
template <class S>
struct ConvScratch {
  using T = Compute<S>;
  void* blas = nullptr;
  PointTable<T> table{};
  S* column = nullptr;
  // Backward only:
  S* packed = nullptr;           // output gradient (filters, width) where a chunk has several images
  T* point_grads = nullptr;      // (runs, taps, components, width)
  double* bias_parts = nullptr;  // (filters, kLanes)
  char* room = nullptr;
  float* weight_grad = nullptr;  // half types: sums
  float* data_grad = nullptr;    // half types: sums, of a chunk's images
  // Deterministic backward only:
  int32_t* bins = nullptr;  // of each entry
  T* entry_weights = nullptr;
  int32_t* lists = nullptr;  // for OrderedLists

  ConvScratch(const ConvPlan& plan, Arena* arena);
};

}  // namespace acn::cuda
