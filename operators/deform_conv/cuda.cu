// SPDX-License-Identifier: Apache-2.0
#include "../core/cuda/conv/device_conv.h"
#include "contract.h"
#include "geometry.h"

namespace acn::cuda {
namespace {

// row: offset set over the channels * taps + tap; x: a column of the chunk.
template <class S>
struct LocateDeform {
  ConvShape s;
  const S* offset;
  const S* mask;
  Boundary rule;
  Chunk chunk;
  PointTable<Compute<S>> table;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    using T = Compute<S>;
    const int64_t set = s.offset_set(chunk.filter_group, row / s.taps()), tap = row % s.taps();
    const int64_t point = row * chunk.width() + x;
    const int64_t image = chunk.first + chunk.image(x), position = chunk.begin + x - chunk.image(x) * chunk.span();
    table.set(point, deform_cells<T>(s, offset, image, set, position, tap, s.grid_y(position, tap),
                                     s.grid_x(position, tap), rule));
    if (mask) table.mask[point] = load(mask + deform_mask_index(s, image, set, tap, position));
  }
};

template <class S>
struct StoreDeformGrads {
  ConvShape s;
  Chunk chunk;
  const Compute<S>* grads;
  int32_t runs_per_set, components;
  S* offset_grad;
  Req offset_req;
  S* mask_grad;
  Req mask_req;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    const int64_t group = row / s.taps(), tap = row % s.taps(), set = s.offset_set(chunk.filter_group, group);
    const int64_t image = chunk.first + chunk.image(x), position = chunk.begin + x - chunk.image(x) * chunk.span();
    Compute<S> sums[3] = {};
    for (int32_t run = 0; run < runs_per_set; ++run) {
      const int64_t first = ((group * runs_per_set + run) * s.taps() + tap) * components;
      ACN_UNROLL for (int i = 0; i < 3; ++i) {
        if (i < components) sums[i] += grads[(first + i) * chunk.width() + x];
      }
    }
    if (offset_req != Req::kNull) {
      S* dy = offset_grad + deform_offset_index(s, image, set, tap, position);
      put(sums[0], offset_req, dy);
      put(sums[1], offset_req, dy + s.positions());
    }
    if (mask_req != Req::kNull) {
      put(sums[2], mask_req, mask_grad + deform_mask_index(s, image, set, tap, position));
    }
  }
};

template <class S>
class DeviceDeformPoints : public DevicePoints<Compute<S>> {
 public:
  DeviceDeformPoints(const ConvShape& s, const S* offset, const S* mask, Boundary rule)
      : s_(s), offset_(offset), mask_(mask), rule_(rule) {}

  void locate(Stream stream, const Chunk& chunk, const PointTable<Compute<S>>& table) const override {
    launch(stream, s_.channel_offset_groups * s_.taps(), chunk.width(),
           LocateDeform<S>{s_, offset_, mask_, rule_, chunk, table});
  }

 private:
  const ConvShape& s_;
  const S* offset_;
  const S* mask_;
  Boundary rule_;
};

// Every point has a place of its own in the gradients.
template <class S>
class DeviceDeformSink : public DevicePointSink<Compute<S>> {
 public:
  DeviceDeformSink(const ConvShape& s, int32_t components, S* offset, Req offset_req, S* mask, Req mask_req)
      : s_(s), components_(components), offset_(offset), offset_req_(offset_req), mask_(mask), mask_req_(mask_req) {}

  void take(Stream stream, const Chunk& chunk, const Compute<S>* grads, int32_t runs_per_set) override {
    launch(stream, s_.channel_offset_groups * s_.taps(), chunk.width(),
           StoreDeformGrads<S>{s_, chunk, grads, runs_per_set, components_, offset_, offset_req_, mask_, mask_req_});
  }

 private:
  const ConvShape& s_;
  int32_t components_;
  S* offset_;
  Req offset_req_;
  S* mask_;
  Req mask_req_;
};

ConvPlan plan_of(const DeformConv& op, const std::vector<Tensor>& inputs, bool backward, bool deterministic) {
  return {op.conv().shape(op.name(), inputs[0].shape), inputs[0].dtype, op.modulated(), backward, deterministic};
}

class DeformKernels : public DeviceKernels {
 public:
  int64_t workspace_bytes(const Operator& op, const std::vector<Tensor>& inputs, bool backward,
                          bool deterministic) const override {
    return plan_of(static_cast<const DeformConv&>(op), inputs, backward, deterministic).workspace_bytes();
  }

  void forward(const Operator& any, const std::vector<Tensor>& inputs, Req req, const Tensor& output,
               const Run& run) const override {
    const DeformConv& op = static_cast<const DeformConv&>(any);
    const ConvPlan plan = plan_of(op, inputs, false, false);
    const size_t weight = op.weight_input();
    dispatch_storage(output.dtype, [&](auto zero) {
      using S = decltype(zero);
      const DeviceDeformPoints<S> points(plan.s, inputs[1].as<S>(), op.modulated() ? inputs[2].as<S>() : nullptr,
                                         op.boundary());
      conv_forward(plan, points, inputs[0].as<S>(), inputs[weight].as<S>(), data_or_null<S>(inputs, weight + 1), req,
                   output.as<S>(), run);
    });
  }

  void backward(const Operator& any, const Tensor& output_grad, const std::vector<Tensor>& inputs,
                const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads, const Run& run) const override {
    const DeformConv& op = static_cast<const DeformConv&>(any);
    const ConvPlan plan = plan_of(op, inputs, true, run.deterministic);
    const size_t weight = op.weight_input();
    const Req mask_req = op.modulated() ? reqs[2] : Req::kNull;
    dispatch_storage(output_grad.dtype, [&](auto zero) {
      using S = decltype(zero);
      Arena arena(run.workspace, run.workspace_bytes);
      const ConvScratch<S> scratch(plan, &arena);
      const DeviceDeformPoints<S> points(plan.s, inputs[1].as<S>(), op.modulated() ? inputs[2].as<S>() : nullptr,
                                         op.boundary());
      DeviceDeformSink<S> sink(plan.s, static_cast<int32_t>(plan.components()), input_grads[1].as<S>(), reqs[1],
                               op.modulated() ? input_grads[2].as<S>() : nullptr, mask_req);
      const bool wants_points = reqs[1] != Req::kNull || mask_req != Req::kNull;
      const DeviceConvGradients<S> gradients{{input_grads, reqs, weight}, wants_points ? &sink : nullptr};
      conv_backward(plan, points, output_grad.as<S>(), inputs[0].as<S>(), inputs[weight].as<S>(), gradients, scratch,
                    run);
    });
  }
};

const AnnounceKernels<DeformKernels> kAnnounce{DeformableConvolution::kName};
const AnnounceKernels<DeformKernels> kAnnounceModulated{ModulatedDeformableConvolution::kName};

}  // namespace
}  // namespace acn::cuda
