// SPDX-License-Identifier: Apache-2.0
#include "../core/conv/sampled_conv.h"
#include "contract.h"
#include "geometry.h"

namespace acn {
namespace {

template <class T>
class DeformPoints : public PointSource<T> {
 public:
  DeformPoints(const ConvShape& shape, const T* offset, const T* mask, Boundary rule)
      : s_(shape), offset_(offset), mask_(mask), rule_(rule) {}

  bool has_mask() const override { return mask_ != nullptr; }

  void locate(const PointRange& range, Cells<T>* cells, T* mask) const override {
    const int64_t set = s_.offset_set(range.filter_group, range.channel_group);
    s_.for_grid(range.begin, range.end, [&](int64_t p, int64_t tap, int64_t y, int64_t x) {
      *cells++ = deform_cells<T>(s_, offset_, range.image, set, p, tap, y, x, rule_);
      if (mask_) *mask++ = mask_[deform_mask_index(s_, range.image, set, tap, p)];
    });
  }

 private:
  const ConvShape& s_;
  const T* offset_;
  const T* mask_;
  Boundary rule_;
};

// Every point has a place of its own in the gradients.
template <class T>
class DeformSink : public PointSink<T> {
 public:
  DeformSink(const ConvShape& shape, T* offset, Req offset_req, T* mask, Req mask_req, bool modulated)
      : s_(shape), offset_(offset), offset_req_(offset_req), mask_(mask), mask_req_(mask_req), modulated_(modulated) {}

  void take(const PointRange& range, const T* grads) override {
    const int64_t set = s_.offset_set(range.filter_group, range.channel_group);
    for (int64_t p = range.begin; p < range.end; ++p) {
      for (int64_t tap = 0; tap < s_.taps(); ++tap, grads += modulated_ ? 3 : 2) {
        if (offset_req_ != Req::kNull) {
          T* dy = offset_ + deform_offset_index(s_, range.image, set, tap, p);
          store(grads[0], offset_req_, dy);
          store(grads[1], offset_req_, dy + s_.positions());
        }
        if (mask_req_ != Req::kNull) {
          store(grads[2], mask_req_, mask_ + deform_mask_index(s_, range.image, set, tap, p));
        }
      }
    }
  }

 private:
  const ConvShape& s_;
  T* offset_;
  Req offset_req_;
  T* mask_;
  Req mask_req_;
  bool modulated_;
};

}  // namespace

void DeformConv::forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const {
  const ConvShape s = conv_.shape(name_, inputs[0].shape);
  const size_t weight = weight_input();
  dispatch(output.dtype, [&](auto zero) {
    using T = decltype(zero);
    const DeformPoints<T> points(s, inputs[1].as<T>(), modulated_ ? inputs[2].as<T>() : nullptr, boundary_);
    sampled_conv_forward(s, points, inputs[0].as<T>(), inputs[weight].as<T>(), data_or_null<T>(inputs, weight + 1), req,
                         output.as<T>());
  });
}

void DeformConv::backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                          const std::vector<Tensor>& input_grads) const {
  const ConvShape s = conv_.shape(name_, inputs[0].shape);
  const size_t weight = weight_input();
  const Req mask_req = modulated_ ? reqs[2] : Req::kNull;
  dispatch(output_grad.dtype, [&](auto zero) {
    using T = decltype(zero);
    const DeformPoints<T> points(s, inputs[1].as<T>(), modulated_ ? inputs[2].as<T>() : nullptr, boundary_);
    DeformSink<T> sink(s, input_grads[1].as<T>(), reqs[1], modulated_ ? input_grads[2].as<T>() : nullptr, mask_req,
                       modulated_);
    const bool wants_points = reqs[1] != Req::kNull || mask_req != Req::kNull;
    const ConvGradients<T> gradients{{input_grads, reqs, weight}, wants_points ? &sink : nullptr};
    sampled_conv_backward(s, points, output_grad.as<T>(), inputs[0].as<T>(), inputs[weight].as<T>(), gradients);
  });
}

}  // namespace acn
