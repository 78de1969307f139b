// SPDX-License-Identifier: Apache-2.0
#include "../core/runtime/threads.h"
#include "contract.h"
#include "geometry.h"

namespace acn {
namespace {

template <class T>
void forward_map(const ShiftMaps& m, const T* data, const T* offset, Req req, T* out) {
  for (int32_t p = 0; p < m.pixels(); ++p) {
    const Cells<T> cells = shift_cells<T>(m, p, offset);
    store(value(cells, neighbours(cells, data, m.pixels())), req, out + p);
  }
}

// One channel over the whole batch, so that its offset gradient has one owner.
template <class T>
void backward_channel(const ShiftMaps& m, int64_t channel, const T* out_grad, const T* data, const T* offset,
                      const std::vector<Req>& reqs, T* data_grad, T* offset_grad) {
  double sum_y = 0, sum_x = 0;
  for (int64_t n = 0; n < m.batch; ++n) {
    const int64_t map = (n * m.channels + channel) * m.pixels();
    if (reqs[0] == Req::kWrite) std::fill_n(data_grad + map, m.pixels(), T(0));
    for (int32_t p = 0; p < m.pixels(); ++p) {
      const T grad = out_grad[map + p];
      const Cells<T> cells = shift_cells<T>(m, p, offset + channel * 2);
      if (reqs[0] != Req::kNull) scatter(cells, grad, data_grad + map, m.pixels());
      if (reqs[1] != Req::kNull) {
        const Neighbours<T> near = neighbours(cells, data + map, m.pixels());
        sum_y += grad * slope_y(cells, near);
        sum_x += grad * slope_x(cells, near);
      }
    }
  }
  if (reqs[1] == Req::kNull) return;
  store(static_cast<T>(sum_y), reqs[1], offset_grad + channel * 2);
  store(static_cast<T>(sum_x), reqs[1], offset_grad + channel * 2 + 1);
}

}  // namespace

void Shift::forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const {
  if (req == Req::kNull) return;
  const ShiftMaps m(inputs[0].shape, boundary_);
  dispatch(output.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(m.batch * m.channels, [&](int64_t map, int) {
      forward_map(m, inputs[0].as<T>() + map * m.pixels(), inputs[1].as<T>() + map % m.channels * 2, req,
                  output.as<T>() + map * m.pixels());
    });
  });
}

void Shift::backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                     const std::vector<Tensor>& input_grads) const {
  const ShiftMaps m(inputs[0].shape, boundary_);
  dispatch(output_grad.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(m.channels, [&](int64_t channel, int) {
      backward_channel(m, channel, output_grad.as<T>(), inputs[0].as<T>(), inputs[1].as<T>(), reqs,
                       input_grads[0].as<T>(), input_grads[1].as<T>());
    });
  });
}

}  // namespace acn
