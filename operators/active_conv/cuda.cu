// SPDX-License-Identifier: Apache-2.0
#include "../core/cuda/conv/device_conv.h"
#include "../core/cuda/runtime/reduce.h"
#include "contract.h"
#include "geometry.h"

namespace acn::cuda {
namespace {

// row: offset set over the channels * taps + tap; x: a column of the chunk.
template <class S>
struct LocateActive {
  ConvShape s;
  const S* offset;
  Boundary rule;
  Chunk chunk;
  PointTable<Compute<S>> table;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    const int64_t set = row / s.taps(), tap = row % s.taps();
    const int64_t position = chunk.begin + x - chunk.image(x) * chunk.span();
    table.set(row * chunk.width() + x,
              active_cells<Compute<S>>(s, offset, chunk.filter_group, set, tap, s.grid_y(position, tap),
                                       s.grid_x(position, tap), rule));
  }
};

template <class S>
class DeviceActivePoints : public DevicePoints<Compute<S>> {
 public:
  DeviceActivePoints(const ConvShape& s, const S* offset, Boundary rule) : s_(s), offset_(offset), rule_(rule) {}

  void locate(Stream stream, const Chunk& chunk, const PointTable<Compute<S>>& table) const override {
    launch(stream, s_.channel_offset_groups * s_.taps(), chunk.width(),
           LocateActive<S>{s_, offset_, rule_, chunk, table});
  }

 private:
  const ConvShape& s_;
  const S* offset_;
  Boundary rule_;
};

// row: (set * taps + tap) * 2 + component; each lane a share of the chunk's columns, all runs of the set.
template <class T>
struct SumParts {
  ConvShape s;
  Chunk chunk;
  const T* grads;
  int32_t runs_per_set;
  int64_t lanes;
  double* parts;
  ACN_BODY void operator()(int64_t row, int64_t lane) const {
    const int64_t set = row / 2 / s.taps(), rest = row - set * s.taps() * 2;
    double sum = 0;
    for (int32_t run = 0; run < runs_per_set; ++run) {
      const T* from = grads + ((set * runs_per_set + run) * s.taps() * 2 + rest) * chunk.width();
      for (int64_t x = lane; x < chunk.width(); x += lanes) sum += from[x];
    }
    parts[row * lanes + lane] = sum;
  }
};

struct AddParts {
  AddLanes sums;
  double* totals;
  ACN_BODY void operator()(int64_t, int64_t x) const { totals[x] += sums(x); }
};

// The gradient of a fixed tap is 0. row: a pair of offset sets.
struct FixTap {
  int64_t taps, tap;
  double* totals;
  ACN_BODY void operator()(int64_t row, int64_t component) const { totals[(row * taps + tap) * 2 + component] = 0; }
};

template <class S>
struct StoreActiveOffset {
  const double* totals;
  bool normalize;
  double rate;
  Req req;
  S* offset_grad;
  ACN_BODY void operator()(int64_t, int64_t pair) const {
    double dy = totals[pair * 2], dx = totals[pair * 2 + 1];
    const double norm = normalize ? hypot(dy, dx) : 1;
    if (norm != 0) {
      dy /= norm;
      dx /= norm;
    }
    put(static_cast<Compute<S>>(dy * rate), req, offset_grad + pair * 2);
    put(static_cast<Compute<S>>(dx * rate), req, offset_grad + pair * 2 + 1);
  }
};

// Sums over positions and images, chunk by chunk in order.
template <class S>
class DeviceActiveSink : public DevicePointSink<Compute<S>> {
 public:
  // memory: scratch_bytes().
  DeviceActiveSink(const ConvShape& s, void* memory)
      : s_(s), totals_(static_cast<double*>(memory)), parts_(totals_ + s.filter_offset_groups * rows(s)) {}

  static int64_t scratch_bytes(const ConvShape& s) {
    return (s.filter_offset_groups * rows(s) + rows(s) * lanes(s)) * static_cast<int64_t>(sizeof(double));
  }

