// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "../core/contract/c_api.h"
#include "../core/cuda/runtime/arena.h"
#include "../core/cuda/runtime/device_kernels.h"
#include "contract.h"
#include "cuda_gradients.h"

namespace acn::cuda {
namespace {

// Maps that one call keeps, for a wave of images.
template <class S>
DynamicMaps<S> take_maps(const DynamicFilterShape& s, int64_t images, bool backward, Arena* arena) {
  using T = Compute<S>;
  const auto maps = [&](int64_t count) { return arena->take<T>(images * count * s.pixels()); };
  DynamicMaps<S> all{};
  all.sums = maps(1), all.taps = maps(s.tap_count()), all.z = maps(s.channels);
  if (backward) all.sum_grad = maps(1), all.tap_grad = maps(s.tap_count()), all.z_grad = maps(s.channels);
  return all;
}

template <class S>
int64_t map_bytes(const DynamicFilterShape& s, int64_t images, bool backward) {
  Arena arena;
  take_maps<S>(s, images, backward, &arena);
  return arena.used();
}

// As many images as the bound on scratch memory allows, at least one.
template <class S>
int64_t wave(const DynamicFilterShape& s, bool backward) {
  const int64_t one = map_bytes<S>(s, 1, backward);
  return std::clamp<int64_t>(acn_workspace_bytes() / std::max<int64_t>(one, 1), 1, std::max<int64_t>(s.batch, 1));
}

template <class S>
DynamicInputs<S> inputs_from(const DynamicFilterShape& s, const std::vector<Tensor>& inputs, int64_t n) {
  const auto at = [&](size_t i, int64_t maps) { return inputs[i].as<S>() + n * maps * s.pixels(); };
  return {s,
          at(0, s.channels),
          at(1, s.filters * s.channels),
          at(2, s.filters * s.tap_count()),
          at(3, s.tap_count()),
          at(4, s.sample_count())};
}

// A wave of images, from number `begin` on.
template <class S>
class DynamicWave {
 public:
  DynamicWave(const DynamicFilterShape& shape, const std::vector<Tensor>& inputs, const DynamicMaps<S>& maps,
              int64_t begin, int64_t images, Stream stream)
      : s_(shape),
        in_(inputs_from<S>(shape, inputs, begin)),
        maps_(maps),
        begin_(begin),
        images_(images),
        stream_(stream) {}

  void forward(Req req, S* out) const {
    sum();
    for_maps(s_.filters, DynamicOutput<S>{in_, maps_.z, maps_.taps, req, out + begin_ * s_.filters * s_.pixels()});
  }

  void backward(const S* head, const std::vector<Req>& reqs, const std::vector<Tensor>& grads) {
    maps_.head = head + begin_ * s_.filters * s_.pixels();
    sum();
    for_maps(s_.tap_count(), TapGradient<S>{in_, maps_});
    for_maps(s_.channels, SampleSumGradient<S>{in_, maps_});
    give<ChannelKernelGradient>(1, s_.filters * s_.channels, reqs, grads);
    give<SpatialKernelGradient>(2, s_.filters * s_.tap_count(), reqs, grads);
    give<SampleAttentionGradient>(4, s_.sample_count(), reqs, grads);
    if (s_.at_output) give<OutputAttentionGradient>(3, s_.tap_count(), reqs, grads);
    if (reqs[0] == Req::kNull && (s_.at_output || reqs[3] == Req::kNull)) return;
    for_maps(s_.channels, SpreadSamples<S>{in_, maps_});
    if (!s_.at_output) give<SampledAttentionGradient>(3, s_.tap_count(), reqs, grads);
    if (reqs[0] == Req::kNull) return;
    for_maps(1, ChannelSumGradient<S>{in_, maps_});
    give<DynamicDataGradient>(0, s_.channels, reqs, grads);
  }

 private:
  // S, T and Z.
  void sum() const {
    for_maps(1, SumChannels<S>{in_, maps_.sums});
    for_maps(s_.tap_count(), SumTaps<S>{in_, maps_.sums, maps_.taps});
    for_maps(s_.channels, SumSamples<S>{in_, maps_.z});
  }

  template <class Body>
  void for_maps(int64_t maps, Body body) const {
    launch(stream_, images_ * maps, s_.pixels(), body);
  }

  // The gradient of an input of so many maps, if it is wanted.
  template <template <class> class Body>
  void give(size_t input, int64_t maps, const std::vector<Req>& reqs, const std::vector<Tensor>& grads) const {
    if (reqs[input] == Req::kNull) return;
    for_maps(maps, Body<S>{in_, maps_, reqs[input], grads[input].as<S>() + begin_ * maps * s_.pixels()});
  }

  const DynamicFilterShape& s_;
  DynamicInputs<S> in_;
  DynamicMaps<S> maps_;
  int64_t begin_, images_;
  Stream stream_;
};

class DynamicFilterKernels : public DeviceKernels {
 public:
  int64_t workspace_bytes(const Operator& op, const std::vector<Tensor>& inputs, bool backward, bool) const override {
    const DynamicFilterShape s = shape_of(op, inputs);
    int64_t bytes = 0;
    dispatch_storage(inputs[0].dtype, [&](auto zero) {
      using S = decltype(zero);
      bytes = map_bytes<S>(s, s.batch == 0 ? 0 : wave<S>(s, backward), backward);
    });
    return bytes;
  }

  void forward(const Operator& op, const std::vector<Tensor>& inputs, Req req, const Tensor& output,
               const Run& run) const override {
    in_waves(op, inputs, false, run, [&](auto& wave) { wave.forward(req, as_stored(wave, output)); });
  }

  void backward(const Operator& op, const Tensor& output_grad, const std::vector<Tensor>& inputs,
                const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads, const Run& run) const override {
    in_waves(op, inputs, true, run,
             [&](auto& wave) { wave.backward(as_stored(wave, output_grad), reqs, input_grads); });
  }

 private:
  static DynamicFilterShape shape_of(const Operator& op, const std::vector<Tensor>& inputs) {
    return static_cast<const DynamicFilter&>(op).shape(inputs[0].shape);
  }

  template <class S>
  static S* as_stored(const DynamicWave<S>&, const Tensor& tensor) {
    return tensor.as<S>();
  }

  template <class Body>
  static void in_waves(const Operator& op, const std::vector<Tensor>& inputs, bool backward, const Run& run,
                       Body body) {
    const DynamicFilterShape s = shape_of(op, inputs);
    if (s.batch == 0) return;
    dispatch_storage(inputs[0].dtype, [&](auto zero) {
      using S = decltype(zero);
      const int64_t most = wave<S>(s, backward);
      Arena arena(run.workspace, run.workspace_bytes);
      const DynamicMaps<S> maps = take_maps<S>(s, most, backward, &arena);
      for (int64_t begin = 0; begin < s.batch; begin += most) {
        DynamicWave<S> images(s, inputs, maps, begin, std::min(most, s.batch - begin), run.stream);
        body(images);
      }
    });
  }
};

const AnnounceKernels<DynamicFilterKernels> kAnnounce{DynamicFilter::kName};

}  // namespace
}  // namespace acn::cuda
