// SPDX-License-Identifier: Apache-2.0
#include "../runtime/blas.h"
#include "../runtime/ordered_lists.h"
#include "conv_bodies.h"
#include "device_conv.h"

namespace acn::cuda {
namespace {

template <class S>
class DeviceConvBackward {
 public:
  using T = Compute<S>;

  DeviceConvBackward(const ConvPlan& plan, const DevicePoints<T>& points, const S* out_grad, const S* data,
                     const S* weight, const DeviceConvGradients<S>& gradients, const ConvScratch<S>& scratch,
                     const Run& run)
      : plan_(plan),
        s_(plan.s),
        points_(points),
        out_grad_(out_grad),
        data_(data),
        weight_(weight),
        g_(gradients),
        scratch_(scratch),
        run_(run),
        stream_(run.stream),
        blas_(run, scratch.blas),
        depth_(s_.channels / s_.weight_groups * s_.taps()),
        wants_data_(g_.data_req != Req::kNull),
        wants_weight_(g_.weight_req != Req::kNull) {}

  void operator()() {
    clear(g_.weight_req, g_.weight, scratch_.weight_grad, plan_.weight_size());
    if constexpr (!kHalf) clear(g_.data_req, g_.data, scratch_.data_grad, s_.batch * s_.channels * s_.pixels());
    if (wants_data_ || wants_weight_ || g_.points) {
      for_chunks(plan_, [&](const Chunk& chunk, bool first, bool last) {
        if (first && kHalf && wants_data_) fill_zero(stream_, scratch_.data_grad, images_size(chunk) * 4);
        take(chunk);
        if (last && kHalf && wants_data_) {
          launch(stream_, 1, images_size(chunk),
                 StoreArray<S>{scratch_.data_grad, g_.data_req, g_.data + chunk.first * s_.channels * s_.pixels()});
        }
      });
    }
    if (kHalf && wants_weight_) {
      launch(stream_, 1, plan_.weight_size(), StoreArray<S>{scratch_.weight_grad, g_.weight_req, g_.weight});
    }
    if (g_.bias_req != Req::kNull) {
      launch(stream_, s_.filters, kLanes, BiasParts<S>{s_, out_grad_, scratch_.bias_parts});
      launch(stream_, 1, s_.filters, StoreSums<S>{AddLanes{scratch_.bias_parts}, g_.bias_req, g_.bias});
    }
  }

 private:
  static constexpr bool kHalf = sizeof(S) == 2;  // sums are made beside the result

  int64_t images_size(const Chunk& chunk) const { return chunk.images * s_.channels * s_.pixels(); }

  void clear(Req req, S* result, float* sums, int64_t count) const {
    if (req == Req::kNull) return;
    if (kHalf) {
      fill_zero(stream_, sums, count * 4);
    } else if (req == Req::kWrite) {
      fill_zero(stream_, result, count * static_cast<int64_t>(sizeof(S)));
    }
  }

  T* data_grad_of(const Chunk& chunk) const {
    if constexpr (kHalf) {
      return scratch_.data_grad;
    } else {
      return g_.data + chunk.first * s_.channels * s_.pixels();
    }
  }

  void take(const Chunk& chunk) const {
    const Reach r = reach(s_, chunk.filter_group);
    const ChannelRuns runs(s_, r.first_channel, r.end_channel, kRun);
    const S* head = out_grad_ + (chunk.first * s_.filters + r.first_filter) * s_.positions() + chunk.begin;
    int64_t head_row = s_.positions();
    if (chunk.images > 1) {
      launch(stream_, r.end_filter - r.first_filter, chunk.width(),
             PackOutGrad<S>{s_, chunk, r.first_filter, out_grad_, scratch_.packed});
      head = scratch_.packed;
      head_row = chunk.width();
    }
    points_.locate(stream_, chunk, scratch_.table);
    const int64_t rows = plan_.runs() * s_.taps();
    if (wants_data_ || g_.points) {
      each_group(r, [&](int64_t group, int64_t begin, int64_t end, int64_t count) {
        DeviceProduct product;
        product.rows = depth_, product.columns = chunk.width(), product.depth = end - begin, product.count = count;
        product.left = {weight_ + begin * depth_, depth_, (end - begin) * depth_, true};
        product.right = {head + (begin - r.first_filter) * head_row, head_row, (end - begin) * head_row};
        product.out = column_of(chunk, r, group);
        product.out_row = chunk.width(), product.out_step = depth_ * chunk.width();
        product.in = product.out_type = kDType;
        blas_.multiply(product);
      });
      if (wants_data_ && plan_.deterministic) gather_data(chunk, r);
      launch(stream_, rows, chunk.width(),
             ColumnBackward<S>{s_, chunk, runs, scratch_.table, data_, scratch_.column, wants_weight_,
                               wants_data_ && !plan_.deterministic ? data_grad_of(chunk) : nullptr,
                               g_.points ? scratch_.point_grads : nullptr, static_cast<int32_t>(plan_.components())});
      if (g_.points) g_.points->take(stream_, chunk, scratch_.point_grads, runs.runs_per_set);
    } else {
      launch(stream_, rows, chunk.width(), BuildColumns<S>{s_, chunk, runs, scratch_.table, data_, scratch_.column});
    }
    if (!wants_weight_) return;
    each_group(r, [&](int64_t group, int64_t begin, int64_t end, int64_t count) {
      DeviceProduct product;
      product.rows = end - begin, product.columns = depth_, product.depth = chunk.width(), product.count = count;
      product.left = {head + (begin - r.first_filter) * head_row, head_row, (end - begin) * head_row};
      product.right = {column_of(chunk, r, group), chunk.width(), depth_ * chunk.width(), true};
      product.out = kHalf ? static_cast<void*>(scratch_.weight_grad + begin * depth_) : g_.weight + begin * depth_;
      product.out_row = depth_, product.out_step = (end - begin) * depth_, product.add = true;
      product.in = kDType, product.out_type = TypeInfo<T>::kDType;
      blas_.multiply(product);
    });
  }

