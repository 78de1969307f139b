// SPDX-License-Identifier: Apache-2.0
// The kernels of DynamicFilter's gradients on CUDA, in the order in which they run.
#pragma once

#include "cuda_bodies.h"

namespace acn::cuda {

// What backward has computed of some images before: maps of Compute<S>.
template <class S>
struct DynamicMaps {
  const S* head;               // (images, filter, pixels): the gradient of the output
  Compute<S>*sums, *sum_grad;  // (images, pixels): S
  Compute<S>*taps, *tap_grad;  // (images, tap, pixels): T, and the gradient of what V multiplies
  Compute<S>*z, *z_grad;       // (images, channel, pixels): Z, and the gradient of what U multiplies
};

// row: image * taps + tap.
template <class S>
struct TapGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    const int64_t n = row / in.taps();
    const int32_t t = static_cast<int32_t>(row % in.taps());
    Compute<S> sum = 0;
    for (int64_t v = n * in.s.filters; v < (n + 1) * in.s.filters; ++v) {
      sum += load(maps.head + v * in.pixels() + p) * in.kernel(v, t, p, in.softmax(v, p));
    }
    maps.tap_grad[row * in.pixels() + p] = sum;
  }
};

// row: image * channels + channel.
template <class S>
struct SampleSumGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    using T = Compute<S>;
    const int64_t n = row / in.s.channels, u = row % in.s.channels;
    T sum = 0;
    for (int64_t v = n * in.s.filters; v < (n + 1) * in.s.filters; ++v) {
      sum += load(maps.head + v * in.pixels() + p) *
             (load(in.channel + (v * in.s.channels + u) * in.pixels() + p) + in.s.template identity<T>());
    }
    maps.z_grad[row * in.pixels() + p] = sum;
  }
};

// row: (image * filters + filter) * channels + channel.
template <class S>
struct ChannelKernelGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  Req req;
  S* grad;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    const int64_t v = row / in.s.channels, n = v / in.s.filters, u = row % in.s.channels;
    const auto z = maps.z[(n * in.s.channels + u) * in.pixels() + p] * in.late_factor(n, in.s.centre(), p);
    put(load(maps.head + v * in.pixels() + p) * z, req, grad + row * in.pixels() + p);
  }
};

// row: (image * filters + filter) * taps + tap.
template <class S>
struct SpatialKernelGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  Req req;
  S* grad;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    using T = Compute<S>;
    const int64_t v = row / in.taps(), n = v / in.s.filters;
    const int32_t t = static_cast<int32_t>(row % in.taps());
    T slope = seen(n, t, p);
    if (in.s.softmax) {
      const auto softmax = in.softmax(v, p);
      T mean = 0;
      for (int32_t i = 0; i < in.taps(); ++i) mean += in.kernel(v, i, p, softmax) * seen(n, i, p);
      slope = in.kernel(v, t, p, softmax) * (slope - mean);
    }
    put(load(maps.head + v * in.pixels() + p) * slope, req, grad + row * in.pixels() + p);
  }
  ACN_BODY Compute<S> seen(int64_t n, int32_t t, int64_t p) const {
    return maps.taps[(n * in.taps() + t) * in.pixels() + p] * in.late_factor(n, t, p);
  }
};

// row: image * samples + sample.
template <class S>
struct SampleAttentionGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  Req req;
  S* grad;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    using T = Compute<S>;
    const int64_t n = row / in.s.sample_count(), pixels = in.pixels();
    const MapStep step = in.s.sample(static_cast<int32_t>(row % in.s.sample_count()));
    const int64_t q = in.place(p, step);
    T sum = 0;
    for (int32_t t = 0; t < in.taps(); ++t) {
      const int64_t r = in.place(p, step + in.s.tap(t));
      if (r < 0 || (q < 0 && !in.s.at_output)) continue;
      sum += maps.tap_grad[(n * in.taps() + t) * pixels + p] * in.position_at(n, t, in.s.at_output ? p : q) *
             maps.sums[n * pixels + r];
    }
    if (q >= 0) {
      T own = 0;
      for (int64_t u = n * in.s.channels; u < (n + 1) * in.s.channels; ++u) {
        own += maps.z_grad[u * pixels + p] * load(in.data + u * pixels + q);
      }
      sum += own * in.position_at(n, in.s.centre(), in.s.at_output ? p : q);
    }
    put(in.s.template scale<T>() * sum, req, grad + row * pixels + p);
  }
};

