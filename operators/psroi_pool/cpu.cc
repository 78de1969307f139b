// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "../core/roi/roi_pool.h"
#include "contract.h"
#include "geometry.h"

namespace acn {
namespace {

template <class T>
class PsroiBins : public BinSource<T> {
 public:
  PsroiBins(const RoiShape& shape, const T* rois, T scale) : s_(shape) {
    for (int64_t r = 0; r < s_.rois; ++r) boxes_.push_back(psroi_box(rois + r * 5, scale, s_.pooled_size));
  }

  int64_t most_cells() const override { return std::max(s_.height, s_.width); }

  T locate(int64_t roi, int64_t, int32_t bin_y, int32_t bin_x, BinAxis<T>* y, BinAxis<T>* x) const override {
    const RoiBox<T>& box = boxes_[roi];
    if (!box.finite) return std::numeric_limits<T>::quiet_NaN();
    span(psroi_span(box.start_y, box.bin_y, bin_y, s_.height), y);
    span(psroi_span(box.start_x, box.bin_x, bin_x, s_.width), x);
    return T(y->count) * T(x->count);
  }

 private:
  static void span(PsroiSpan span, BinAxis<T>* axis) {
    axis->count = std::max(span.end - span.begin, 0);
    for (int32_t i = 0; i < axis->count; ++i) {
      axis->cell[i] = span.begin + i;
      axis->weight[i] = 1;
    }
  }

  const RoiShape& s_;
  std::vector<RoiBox<T>> boxes_;
};

}  // namespace

void PSROIPooling::forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const {
  const RoiShape s = roi_.shape(inputs[0].shape, inputs[1].shape);
  dispatch(output.dtype, [&](auto zero) {
    using T = decltype(zero);
    const RoisByImage by_image(kName, s, inputs[1].as<T>());
    const PsroiBins<T> bins(s, inputs[1].as<T>(), roi_.scale<T>());
    roi_pool_forward(s, by_image, bins, inputs[0].as<T>(), req, output.as<T>());
  });
}

void PSROIPooling::backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                            const std::vector<Tensor>& input_grads) const {
  // Where the gradient of data is not wanted, nothing is known of data, nor is anything to be done.
  const bool wants_data = reqs[0] != Req::kNull;
  const RoiShape s = roi_.shape(wants_data ? inputs[0].shape : Shape{0, 0, 0, 0}, inputs[1].shape);
  dispatch(output_grad.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (wants_data) {
      const RoisByImage by_image(kName, s, inputs[1].as<T>());
      const PsroiBins<T> bins(s, inputs[1].as<T>(), roi_.scale<T>());
      roi_pool_backward<T>(s, by_image, bins, output_grad.as<T>(), nullptr, reqs[0], input_grads[0].as<T>(), nullptr);
    }
    store_no_gradient(s, reqs[1], input_grads[1].as<T>());
  });
}

}  // namespace acn
