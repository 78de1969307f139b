// SPDX-License-Identifier: Apache-2.0
#include "../runtime/blas.h"
#include "conv_bodies.h"
#include "device_conv.h"

namespace acn::cuda {
namespace {

// out (filters, positions of each image) [+]= weight (filters, channels * taps) column (channels * taps, width), for
// every weight group that the filters reach.
template <class S>
void multiply(const ConvShape& s, const Chunk& chunk, const Reach& r, const S* weight, const S* column, bool add,
              S* out, const Blas& blas) {
  const int64_t depth = s.channels / s.weight_groups * s.taps(), per_group = s.filters / s.weight_groups;
  const int64_t width = chunk.width(), positions = s.positions();
  const DType dtype = TypeInfo<S>::kDType;
  S* const first = out + chunk.first * s.filters * positions + chunk.begin;
  DeviceProduct product;
  product.columns = chunk.span(), product.depth = depth;
  product.left.row = depth, product.right.row = width, product.out_row = positions;
  product.add = add, product.in = product.out_type = dtype;
  const bool groups_at_once = s.filter_offset_groups == 1 && s.weight_groups > chunk.images;
  if (groups_at_once) {
    product.rows = per_group, product.count = s.weight_groups;
    product.left.data = weight, product.left.step = per_group * depth;
    product.right.step = depth * width;
    product.out_step = per_group * positions;
    for (int64_t image = 0; image < chunk.images; ++image) {
      product.right.data = column + image * chunk.span();
      product.out = first + image * s.filters * positions;
      blas.multiply(product);
    }
    return;
  }
  for (int64_t group = r.first_group; group < r.end_group; ++group) {
    const int64_t begin = std::max(r.first_filter, group * per_group);
    const int64_t end = std::min(r.end_filter, (group + 1) * per_group);
    product.rows = end - begin, product.count = chunk.images;
    product.left.data = weight + begin * depth;
    product.right.data = column + (group - r.first_group) * depth * width, product.right.step = chunk.span();
    product.out = first + begin * positions, product.out_step = s.filters * positions;
    blas.multiply(product);
  }
}

}  // namespace

template <class S>
void conv_forward(const ConvPlan& plan, const DevicePoints<Compute<S>>& points, const S* data, const S* weight,
                  const S* bias, Req req, S* out, const Run& run) {
  const ConvShape& s = plan.s;
  if (s.batch == 0) return;
  Arena arena(run.workspace, run.workspace_bytes);
  const ConvScratch<S> scratch(plan, &arena);
  const Blas blas(run, scratch.blas);
  if (bias) launch(run.stream, s.batch * s.filters, s.positions(), StartOutput<S>{s, bias, req, out});
  const bool add = bias || req == Req::kAdd;
  for_chunks(plan, [&](const Chunk& chunk, bool, bool) {
    const Reach r = reach(s, chunk.filter_group);
    const ChannelRuns runs(s, r.first_channel, r.end_channel, kRun);
    points.locate(run.stream, chunk, scratch.table);
    launch(run.stream, plan.runs() * s.taps(), chunk.width(),
           BuildColumns<S>{s, chunk, runs, scratch.table, data, scratch.column});
    multiply(s, chunk, r, weight, scratch.column, add, out, blas);
  });
}

template void conv_forward(const ConvPlan&, const DevicePoints<float>&, const float*, const float*, const float*, Req,
                           float*, const Run&);
template void conv_forward(const ConvPlan&, const DevicePoints<double>&, const double*, const double*, const double*,
                           Req, double*, const Run&);
template void conv_forward(const ConvPlan&, const DevicePoints<float>&, const Half*, const Half*, const Half*, Req,
                           Half*, const Run&);
template void conv_forward(const ConvPlan&, const DevicePoints<float>&, const BFloat16*, const BFloat16*,
                           const BFloat16*, Req, BFloat16*, const Run&);

}  // namespace acn::cuda
