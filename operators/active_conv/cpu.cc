// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "../core/conv/sampled_conv.h"
#include "../core/runtime/threads.h"
#include "contract.h"
#include "geometry.h"
#include "product_first_conv.h"

namespace acn {
namespace {

template <class T>
class ActivePoints : public PointSource<T> {
 public:
  ActivePoints(const ConvShape& shape, const T* offset, Boundary rule) : s_(shape), offset_(offset), rule_(rule) {}

  void locate(const PointRange& range, Cells<T>* cells, T*) const override {
    s_.for_grid(range.begin, range.end, [&](int64_t, int64_t tap, int64_t y, int64_t x) {
      *cells++ = active_cells<T>(s_, offset_, range.filter_group, range.channel_group, tap, y, x, rule_);
    });
  }

 private:
  const ConvShape& s_;
  const T* offset_;
  Boundary rule_;
};

// Sums over positions as they come, then over images in order, so that the sum
// has one order.
template <class T>
class ActiveSink : public PointSink<T> {
 public:
  explicit ActiveSink(const ConvShape& shape)
      : s_(shape),
        per_image_(s_.filter_offset_groups * s_.channel_offset_groups * s_.taps() * 2),
        sums_(s_.batch * per_image_, 0.0) {}

  void take(const PointRange& range, const T* grads) override {
    double* sums = sums_.data() + range.image * per_image_ +
                   (range.filter_group * s_.channel_offset_groups + range.channel_group) * s_.taps() * 2;
    for (int64_t p = range.begin; p < range.end; ++p) {
      for (int64_t i = 0; i < s_.taps() * 2; ++i) sums[i] += *grads++;
    }
  }

  std::vector<double> total() const {
    std::vector<double> total(per_image_, 0.0);
    for (size_t i = 0; i < sums_.size(); ++i) total[i % per_image_] += sums_[i];
    return total;
  }

 private:
  const ConvShape& s_;
  int64_t per_image_;
  std::vector<double> sums_;
};

void normalize(std::vector<double>* pairs) {
  for (size_t i = 0; i < pairs->size(); i += 2) {
    double& dy = (*pairs)[i];
    double& dx = (*pairs)[i + 1];
    const double norm = std::hypot(dy, dx);
    if (norm == 0) continue;
    dy /= norm;
    dx /= norm;
  }
}

}  // namespace

void ActiveConvolution::forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const {
  const ConvShape s = conv_.shape(kName, inputs[0].shape);
  dispatch(output.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* offset = inputs[1].as<T>();
    const T* bias = data_or_null<T>(inputs, kWeight + 1);
    if (prefers_product_first(s, false)) {
      product_first_conv_forward(s, offset, boundary_, inputs[0].as<T>(), inputs[kWeight].as<T>(), bias, req,
                                 output.as<T>());
    } else {
      sampled_conv_forward(s, ActivePoints<T>(s, offset, boundary_), inputs[0].as<T>(), inputs[kWeight].as<T>(), bias,
                           req, output.as<T>());
    }
  });
}

void ActiveConvolution::backward(const Tensor& output_grad, const std::vector<Tensor>& inputs,
                                 const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads) const {
  const ConvShape s = conv_.shape(kName, inputs[0].shape);
  dispatch(output_grad.dtype, [&](auto zero) {
    using T = decltype(zero);
    ActiveSink<T> sink(s);
    const ConvGradients<T> gradients{{input_grads, reqs, kWeight}, reqs[1] == Req::kNull ? nullptr : &sink};
    std::vector<double> offset_grad;
    if (prefers_product_first(s, true)) {
      product_first_conv_backward(s, inputs[1].as<T>(), boundary_, output_grad.as<T>(), inputs[0].as<T>(),
                                  inputs[kWeight].as<T>(), gradients, reqs[1] == Req::kNull ? nullptr : &offset_grad);
    } else {
      sampled_conv_backward(s, ActivePoints<T>(s, inputs[1].as<T>(), boundary_), output_grad.as<T>(), inputs[0].as<T>(),
                            inputs[kWeight].as<T>(), gradients);
      offset_grad = sink.total();
    }
    if (reqs[1] == Req::kNull) return;
    if (normalize_grad_) normalize(&offset_grad);
    for (size_t i = 0; i < offset_grad.size(); ++i) {
      const int64_t tap = static_cast<int64_t>(i) / 2 % s.taps();
      const bool fixed = std::find(fixed_taps_.begin(), fixed_taps_.end(), tap) != fixed_taps_.end();
      store(fixed ? T(0) : static_cast<T>(offset_grad[i] * offset_lr_rate_), reqs[1], input_grads[1].as<T>() + i);
    }
  });
}

}  // namespace acn
