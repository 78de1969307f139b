// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "../../contract/c_api.h"
#include "../runtime/blas.h"
#include "../runtime/ordered_lists.h"
#include "../runtime/reduce.h"
#include "conv_plan.h"

namespace acn::cuda {
namespace {
constexpr int64_t kLeastSpan = 64;
constexpr int64_t kMostImages = 32768;
constexpr int64_t kIndexLimit = std::numeric_limits<int32_t>::max();

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
}  // namespace

Reach reach(const ConvShape& s, int64_t filter_group) {
  const int64_t per_set = s.filters / s.filter_offset_groups, per_group = s.filters / s.weight_groups;
  const int64_t channels = s.channels / s.weight_groups;
  Reach r{};
  r.first_filter = filter_group * per_set;
  r.end_filter = r.first_filter + per_set;
  r.first_group = r.first_filter / per_group;
  r.end_group = (r.end_filter - 1) / per_group + 1;
  r.first_channel = r.first_group * channels;
  r.end_channel = r.end_group * channels;
  return r;
}

ConvPlan::ConvPlan(const ConvShape& shape, DType type, bool masks, bool is_backward, bool is_deterministic,
                   int64_t room)
    : s(shape),
      dtype(type),
      has_mask(masks),
      backward(is_backward),
      deterministic(is_deterministic),
      images(1),
      span(s.positions()),
      room_scratch(room),
      most_channels_(0) {
  for (int64_t group = 0; group < s.filter_offset_groups; ++group) {
    const Reach r = reach(s, group);
    most_channels_ = std::max(most_channels_, r.end_channel - r.first_channel);
  }
  require(s.channels * s.taps() < kIndexLimit && s.filters < kIndexLimit, "CUDA: a convolution of ", s.channels,
          " channels by ", s.taps(), " taps and ", s.filters, " filters is too large (2^31 - 1 each)");
  if (s.batch == 0) {  // nothing is sampled, so nothing is needed, however large the maps are
    images = span = 0;
    return;
  }
  // An entry of a list is a number of 31 bits, and so is a pixel of a chunk's images.
  const int64_t most_width = kIndexLimit / (4 * s.taps());
  const int64_t most_images = std::min(kMostImages, kIndexLimit / s.pixels());
  const int64_t free = acn_workspace_bytes() - fixed_bytes();
  const int64_t per_image = image_bytes() + column_bytes() * s.positions();
  if (per_image <= free && s.positions() <= most_width) {
    const int64_t most = std::min({free / per_image, most_images, most_width / s.positions()});
    images = divide_up(s.batch, divide_up(s.batch, std::max<int64_t>(most, 1)));
  } else {
    const int64_t fits = std::min((free - image_bytes()) / column_bytes(), most_width);
    const int64_t most = std::min(std::max(fits, kLeastSpan) / kLeastSpan * kLeastSpan, s.positions());
    const int64_t even = divide_up(s.positions(), divide_up(s.positions(), most));
    span = std::min(divide_up(even, kLeastSpan) * kLeastSpan, s.positions());
  }
}

int64_t ConvPlan::column_bytes() const {
  const int64_t storage = size_of(dtype), compute = std::max<int64_t>(storage, 4);
  int64_t bytes = most_channels_ * s.taps() * storage;
  bytes += points(1) * (int64_t{sizeof(CellIndices)} + (has_mask ? 3 : 2) * compute);
  if (!backward) return bytes;
  bytes += most_filters() * storage;                         // packed
  bytes += runs() * s.taps() * components() * compute;       // point_grads
  if (deterministic) bytes += s.taps() * 4 * (8 + compute);  // bins, lists and weights
  return bytes;
}

int64_t ConvPlan::image_bytes() const {
  int64_t bytes = 0;
  if (backward && half()) bytes += s.channels * s.pixels() * 4;
  if (backward && deterministic) bytes += s.pixels() * 9;  // starts, cursors and their sums
  return bytes;
}

int64_t ConvPlan::fixed_bytes() const {
  constexpr int64_t kRounding = 16 * 256;
  int64_t bytes = blas_scratch_bytes() + kRounding;
  if (backward) bytes += s.filters * kLanes * 8 + room_scratch + (half() ? weight_size() * 4 : 0);
  return bytes;
}

int64_t ConvPlan::workspace_bytes() const {
  Arena arena;
  dispatch_storage(dtype, [&](auto zero) { ConvScratch<decltype(zero)>(*this, &arena); });
  return arena.used();
}

template <class S>
ConvScratch<S>::ConvScratch(const ConvPlan& plan, Arena* arena) {
  const ConvShape& s = plan.s;
  const int64_t width = plan.images * plan.span, points = plan.points(width);
  blas = arena->take<char>(blas_scratch_bytes());
  table = {arena->take<CellIndices>(points), arena->take<Fractions<T>>(points),
           plan.has_mask ? arena->take<T>(points) : nullptr};
  column = arena->take<S>(plan.most_channels() * s.taps() * width);
  if (!plan.backward) return;
  if (plan.images > 1) packed = arena->take<S>(plan.most_filters() * width);
  point_grads = arena->take<T>(plan.runs() * s.taps() * plan.components() * width);
  bias_parts = arena->take<double>(s.filters * kLanes);
  room = arena->take<char>(plan.room_scratch);
  if (plan.half()) {
    weight_grad = arena->take<float>(plan.weight_size());
    data_grad = arena->take<float>(plan.images * s.channels * s.pixels());
  }
  if (plan.deterministic) {
    bins = arena->take<int32_t>(plan.list_entries());
    entry_weights = arena->take<T>(plan.list_entries());
    lists = arena->take<int32_t>(OrderedLists::memory_size(plan.list_bins(), plan.list_entries()));
  }
}

template struct ConvScratch<float>;
template struct ConvScratch<double>;
template struct ConvScratch<Half>;
template struct ConvScratch<BFloat16>;

}  // namespace acn::cuda
