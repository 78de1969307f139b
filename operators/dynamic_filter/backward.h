// SPDX-License-Identifier: Apache-2.0
// The gradients of DynamicFilter on the CPU: two passes over the bands of a wave of images.
#pragma once

#include "../core/runtime/threads.h"
#include "backward_worker.h"

namespace acn {

// sums (images, pixels) = the sum over the channels of data.
template <class T>
void sum_all_channels(const DynamicFilterShape& s, const DynamicFilterCut& cut, const T* data, int64_t images,
                      T* sums) {
  parallel_for(images * cut.bands, [&](int64_t task, int) {
    const int64_t n = task / cut.bands, y = task % cut.bands * cut.rows;
    sum_channels(s, data + n * s.channels * s.pixels(), y, std::min<int64_t>(y + cut.rows, s.height),
                 sums + n * s.pixels());
  });
}

// What the passes leave to one another, of a wave of images.
template <class T>
struct DynamicFilterMemory {
  int64_t pitch;
  Scratch<T> sums;      // (images, pixels)
  Scratch<T> tap_grad;  // (images, tap, pixels): of T
  Scratch<T> z_grad;    // (images, channel, height, pitch): of Z as SampleBand sums it, with zeros on either side

  DynamicFilterMemory(const DynamicFilterShape& s, const DynamicFilterCut& cut, int64_t images)
      : pitch(s.width + 2 * cut.pad_x),
        sums(scratch<T>(images * s.pixels())),
        tap_grad(scratch<T>(images * s.tap_count() * s.pixels())),
        z_grad(scratch<T>(images * s.channels * s.height * pitch)) {}

  static int64_t bytes(const DynamicFilterShape& s, const DynamicFilterCut& cut) {
    const int64_t padded = s.channels * s.height * (s.width + 2 * cut.pad_x);
    return (padded + (1 + s.tap_count()) * s.pixels()) * static_cast<int64_t>(sizeof(T));
  }
};

template <class T>
class DynamicFilterBackward {
 public:
  // grads: null where none is wanted.
  DynamicFilterBackward(const DynamicFilterShape& shape, const DynamicFilterArrays<const T>& inputs, const T* head,
                        const DynamicFilterArrays<T>& grads, const std::vector<Req>& reqs)
      : s_(shape), cut_(shape), in_(inputs), head_(head), grads_(grads), reqs_(reqs) {}

  // In waves of as many images as the bound on scratch memory allows.
  void run() {
    const int64_t fit = workspace_bytes() / DynamicFilterMemory<T>::bytes(s_, cut_);
    const int64_t most = std::clamp<int64_t>(fit, 1, s_.batch);
    const DynamicFilterMemory<T> memory(s_, cut_, most);
    std::vector<BackwardWorker<T>> workers;
    for (int i = 0; i < workers_for(most * cut_.bands); ++i) workers.emplace_back(s_, cut_, reqs_);
    const bool gathers = grads_.data || (grads_.position && !s_.at_output);
    for (int64_t begin = 0; begin < s_.batch; begin += most) {
      const int64_t images = std::min(most, s_.batch - begin);
      sum_all_channels(s_, cut_, in_.data + begin * s_.channels * s_.pixels(), images, memory.sums.get());
      const auto each = [&](void (BackwardWorker<T>::*pass)(const DynamicFilterImage<T>&, int64_t)) {
        parallel_for(images * cut_.bands, static_cast<int>(workers.size()), [&](int64_t task, int worker) {
          const int64_t n = task / cut_.bands;
          (workers[static_cast<size_t>(worker)].*pass)(image(memory, begin + n, n), task % cut_.bands);
        });
      };
      each(&BackwardWorker<T>::look);
      if (gathers) each(&BackwardWorker<T>::gather);
    }
  }

 private:
  // n: of the batch; place: in the wave.
  DynamicFilterImage<T> image(const DynamicFilterMemory<T>& memory, int64_t n, int64_t place) const {
    return {in_.image(s_, n),
            grads_.image(s_, n),
            head_ + n * s_.filters * s_.pixels(),
            memory.sums.get() + place * s_.pixels(),
            memory.tap_grad.get() + place * s_.tap_count() * s_.pixels(),
            memory.z_grad.get() + place * s_.channels * s_.height * memory.pitch};
  }

  const DynamicFilterShape& s_;
  const DynamicFilterCut cut_;
  DynamicFilterArrays<const T> in_;
  const T* head_;
  DynamicFilterArrays<T> grads_;
  const std::vector<Req>& reqs_;
};

}  // namespace acn
