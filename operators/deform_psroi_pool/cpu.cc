// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "../core/roi/roi_pool.h"
#include "../core/simd/vector_kernels.h"
#include "contract.h"
#include "geometry.h"

namespace acn {
namespace {

// trans may be null.
template <class T>
class DeformPsroiBins : public BinSource<T> {
 public:
  DeformPsroiBins(const RoiShape& shape, const DeformPsroiAttributes& attributes, const T* rois, const T* trans)
      : s_(shape),
        parts_(static_cast<int32_t>(attributes.parts())),
        samples_(static_cast<int32_t>(attributes.sample_per_part)),
        std_(attributes.std<T>()),
        trans_(trans) {
    const T scale = attributes.scale<T>();
    for (int64_t r = 0; r < s_.rois; ++r) boxes_.push_back(deform_psroi_box(rois + r * 5, scale, s_.pooled_size));
    for (int32_t b = 0; b < s_.pooled_size; ++b) part_of_.push_back(deform_psroi_part(b, parts_, s_.pooled_size));
  }

  // Two a sample, and one for the last to write 0 in.
  int64_t most_cells() const override { return round_up(2 * samples_ + 1, kStored); }

  T locate(int64_t roi, int64_t of_class, int32_t bin_y, int32_t bin_x, BinAxis<T>* y, BinAxis<T>* x) const override {
    const RoiBox<T>& box = boxes_[roi];
    if (!box.finite) return std::numeric_limits<T>::quiet_NaN();
    T move_x = 0, move_y = 0;
    if (trans_) {
      const int64_t place = trans_place(roi, of_class, bin_y, bin_x);
      move_x = trans_[place];
      move_y = trans_[place + parts_ * parts_];
    }
    const T start_y = deform_psroi_start(box.start_y, box.bin_y, box.size_y, bin_y, move_y, std_);
    const T start_x = deform_psroi_start(box.start_x, box.bin_x, box.size_x, bin_x, move_x, std_);
    if (start_y != start_y || start_x != start_x) return std::numeric_limits<T>::quiet_NaN();
    return T(sample(start_y, box.bin_y / T(samples_), s_.height, y)) *
           T(sample(start_x, box.bin_x / T(samples_), s_.width, x));
  }

  // Adds what moving the bins by a pixel changes to the gradient of this RoI's trans.
  void add_gradient(int64_t roi, const T* moves, T* trans_grad) const {
    const T by_y = std_ * boxes_[roi].size_y, by_x = std_ * boxes_[roi].size_x;
    for (int64_t of_class = 0; of_class < s_.classes; ++of_class) {
      for (int32_t y = 0; y < s_.pooled_size; ++y) {
        for (int32_t x = 0; x < s_.pooled_size; ++x, moves += 2) {
          if (moves[0] == 0 && moves[1] == 0) continue;  // where there is no region, the box may be NaN
          const int64_t place = trans_place(roi, of_class, y, x);
          trans_grad[place] += moves[1] * by_x;
          trans_grad[place + parts_ * parts_] += moves[0] * by_y;
        }
      }
    }
  }

 private:
  int64_t trans_place(int64_t roi, int64_t of_class, int32_t bin_y, int32_t bin_x) const {
    return deform_psroi_trans_index(roi, s_.classes, of_class, part_of_[bin_y], part_of_[bin_x], parts_);
  }

  // All samples of a bin along one axis; returns how many are inside. They ascend, so each stands on the cell of the
  // one before, on the next cell, or further on; without branches, for none could be foretold.
  int32_t sample(T start, T sub_size, int32_t n, BinAxis<T>* axis) const {
    for (int64_t i = 0; i < most_cells(); i += kStored) {
      std::fill_n(axis->weight.data() + i, kStored, T(0));
      std::fill_n(axis->slope.data() + i, kStored, T(0));
    }
    int32_t inside = 0, k = -1, last = -1, next_is_used = 0;
    for (int32_t begin = 0; begin < samples_; begin += kTogether) {
      const int32_t count = std::min(kTogether, samples_ - begin);
      int32_t low[kTogether], between[kTogether], counts[kTogether];
      T fraction[kTogether];
      for (int32_t i = 0; i < kTogether; ++i) {
        const DeformPsroiSample<T> at = deform_psroi_sample(start, sub_size, begin + i, n);
        low[i] = at.low;
        between[i] = at.high - at.low;
        fraction[i] = at.fraction;
        counts[i] = at.inside;
      }
      for (int32_t i = 0; i < count; ++i) {
        if (!counts[i]) continue;
        ++inside;
        const int32_t step = low[i] - last;
        k += (step > 0) + ((step > 1) & next_is_used);
        next_is_used = between[i] | ((step == 0) & next_is_used);
        last = low[i];
        axis->cell[k] = last;
        axis->cell[k + 1] = last + 1;
        axis->weight[k] += 1 - fraction[i];
        axis->weight[k + 1] += fraction[i];
        axis->slope[k] -= between[i];
        axis->slope[k + 1] += between[i];
      }
    }
    axis->count = k + 1 + next_is_used;
    return inside;
  }

  static constexpr int32_t kTogether = 4;  // samples located at once
  static constexpr int64_t kStored = 8;    // zeros written at once

  const RoiShape& s_;
  int32_t parts_, samples_;
  T std_;
  const T* trans_;
  std::vector<RoiBox<T>> boxes_;
  std::vector<int32_t> part_of_;  // of a bin, along either axis
};

}  // namespace

void DeformablePSROIPooling::forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const {
  const RoiShape s = shape_of(inputs);
  dispatch(output.dtype, [&](auto zero) {
    using T = decltype(zero);
    const RoisByImage by_image(kName, s, inputs[1].as<T>());
    const DeformPsroiBins<T> bins(s, roi_, inputs[1].as<T>(), roi_.no_trans ? nullptr : inputs[2].as<T>());
    roi_pool_forward(s, by_image, bins, inputs[0].as<T>(), req, output.as<T>());
  });
}

void DeformablePSROIPooling::backward(const Tensor& output_grad, const std::vector<Tensor>& inputs,
                                      const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads) const {
  const RoiShape s = shape_of(inputs);
  const Req trans_req = roi_.no_trans ? Req::kNull : reqs[2];
  dispatch(output_grad.dtype, [&](auto zero) {
    using T = decltype(zero);
    const RoisByImage by_image(kName, s, inputs[1].as<T>());
    const DeformPsroiBins<T> bins(s, roi_, inputs[1].as<T>(), roi_.no_trans ? nullptr : inputs[2].as<T>());
    T* const trans_grad = trans_req == Req::kNull ? nullptr : input_grads[2].as<T>();
    TakeMoves<T> take_moves;
    if (trans_grad) {
      take_moves = [&](int64_t roi, const T* moves) {
        const int64_t numbers = s.classes * 2 * roi_.parts() * roi_.parts();
        if (trans_req == Req::kWrite) std::fill_n(trans_grad + roi * numbers, numbers, T(0));
        bins.add_gradient(roi, moves, trans_grad);
      };
    }
    roi_pool_backward(s, by_image, bins, output_grad.as<T>(), inputs[0].as<T>(), reqs[0], input_grads[0].as<T>(),
                      take_moves);
    store_no_gradient(s, reqs[1], input_grads[1].as<T>());
  });
}

}  // namespace acn
