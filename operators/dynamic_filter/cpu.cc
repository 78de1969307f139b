// SPDX-License-Identifier: Apache-2.0
#include "../core/runtime/threads.h"
#include "backward.h"
#include "bands.h"
#include "contract.h"
#include "taps.h"

namespace acn {
namespace {

template <class T>
class ForwardWorker {
 public:
  ForwardWorker(const DynamicFilterShape& shape, const DynamicFilterCut& cut)
      : s_(shape),
        band_(shape, cut),
        taps_(scratch<T>(shape.tap_count() * int64_t{shape.width})),
        kernel_(scratch<T>(shape.tap_count() * int64_t{shape.width})),
        z_(scratch<T>(DynamicFilterCut::kChannels * cut.stride(shape))) {}

  // image, out: of one image. sums: of its channels.
  void run(const DynamicFilterArrays<const T>& image, int64_t band, const T* sums, Req req, T* out) {
    band_.begin(image, band);
    add_taps(image, TapRows<T>(s_, image, sums), req == Req::kAdd, out);
    for (int64_t u = 0; u < s_.channels; u += DynamicFilterCut::kChannels) {
      add_channels(image, u, std::min(DynamicFilterCut::kChannels, s_.channels - u), out);
    }
  }

 private:
  void add_taps(const DynamicFilterArrays<const T>& image, const TapRows<T>& rows, bool add, T* out) {
    const int64_t taps = s_.tap_count(), width = s_.width;
    for (int64_t y = band_.y_begin; y < band_.y_end; ++y) {
      rows.bare_taps(y, taps_.get());
      rows.attend(y, taps_.get());
      for (int64_t v = 0; v < s_.filters; ++v) {
        if (s_.softmax) rows.kernel(v, y, kernel_.get());
        list_.clear();
        for (int64_t t = 0; t < taps; ++t) {
          const T* stored = image.spatial + (v * taps + t) * s_.pixels() + y * width;
          list_.push(s_.softmax ? kernel_.get() + t * width : stored, taps_.get() + t * width);
        }
        list_.sum(width, T(0), add, out + v * s_.pixels() + y * width);
      }
    }
  }

  void add_channels(const DynamicFilterArrays<const T>& image, int64_t begin, int64_t count, T* out) {
    const int64_t length = band_.length(), first = band_.first();
    band_.read(begin, count);
    band_.sums(z_.get());
    if (s_.at_output) {
      const T* p = image.position + s_.centre() * s_.pixels() + first;
      for (int64_t i = 0; i < count; ++i) multiply_by(length, p, z_.get() + i * band_.stride());
    }
    for (int64_t v = 0; v < s_.filters; ++v) {
      list_.clear();
      for (int64_t i = 0; i < count; ++i) {
        list_.push(image.channel + (v * s_.channels + begin + i) * s_.pixels() + first, z_.get() + i * band_.stride());
      }
      const bool last = v + 1 == s_.filters;  // the first filter of the next channels follows
      const int64_t ahead = last ? DynamicFilterCut::kChannels - v * s_.channels : s_.channels;
      list_.sum(length, s_.identity<T>(), true, out + v * s_.pixels() + first, ahead * s_.pixels());
    }
  }

  const DynamicFilterShape& s_;
  SampleBand<T> band_;
  Scratch<T> taps_, kernel_, z_;
  RowList<T> list_;
};

}  // namespace

void DynamicFilter::forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const {
  const DynamicFilterShape s = shape(inputs[0].shape);
  if (req == Req::kNull || s.batch == 0) return;
  const DynamicFilterCut cut(s);
  dispatch(output.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto arrays = DynamicFilterArrays<const T>::of(inputs);
    const int64_t tasks = s.batch * cut.bands;
    const Scratch<T> sums = scratch<T>(s.batch * s.pixels());
    sum_all_channels(s, cut, arrays.data, s.batch, sums.get());
    std::vector<ForwardWorker<T>> workers;
    for (int i = 0; i < workers_for(tasks); ++i) workers.emplace_back(s, cut);
    parallel_for(tasks, static_cast<int>(workers.size()), [&](int64_t task, int worker) {
      const int64_t n = task / cut.bands;
      workers[static_cast<size_t>(worker)].run(arrays.image(s, n), task % cut.bands, sums.get() + n * s.pixels(), req,
                                               output.as<T>() + n * s.filters * s.pixels());
    });
  });
}

void DynamicFilter::backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                             const std::vector<Tensor>& input_grads) const {
  const DynamicFilterShape s = shape(inputs[0].shape);
  if (s.batch == 0) return;
  dispatch(output_grad.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::vector<Tensor> wanted = input_grads;
    for (size_t i = 0; i < reqs.size(); ++i) {
      if (reqs[i] == Req::kNull) wanted[i].data = nullptr;
    }
    DynamicFilterBackward<T>(s, DynamicFilterArrays<const T>::of(inputs), output_grad.as<T>(),
                             DynamicFilterArrays<T>::of(wanted), reqs)
        .run();
  });
}

}  // namespace acn