  S* column_of(const Chunk& chunk, const Reach& r, int64_t group) const {
    return scratch_.column + (group - r.first_group) * depth_ * chunk.width();
  }

  // body(group, first filter, end filter, groups) for each weight group and its filters among those of the reach; all
  // groups at once where they are alike.
  template <class Body>
  void each_group(const Reach& r, Body body) const {
    const int64_t per_group = s_.filters / s_.weight_groups;
    if (s_.filter_offset_groups == 1) return body(0, 0, per_group, s_.weight_groups);
    for (int64_t group = r.first_group; group < r.end_group; ++group) {
      body(group, std::max(r.first_filter, group * per_group), std::min(r.end_filter, (group + 1) * per_group),
           int64_t{1});
    }
  }

  void gather_data(const Chunk& chunk, const Reach& r) const {
    const ChannelRuns runs(s_, r.first_channel, r.end_channel, kGatherRun);
    const int64_t entries = s_.taps() * chunk.width() * 4, bins = chunk.images * s_.pixels();
    const OrderedLists lists(scratch_.lists, bins, entries);
    const int64_t per_set = s_.channels / s_.channel_offset_groups;
    for (int64_t set = r.first_channel / per_set; set * per_set < r.end_channel; ++set) {
      launch(stream_, s_.taps(), chunk.width(), BinEntries<T>{s_, chunk, set, scratch_.table, scratch_.bins});
      lists.build(stream_, scratch_.bins, bins, entries);
      launch(stream_, 1, entries,
             WeighEntries<T>{scratch_.table, set * s_.taps() * chunk.width(), lists.starts() + bins, lists.list(),
                             scratch_.entry_weights});
      launch(stream_, runs.runs_per_set, bins,
             GatherData<S, kGatherRun>{s_, chunk, runs, set, lists.starts(), lists.list(), scratch_.entry_weights,
                                       scratch_.column, data_grad_of(chunk)});
    }
  }

  static constexpr DType kDType = TypeInfo<S>::kDType;
  const ConvPlan& plan_;
  const ConvShape& s_;
  const DevicePoints<T>& points_;
  const S* out_grad_;
  const S* data_;
  const S* weight_;
  const DeviceConvGradients<S>& g_;
  const ConvScratch<S>& scratch_;
  const Run& run_;
  const Stream stream_;
  const Blas blas_;
  const int64_t depth_;
  const bool wants_data_, wants_weight_;
};

}  // namespace

template <class S>
void conv_backward(const ConvPlan& plan, const DevicePoints<Compute<S>>& points, const S* out_grad, const S* data,
                   const S* weight, const DeviceConvGradients<S>& gradients, const ConvScratch<S>& scratch,
                   const Run& run) {
  DeviceConvBackward<S>(plan, points, out_grad, data, weight, gradients, scratch, run)();
}

template void conv_backward(const ConvPlan&, const DevicePoints<float>&, const float*, const float*, const float*,
                            const DeviceConvGradients<float>&, const ConvScratch<float>&, const Run&);
template void conv_backward(const ConvPlan&, const DevicePoints<double>&, const double*, const double*, const double*,
                            const DeviceConvGradients<double>&, const ConvScratch<double>&, const Run&);
template void conv_backward(const ConvPlan&, const DevicePoints<float>&, const Half*, const Half*, const Half*,
                            const DeviceConvGradients<Half>&, const ConvScratch<Half>&, const Run&);
template void conv_backward(const ConvPlan&, const DevicePoints<float>&, const BFloat16*, const BFloat16*,
                            const BFloat16*, const DeviceConvGradients<BFloat16>&, const ConvScratch<BFloat16>&,
                            const Run&);

}  // namespace acn::cuda
