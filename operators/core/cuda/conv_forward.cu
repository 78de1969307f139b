// SPDX-License-Identifier: Apache-2.0
#include "blas.h"
#include "conv_kernels.h"
#include "sampled_conv.h"

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
  const bool groups_at_once = s.filter_offset_groups == 1 && s.weight_groups > chunk.images;
  if (groups_at_once) {
    for (int64_t image = 0; image < chunk.images; ++image) {
      blas.multiply({per_group,
                     chunk.span(),
                     depth,
                     {weight, depth, per_group * depth},
                     {column + image * chunk.span(), width, depth * width},
                     first + image * s.filters * positions,
                     positions,
                     per_group * positions,
                     s.weight_groups,
                     add,
                     dtype,
                     dtype});
    }
    return;
  }
  for (int64_t group = r.first_group; group < r.end_group; ++group) {
    const int64_t begin = std::max(r.first_filter, group * per_group);
    const int64_t end = std::min(r.end_filter, (group + 1) * per_group);
    blas.multiply({end - begin,
                   chunk.span(),
                   depth,
                   {weight + begin * depth, depth, 0},
                   {column + (group - r.first_group) * depth * width, width, chunk.span()},
                   first + begin * positions,
                   positions,
                   s.filters * positions,
                   chunk.images,
                   add,
                   dtype,
                   dtype});
  }
}

}  // namespace

template <class S>
void conv_forward(const ConvPlan& plan, const Points<Compute<S>>& points, const S* data, const S* weight, const S* bias,
                  Req req, S* out, const Run& run) {
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

template void conv_forward(const ConvPlan&, const Points<float>&, const float*, const float*, const float*, Req, float*,
                           const Run&);
template void conv_forward(const ConvPlan&, const Points<double>&, const double*, const double*, const double*, Req,
                           double*, const Run&);
template void conv_forward(const ConvPlan&, const Points<float>&, const Half*, const Half*, const Half*, Req, Half*,
                           const Run&);
template void conv_forward(const ConvPlan&, const Points<float>&, const BFloat16*, const BFloat16*, const BFloat16*,
                           Req, BFloat16*, const Run&);

}  // namespace acn::cuda
