// SPDX-License-Identifier: Apache-2.0
// The kernels of DynamicFilter on CUDA. Everything gathers: each number is written by the one thread that computes it.
//
// With attention at the output, Z and T are kept without their factor P, which is multiplied in where they are read.
#pragma once

#include <cmath>

#include "../core/cuda/runtime/types.h"
#include "geometry.h"

namespace acn::cuda {

// The inputs of some images, and where they are read from.
template <class S>
struct DynamicInputs {
  using T = Compute<S>;
  DynamicFilterShape s;
  const S *data, *channel, *spatial, *position, *sample;

  ACN_BODY int64_t pixels() const { return s.pixels(); }
  ACN_BODY int64_t taps() const { return s.tap_count(); }

  // The pixel a step away from p, or -1 where that is outside.
  ACN_BODY int64_t place(int64_t p, MapStep step) const {
    const int64_t y = p / s.width + step.y, x = p % s.width + step.x;
    return s.inside(y, x) ? y * s.width + x : -1;
  }
  ACN_BODY T sample_at(int64_t n, int32_t sample, int64_t p) const {
    return s.scale<T>() * load(this->sample + (n * s.sample_count() + sample) * pixels() + p);
  }
  ACN_BODY T position_at(int64_t n, int32_t tap, int64_t p) const {
    return load(position + (n * taps() + tap) * pixels() + p);
  }
  // What Z and T still lack.
  ACN_BODY T late_factor(int64_t n, int32_t tap, int64_t p) const {
    return s.at_output ? position_at(n, tap, p) : T(1);
  }

  // Of the softmax over the taps of a filter at a position.
  struct Softmax {
    T most, sum;
  };
  ACN_BODY Softmax softmax(int64_t nv, int64_t p) const {
    if (!s.softmax) return {T(0), T(1)};
    const S* own = spatial + nv * taps() * pixels() + p;
    T most = load(own), sum = 0;
    for (int32_t i = 1; i < taps(); ++i) most = load(own + i * pixels()) > most ? load(own + i * pixels()) : most;
    for (int32_t i = 0; i < taps(); ++i) sum += exp(load(own + i * pixels()) - most);
    return {most, sum};
  }
  // V of filter v (of n) and tap t. `of`, made once for all taps, keeps sums over them linear in their number.
  ACN_BODY T kernel(int64_t nv, int32_t t, int64_t p, const Softmax& of) const {
    const T own = load(spatial + (nv * taps() + t) * pixels() + p);
    return s.softmax ? exp(own - of.most) / of.sum : own;
  }
};

// row: image. sums (images, pixels) = the sum over the channels.
template <class S>
struct SumChannels {
  DynamicInputs<S> in;
  Compute<S>* sums;
  ACN_BODY void operator()(int64_t n, int64_t p) const {
    Compute<S> sum = 0;
    for (int64_t u = 0; u < in.s.channels; ++u) sum += load(in.data + (n * in.s.channels + u) * in.pixels() + p);
    sums[n * in.pixels() + p] = sum;
  }
};

// row: image * channels + channel. z (images, channel, pixels).
template <class S>
struct SumSamples {
  DynamicInputs<S> in;
  Compute<S>* z;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    using T = Compute<S>;
    const int64_t n = row / in.s.channels;
    const S* data = in.data + row * in.pixels();
    T sum = 0;
    for (int32_t s = 0; s < in.s.sample_count(); ++s) {
      const int64_t q = in.place(p, in.s.sample(s));
      if (q < 0) continue;
      const T factor = in.s.at_output ? T(1) : in.position_at(n, in.s.centre(), q);
      sum += in.sample_at(n, s, p) * factor * load(data + q);
    }
    z[row * in.pixels() + p] = sum;
  }
};

// row: image * taps + tap. taps (images, tap, pixels) = T.
template <class S>
struct SumTaps {
  DynamicInputs<S> in;
  const Compute<S>* sums;
  Compute<S>* taps;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    using T = Compute<S>;
    const int64_t n = row / in.taps();
    const int32_t t = static_cast<int32_t>(row % in.taps());
    T sum = 0;
    for (int32_t s = 0; s < in.s.sample_count(); ++s) {
      const int64_t q = in.place(p, in.s.sample(s)), r = in.place(p, in.s.sample(s) + in.s.tap(t));
      if (r < 0 || (q < 0 && !in.s.at_output)) continue;
      const T factor = in.s.at_output ? T(1) : in.position_at(n, t, q);
      sum += in.sample_at(n, s, p) * factor * sums[n * in.pixels() + r];
    }
    taps[row * in.pixels() + p] = sum;
  }
};

// row: image * filters + filter.
template <class S>
struct DynamicOutput {
  DynamicInputs<S> in;
  const Compute<S>*z, *taps;
  Req req;
  S* out;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    using T = Compute<S>;
    const int64_t n = row / in.s.filters, channels = in.s.channels;
    const auto softmax = in.softmax(row, p);
    T sum = 0;
    for (int32_t t = 0; t < in.taps(); ++t) {
      sum += in.kernel(row, t, p, softmax) * in.late_factor(n, t, p) * taps[(n * in.taps() + t) * in.pixels() + p];
    }
    const T identity = in.s.template identity<T>(), factor = in.late_factor(n, in.s.centre(), p);
    T between = 0;
    for (int64_t u = 0; u < channels; ++u) {
      between += (load(in.channel + (row * channels + u) * in.pixels() + p) + identity) *
                 z[(n * channels + u) * in.pixels() + p];
    }
    put(sum + factor * between, req, out + row * in.pixels() + p);
  }
};

}  // namespace acn::cuda