// Position attention at the output. row: image * taps + tap.
template <class S>
struct OutputAttentionGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  Req req;
  S* grad;
  ACN_BODY void operator()(int64_t row, int64_t p) const {
    const int64_t n = row / in.taps(), pixels = in.pixels();
    Compute<S> sum = maps.tap_grad[row * pixels + p] * maps.taps[row * pixels + p];
    if (row % in.taps() == in.s.centre()) {
      for (int64_t u = n * in.s.channels; u < (n + 1) * in.s.channels; ++u) {
        sum += maps.z_grad[u * pixels + p] * maps.z[u * pixels + p];
      }
    }
    put(sum, req, grad + row * pixels + p);
  }
};

// From here on z holds something else: what the places of the map are looked at with, the positions' attention times
// the gradient of Z. row: image * channels + channel.
template <class S>
struct SpreadSamples {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  ACN_BODY void operator()(int64_t row, int64_t q) const {
    const int64_t n = row / in.s.channels;
    Compute<S> sum = 0;
    for (int32_t s = 0; s < in.s.sample_count(); ++s) {
      const int64_t p = in.place(q, -in.s.sample(s));
      if (p < 0) continue;
      sum += in.sample_at(n, s, p) * in.late_factor(n, in.s.centre(), p) * maps.z_grad[row * in.pixels() + p];
    }
    maps.z[row * in.pixels() + q] = sum;
  }
};

// Position attention at the sampled place. row: image * taps + tap.
template <class S>
struct SampledAttentionGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  Req req;
  S* grad;
  ACN_BODY void operator()(int64_t row, int64_t q) const {
    const int64_t n = row / in.taps(), pixels = in.pixels();
    const int32_t t = static_cast<int32_t>(row % in.taps());
    const int64_t r = in.place(q, in.s.tap(t));
    Compute<S> sum = 0;
    for (int32_t s = 0; r >= 0 && s < in.s.sample_count(); ++s) {
      const int64_t p = in.place(q, -in.s.sample(s));
      if (p >= 0) sum += in.sample_at(n, s, p) * maps.tap_grad[row * pixels + p];
    }
    if (r >= 0) sum *= maps.sums[n * pixels + r];
    if (t == in.s.centre()) {
      for (int64_t u = n * in.s.channels; u < (n + 1) * in.s.channels; ++u) {
        sum += load(in.data + u * pixels + q) * maps.z[u * pixels + q];
      }
    }
    put(sum, req, grad + row * pixels + q);
  }
};

// row: image.
template <class S>
struct ChannelSumGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  ACN_BODY void operator()(int64_t n, int64_t r) const {
    using T = Compute<S>;
    T sum = 0;
    for (int32_t t = 0; t < in.taps(); ++t) {
      const int64_t q = in.place(r, -in.s.tap(t));
      if (q < 0 && !in.s.at_output) continue;
      for (int32_t s = 0; s < in.s.sample_count(); ++s) {
        const int64_t p = in.place(r, -in.s.tap(t) + -in.s.sample(s));
        if (p < 0) continue;
        sum += in.sample_at(n, s, p) * in.position_at(n, t, in.s.at_output ? p : q) *
               maps.tap_grad[(n * in.taps() + t) * in.pixels() + p];
      }
    }
    maps.sum_grad[n * in.pixels() + r] = sum;
  }
};

// row: image * channels + channel.
template <class S>
struct DynamicDataGradient {
  DynamicInputs<S> in;
  DynamicMaps<S> maps;
  Req req;
  S* grad;
  ACN_BODY void operator()(int64_t row, int64_t q) const {
    using T = Compute<S>;
    const int64_t n = row / in.s.channels;
    const T factor = in.s.at_output ? T(1) : in.position_at(n, in.s.centre(), q);
    put(factor * maps.z[row * in.pixels() + q] + maps.sum_grad[n * in.pixels() + q], req, grad + row * in.pixels() + q);
  }
};

}  // namespace acn::cuda
