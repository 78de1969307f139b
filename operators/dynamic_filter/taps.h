// SPDX-License-Identifier: Apache-2.0
// The part of DynamicFilter that all channels share. The spatial kernel sees only the sum S of the channels:
//
//     T[t, p] = sum over samples s of A[s, p] P[t, p + s] S[p + s + t]        out[v, p] += sum_t V[v, t, p] T[t, p]
//
// (P[t, p] with attention at the output). Everything here works on one row of one image.
#pragma once

#include <cmath>

#include "maps.h"

namespace acn {

// sums (pixels) = the sum over the channels of data, in the rows [y_begin, y_end).
template <class T>
void sum_channels(const DynamicFilterShape& s, const T* data, int64_t y_begin, int64_t y_end, T* sums) {
  const int64_t begin = y_begin * s.width, end = y_end * s.width;
  std::copy(data + begin, data + end, sums + begin);
  for (int64_t u = 1; u < s.channels; ++u) {
    const T* map = data + u * s.pixels();
    for (int64_t p = begin; p < end; ++p) sums[p] += map[p];
  }
}

template <class T>
class TapRows {
 public:
  // sums: S of the image.
  TapRows(const DynamicFilterShape& shape, const DynamicFilterArrays<const T>& image, const T* sums)
      : s_(shape), in_(image), sums_(sums) {}

  // taps (tap, width) = T in row y; with attention at the output, without the factor P.
  void bare_taps(int64_t y, T* taps) const {
    std::fill_n(taps, s_.tap_count() * int64_t{s_.width}, T(0));
    each_pair([&](int32_t t, int32_t s) {
      const MapStep sample = s_.sample(s), tap = s_.tap(t);
      const RowReach to(s_, y, sample, tap, !s_.at_output);
      if (to.empty()) return;
      const T *a = row(in_.sample, s, y), *x = row(sums_, 0, to.end_y) + (sample + tap).x;
      T* out = taps + int64_t{t} * s_.width;
      if (s_.at_output) {
        for (int64_t i = to.begin; i < to.stop; ++i) out[i] += a[i] * x[i];
      } else {
        const T* p = row(in_.position, t, to.middle_y) + sample.x;
        for (int64_t i = to.begin; i < to.stop; ++i) out[i] += a[i] * p[i] * x[i];
      }
    });
    for (int64_t i = 0; i < s_.tap_count() * int64_t{s_.width}; ++i) taps[i] *= s_.scale<T>();
  }

  // Multiplies rows of all taps (tap, width) by P of the same row; only where attention is at the output.
  void attend(int64_t y, T* taps) const {
    if (!s_.at_output) return;
    for (int32_t t = 0; t < s_.tap_count(); ++t) {
      const T* p = row(in_.position, t, y);
      for (int64_t i = 0; i < s_.width; ++i) taps[int64_t{t} * s_.width + i] *= p[i];
    }
  }

  // kernel (tap, width) = V of filter v in row y, after its softmax if it has one.
  void kernel(int64_t v, int64_t y, T* kernel) const {
    const int64_t taps = s_.tap_count(), width = s_.width;
    for (int64_t t = 0; t < taps; ++t) std::copy_n(row(in_.spatial, v * taps + t, y), width, kernel + t * width);
    if (!s_.softmax) return;
    for (int64_t i = 0; i < width; ++i) {
      T most = kernel[i], sum = 0;
      for (int64_t t = 1; t < taps; ++t) most = std::max(most, kernel[t * width + i]);
      for (int64_t t = 0; t < taps; ++t) sum += kernel[t * width + i] = std::exp(kernel[t * width + i] - most);
      for (int64_t t = 0; t < taps; ++t) kernel[t * width + i] /= sum;
    }
  }

  // sample_grad (sample, pixels) += what the taps of row y give, from tap_grad (tap, pixels), the gradient of T.
  void add_sample_gradient(int64_t y, const T* tap_grad, T* sample_grad) const {
    const T scale = s_.scale<T>();
    each_pair([&](int32_t t, int32_t s) {
      const MapStep sample = s_.sample(s), tap = s_.tap(t);
      const RowReach to(s_, y, sample, tap, !s_.at_output);
      if (to.empty()) return;
      const T* p = s_.at_output ? row(in_.position, t, y) : row(in_.position, t, to.middle_y) + sample.x;
      const T *g = row(tap_grad, t, y), *x = row(sums_, 0, to.end_y) + (sample + tap).x;
      T* out = sample_grad + s * s_.pixels() + y * s_.width;
      for (int64_t i = to.begin; i < to.stop; ++i) out[i] += scale * g[i] * p[i] * x[i];
    });
  }

  // grads (tap, width) = the gradient of P in row y, where it is read at the sampled place: what the positions p - s
  // give that read it.
  void position_gradient(int64_t y, const T* tap_grad, T* grads) const {
    std::fill_n(grads, s_.tap_count() * int64_t{s_.width}, T(0));
    const T scale = s_.scale<T>();
    each_pair([&](int32_t t, int32_t s) {
      const MapStep back = -s_.sample(s), tap = s_.tap(t);
      const RowReach to(s_, y, tap, -tap + back, true);
      if (to.empty()) return;
      const T *a = row(in_.sample, s, to.end_y) + back.x, *g = row(tap_grad, t, to.end_y) + back.x;
      const T* x = row(sums_, 0, to.middle_y) + tap.x;
      T* out = grads + int64_t{t} * s_.width;
      for (int64_t i = to.begin; i < to.stop; ++i) out[i] += scale * a[i] * g[i] * x[i];
    });
  }

  // grads (width) = the gradient of S in row y: what the positions p - t - s give that read it.
  void sum_gradient(int64_t y, const T* tap_grad, T* grads) const {
    std::fill_n(grads, s_.width, T(0));
    each_pair([&](int32_t t, int32_t s) {
      const MapStep tap = -s_.tap(t), sample = -s_.sample(s), both = tap + sample;
      const RowReach to(s_, y, tap, sample, !s_.at_output);
      if (to.empty()) return;
      const T *a = row(in_.sample, s, to.end_y) + both.x, *g = row(tap_grad, t, to.end_y) + both.x;
      const T* p = s_.at_output ? row(in_.position, t, to.end_y) + both.x : row(in_.position, t, to.middle_y) + tap.x;
      for (int64_t i = to.begin; i < to.stop; ++i) grads[i] += a[i] * g[i] * p[i];
    });
    for (int64_t i = 0; i < s_.width; ++i) grads[i] *= s_.scale<T>();
  }

 private:
  // body(tap, sample) in a fixed order.
  template <class Body>
  void each_pair(Body body) const {
    for (int32_t t = 0; t < s_.tap_count(); ++t) {
      for (int32_t s = 0; s < s_.sample_count(); ++s) body(t, s);
    }
  }

  const T* row(const T* maps, int64_t map, int64_t y) const { return maps + map * s_.pixels() + y * s_.width; }

  const DynamicFilterShape& s_;
  const DynamicFilterArrays<const T> in_;
  const T* sums_;
};

}  // namespace acn
