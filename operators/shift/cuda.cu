// SPDX-License-Identifier: Apache-2.0
#include "../core/cuda/runtime/arena.h"
#include "../core/cuda/runtime/device_kernels.h"
#include "../core/cuda/runtime/reduce.h"
#include "contract.h"
#include "geometry.h"

namespace acn::cuda {
namespace {

ShiftMaps maps_of(const Operator& op, const Shape& data) {
  return ShiftMaps(data, static_cast<const Shift&>(op).boundary());
}

// row: image * channels + channel; x: pixel.
template <class S>
struct ShiftForward {
  ShiftMaps m;
  const S* data;
  const S* offset;
  Req req;
  S* out;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    using T = Compute<S>;
    const int64_t map = row * m.pixels();
    const Cells<T> cells = shift_cells<T>(m, static_cast<int32_t>(x), offset + row % m.channels * 2);
    Neighbours<T> near;
    ACN_UNROLL for (int k = 0; k < 4; ++k) {
      near.v[k] = cells.index[k] == m.pixels() ? T(0) : load(data + map + cells.index[k]);
    }
    put(value(cells, near), req, out + map + x);
  }
};

// Along one axis of length n: the output places that may read one cell, and how much of it.
template <class T>
struct AxisReaders {
  Place<T> offset;
  int32_t n, cell;
  Boundary rule;
  int32_t begin, end;

  ACN_BODY AxisReaders(T axis_offset, int32_t length, int32_t of_cell, Boundary boundary)
      : offset(place_of(axis_offset)), n(length), cell(of_cell), rule(boundary) {
    // Output place p reads the cells p + offset.low and the next.
    int64_t from = cell - offset.low - 1, to = cell - offset.low + 1;
    if (rule == Boundary::kBorder) {  // the edges stand for all that is beyond them
      if (cell == 0) from = 0;
      if (cell == n - 1) to = n;
    }
    begin = static_cast<int32_t>(from < 0 ? 0 : from > n ? n : from);
    end = static_cast<int32_t>(to < 0 ? 0 : to > n ? n : to);
  }

  ACN_BODY T weight(int32_t place) const {
    const AxisCells cells = axis_cells(place + offset.low, n, rule);
    const T fraction = cells.low == cells.high ? T(0) : offset.fraction;
    return (cells.low == cell ? 1 - fraction : T(0)) + (cells.high == cell ? fraction : T(0));
  }
};

// Every pixel collects from the output places that read it, so nothing is added atomically.
template <class S>
struct ShiftDataGrad {
  ShiftMaps m;
  const S* out_grad;
  const S* offset;
  Req req;
  S* data_grad;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    using T = Compute<S>;
    const int64_t map = row * m.pixels();
    const T dy = load(offset + row % m.channels * 2), dx = load(offset + row % m.channels * 2 + 1);
    T sum = 0;
    if (dy == dy && dx == dx) {
      const int32_t pixel = static_cast<int32_t>(x);
      const AxisReaders<T> ys(dy, m.height, pixel / m.width, m.rule), xs(dx, m.width, pixel % m.width, m.rule);
      for (int32_t i = ys.begin; i < ys.end; ++i) {
        const T weight_y = ys.weight(i);
        if (weight_y == 0) continue;
        for (int32_t j = xs.begin; j < xs.end; ++j) {
          const T weight = weight_y * xs.weight(j);
          if (weight != 0) sum += weight * load(out_grad + map + int64_t{i} * m.width + j);
        }
      }
    }
    put(sum, req, data_grad + map + x);
  }
};

// parts (channels, 2, kLanes)
template <class S>
struct ShiftOffsetParts {
  ShiftMaps m;
  const S* out_grad;
  const S* data;
  const S* offset;
  double* parts;
  ACN_BODY void operator()(int64_t channel, int64_t lane) const {
    using T = Compute<S>;
    double sum_y = 0, sum_x = 0;
    for (int64_t image = 0; image < m.batch; ++image) {
      const int64_t map = (image * m.channels + channel) * m.pixels();
      for (int64_t p = lane; p < m.pixels(); p += kLanes) {
        const Cells<T> cells = shift_cells<T>(m, static_cast<int32_t>(p), offset + channel * 2);
        Neighbours<T> near;
        ACN_UNROLL for (int k = 0; k < 4; ++k) {
          near.v[k] = cells.index[k] == m.pixels() ? T(0) : load(data + map + cells.index[k]);
        }
        const T grad = load(out_grad + map + p);
        sum_y += grad * slope_y(cells, near);
        sum_x += grad * slope_x(cells, near);
      }
    }
    parts[channel * 2 * kLanes + lane] = sum_y;
    parts[(channel * 2 + 1) * kLanes + lane] = sum_x;
  }
};

template <class S>
struct StoreShiftOffset {
  AddLanes sums;
  Req req;
  S* offset_grad;
  ACN_BODY void operator()(int64_t, int64_t x) const { put(static_cast<Compute<S>>(sums(x)), req, offset_grad + x); }
};

class ShiftKernels : public DeviceKernels {
 public:
  int64_t workspace_bytes(const Operator&, const std::vector<Tensor>& inputs, bool backward, bool) const override {
    Arena arena;
    if (backward) arena.take<double>(inputs[0].shape[1] * 2 * kLanes);
    return arena.used();
  }

  void forward(const Operator& op, const std::vector<Tensor>& inputs, Req req, const Tensor& output,
               const Run& run) const override {
    const ShiftMaps m = maps_of(op, inputs[0].shape);
    dispatch_storage(output.dtype, [&](auto zero) {
      using S = decltype(zero);
      launch(run.stream, m.batch * m.channels, m.pixels(),
             ShiftForward<S>{m, inputs[0].as<S>(), inputs[1].as<S>(), req, output.as<S>()});
    });
  }

  void backward(const Operator& op, const Tensor& output_grad, const std::vector<Tensor>& inputs,
                const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads, const Run& run) const override {
    const ShiftMaps m = maps_of(op, inputs[0].shape);
    dispatch_storage(output_grad.dtype, [&](auto zero) {
      using S = decltype(zero);
      const S *head = output_grad.as<S>(), *data = inputs[0].as<S>(), *offset = inputs[1].as<S>();
      if (reqs[0] != Req::kNull) {
        launch(run.stream, m.batch * m.channels, m.pixels(),
               ShiftDataGrad<S>{m, head, offset, reqs[0], input_grads[0].as<S>()});
      }
      if (reqs[1] == Req::kNull) return;
      Arena arena(run.workspace, run.workspace_bytes);
      double* parts = arena.take<double>(m.channels * 2 * kLanes);
      launch(run.stream, m.channels, kLanes, ShiftOffsetParts<S>{m, head, data, offset, parts});
      launch(run.stream, 1, m.channels * 2, StoreShiftOffset<S>{AddLanes{parts}, reqs[1], input_grads[1].as<S>()});
    });
  }
};

const AnnounceKernels<ShiftKernels> kAnnounce{Shift::kName};

}  // namespace
}  // namespace acn::cuda