  void clear(Stream stream) const {
    fill_zero(stream, totals_, s_.filter_offset_groups * rows(s_) * static_cast<int64_t>(sizeof(double)));
  }

  void take(Stream stream, const Chunk& chunk, const Compute<S>* grads, int32_t runs_per_set) override {
    launch(stream, rows(s_), lanes(s_), SumParts<Compute<S>>{s_, chunk, grads, runs_per_set, lanes(s_), parts_});
    launch(stream, 1, rows(s_), AddParts{AddLanes{parts_, lanes(s_)}, totals_ + chunk.filter_group * rows(s_)});
  }

  void store(Stream stream, const ActiveConvolution& op, Req req, S* offset_grad) const {
    const int64_t sets = s_.offset_sets();
    for (int64_t tap : op.fixed_taps()) launch(stream, sets, 2, FixTap{s_.taps(), tap, totals_});
    launch(stream, 1, sets * s_.taps(),
           StoreActiveOffset<S>{totals_, op.normalize_grad(), op.offset_lr_rate(), req, offset_grad});
  }

 private:
  static int64_t rows(const ConvShape& s) { return s.channel_offset_groups * s.taps() * 2; }
  // Fewer where there are many rows anyway.
  static int64_t lanes(const ConvShape& s) { return std::clamp<int64_t>(65536 / rows(s), 16, kLanes); }

  const ConvShape& s_;
  double *totals_, *parts_;
};

ConvPlan plan_of(const ActiveConvolution& op, const std::vector<Tensor>& inputs, bool backward, bool deterministic) {
  const ConvShape s = op.conv().shape(ActiveConvolution::kName, inputs[0].shape);
  return {s, inputs[0].dtype, false, backward, deterministic, DeviceActiveSink<float>::scratch_bytes(s)};
}

class ActiveKernels : public DeviceKernels {
 public:
  int64_t workspace_bytes(const Operator& op, const std::vector<Tensor>& inputs, bool backward,
                          bool deterministic) const override {
    return plan_of(static_cast<const ActiveConvolution&>(op), inputs, backward, deterministic).workspace_bytes();
  }

  void forward(const Operator& any, const std::vector<Tensor>& inputs, Req req, const Tensor& output,
               const Run& run) const override {
    const ActiveConvolution& op = static_cast<const ActiveConvolution&>(any);
    const ConvPlan plan = plan_of(op, inputs, false, false);
    dispatch_storage(output.dtype, [&](auto zero) {
      using S = decltype(zero);
      conv_forward(plan, DeviceActivePoints<S>(plan.s, inputs[1].as<S>(), op.boundary()), inputs[0].as<S>(),
                   inputs[op.kWeight].as<S>(), data_or_null<S>(inputs, op.kWeight + 1), req, output.as<S>(), run);
    });
  }

  void backward(const Operator& any, const Tensor& output_grad, const std::vector<Tensor>& inputs,
                const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads, const Run& run) const override {
    const ActiveConvolution& op = static_cast<const ActiveConvolution&>(any);
    const ConvPlan plan = plan_of(op, inputs, true, run.deterministic);
    dispatch_storage(output_grad.dtype, [&](auto zero) {
      using S = decltype(zero);
      Arena arena(run.workspace, run.workspace_bytes);
      const ConvScratch<S> scratch(plan, &arena);
      DeviceActiveSink<S> sink(plan.s, scratch.room);
      sink.clear(run.stream);
      const DeviceConvGradients<S> gradients{{input_grads, reqs, op.kWeight}, reqs[1] == Req::kNull ? nullptr : &sink};
      conv_backward(plan, DeviceActivePoints<S>(plan.s, inputs[1].as<S>(), op.boundary()), output_grad.as<S>(),
                    inputs[0].as<S>(), inputs[op.kWeight].as<S>(), gradients, scratch, run);
      if (reqs[1] != Req::kNull) sink.store(run.stream, op, reqs[1], input_grads[1].as<S>());
    });
  }
};

const AnnounceKernels<ActiveKernels> kAnnounce{ActiveConvolution::kName};

}  // namespace
}  // namespace acn::cuda
