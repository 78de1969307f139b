// SPDX-License-Identifier: Apache-2.0
// The gradients of DynamicFilter on the CPU, in two passes over bands: first at the positions that look (the kernels,
// the sample attention, and the gradients of the sums Z and T), then at the places that are looked at, which gather.
#pragma once

#include "bands.h"
#include "taps.h"

namespace acn {

template <class T>
void multiply_by(int64_t length, const T* factor, T* values) {
  for (int64_t i = 0; i < length; ++i) values[i] *= factor[i];
}

// One image of a wave.
template <class T>
struct DynamicFilterImage {
  DynamicFilterArrays<const T> in;
  DynamicFilterArrays<T> grad;
  const T* head;
  T *sums, *tap_grad, *z_grad;
};

template <class T>
class BackwardWorker {
 public:
  BackwardWorker(const DynamicFilterShape& shape, const DynamicFilterCut& cut, const std::vector<Req>& reqs)
      : s_(shape),
        cut_(cut),
        reqs_(reqs),
        band_(shape, cut),
        pitch_(shape.width + 2 * cut.pad_x),
        bare_(scratch<T>(taps_width())),
        taps_(scratch<T>(taps_width())),
        kernel_(scratch<T>(taps_width())),
        row_(scratch<T>(shape.width)),
        ones_(scratch<T>(shape.width)),
        z_(scratch<T>(DynamicFilterCut::kChannels * cut.stride(shape))),
        z_grad_(scratch<T>(DynamicFilterCut::kChannels * cut.stride(shape))),
        position_taps_(scratch<T>(cut.rows * taps_width())),
        sum_rows_(scratch<T>(cut.rows * shape.width)),
        attention_(scratch<T>(cut.rows * static_cast<int64_t>(cut.samples.size()) * pitch_)) {
    std::fill_n(ones_.get(), shape.width, T(1));
  }

  // At the positions of a band.
  void look(const DynamicFilterImage<T>& image, int64_t band) {
    band_.begin(image.in, band);
    if (image.grad.sample) clear(Input::kSample, s_.sample_count(), image.grad.sample);
    if (image.grad.position && s_.at_output) clear(Input::kPosition, s_.tap_count(), image.grad.position);
    const TapRows<T> rows(s_, image.in, image.sums);
    for (int64_t y = band_.y_begin; y < band_.y_end; ++y) look_through_taps(image, rows, y);
    for (int64_t u = 0; u < s_.channels; u += DynamicFilterCut::kChannels) {
      look_at_channels(image, u, std::min(DynamicFilterCut::kChannels, s_.channels - u));
    }
  }

  // At the places of a band.
  void gather(const DynamicFilterImage<T>& image, int64_t band) {
    band_.place(band);
    const TapRows<T> rows(s_, image.in, image.sums);
    const bool position = image.grad.position && !s_.at_output;
    for (int64_t y = band_.y_begin; y < band_.y_end; ++y) {
      if (position) rows.position_gradient(y, image.tap_grad, position_taps(y));
      if (image.grad.data) rows.sum_gradient(y, image.tap_grad, sum_row(y));
      read_attention(image, y);
    }
    if (image.grad.data || position) {
      for (int64_t u = 0; u < s_.channels; u += DynamicFilterCut::kChannels) {
        gather_channels(image, u, std::min(u + DynamicFilterCut::kChannels, s_.channels), position);
      }
    }
    if (!position) return;
    for (int64_t y = band_.y_begin; y < band_.y_end; ++y) {
      for (int64_t t = 0; t < s_.tap_count(); ++t) {
        put(Input::kPosition, position_taps(y) + t * s_.width, image.grad.position + t * s_.pixels() + y * s_.width);
      }
    }
  }

 private:
  static constexpr int64_t kPastCache = int64_t{8} << 20;  // bytes of an image's channel_kernel

  enum class Input { kData, kChannel, kSpatial, kPosition, kSample };
  Req req(Input input) const { return reqs_[static_cast<size_t>(input)]; }
  int64_t taps_width() const { return s_.tap_count() * int64_t{s_.width}; }

  // Rows of the band, so that sums into them may begin.
  void clear(Input input, int64_t maps, T* grad) const {
    if (req(input) != Req::kWrite) return;
    for (int64_t m = 0; m < maps; ++m) std::fill_n(grad + m * s_.pixels() + band_.first(), band_.length(), T(0));
  }

  void put(Input input, const T* values, T* grad) const {
    for (int64_t i = 0; i < s_.width; ++i) store(values[i], req(input), grad + i);
  }

  void look_through_taps(const DynamicFilterImage<T>& image, const TapRows<T>& rows, int64_t y) {
    const int64_t taps = s_.tap_count(), width = s_.width, pixels = s_.pixels();
    rows.bare_taps(y, bare_.get());
    std::copy_n(bare_.get(), taps * width, taps_.get());
    rows.attend(y, taps_.get());
    for (int64_t v = 0; v < s_.filters; ++v) {
      const T* head = image.head + v * pixels + y * width;
      rows.kernel(v, y, kernel_.get());
      for (int64_t t = 0; t < taps; ++t) {
        multiply_rows(width, kernel_.get() + t * width, head, v > 0, image.tap_grad + t * pixels + y * width);
      }
      if (image.grad.spatial) store_spatial(head, image.grad.spatial + v * taps * pixels + y * width);
    }
    if (image.grad.sample) rows.add_sample_gradient(y, image.tap_grad, image.grad.sample);
    if (!image.grad.position || !s_.at_output) return;
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t at = t * pixels + y * width;
      multiply_rows(width, bare_.get() + t * width, image.tap_grad + at, true, image.grad.position + at);
    }
  }

  // grad: of one filter, from its first tap in the row. kernel_ and taps_ hold V and T.
  void store_spatial(const T* head, T* grad) {
    const int64_t taps = s_.tap_count(), width = s_.width;
    const Req how = req(Input::kSpatial);
    if (!s_.softmax) {
      for (int64_t t = 0; t < taps; ++t) {
        multiply_rows(width, taps_.get() + t * width, head, how == Req::kAdd, grad + t * s_.pixels());
      }
      return;
    }
    for (int64_t i = 0; i < width; ++i) {
      T mean = 0;
      for (int64_t t = 0; t < taps; ++t) mean += kernel_[t * width + i] * taps_[t * width + i];
      for (int64_t t = 0; t < taps; ++t) {
        store(head[i] * kernel_[t * width + i] * (taps_[t * width + i] - mean), how, grad + t * s_.pixels() + i);
      }
    }
  }

  void look_at_channels(const DynamicFilterImage<T>& image, int64_t begin, int64_t count) {
    const int64_t length = band_.length(), first = band_.first();
    const T* centre = image.in.position + s_.centre() * s_.pixels() + first;
    const bool looks = image.grad.data || image.grad.position || image.grad.sample;
    band_.read(begin, count);
    if (image.grad.channel || (image.grad.position && s_.at_output)) band_.sums(z_.get());
    if (looks) sum_z_gradient(image, begin, count);
    if (s_.at_output) {
      for (int64_t i = 0; i < count; ++i) {
        T *z = z_.get() + i * band_.stride(), *grad = z_grad_.get() + i * band_.stride();
        if (image.grad.position) {
          multiply_rows(length, grad, z, true, image.grad.position + s_.centre() * s_.pixels() + first);
        }
        if (image.grad.channel) multiply_by(length, centre, z);
        if (looks) multiply_by(length, centre, grad);
      }
    }
    if (image.grad.channel) store_channel(image, begin, count);
    if (image.grad.sample) band_.add_sample_gradient(z_grad_.get(), image.grad.sample);
    if (image.grad.data || (image.grad.position && !s_.at_output)) keep_z_gradient(image, begin, count);
  }

  // A few filters at a time: their kernels lie far apart, by a power of 2 more often than not, and would drive each
  // other out of the cache.
  void sum_z_gradient(const DynamicFilterImage<T>& image, int64_t begin, int64_t count) {
    constexpr int64_t kFilters = 4;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t first = 0; first < s_.filters; first += kFilters) {
        list_.clear();
        for (int64_t v = first; v < std::min(first + kFilters, s_.filters); ++v) {
          list_.push(image.in.channel + (v * s_.channels + begin + i) * s_.pixels() + band_.first(),
                     image.head + v * s_.pixels() + band_.first());
        }
        const bool last = first + kFilters >= s_.filters;  // the first filters of the next channel follow
        const int64_t ahead = last ? 1 - first * s_.channels : kFilters * s_.channels;
        list_.sum(band_.length(), s_.identity<T>(), first > 0, z_grad_.get() + i * band_.stride(), ahead * s_.pixels());
      }
    }
  }

  void store_channel(const DynamicFilterImage<T>& image, int64_t begin, int64_t count) {
    const int64_t length = band_.length(), first = band_.first(), numbers = s_.filters * s_.channels * s_.pixels();
    const bool past_cache = numbers * static_cast<int64_t>(sizeof(T)) >= kPastCache;
    for (int64_t v = 0; v < s_.filters; ++v) {
      for (int64_t i = 0; i < count; ++i) {
        multiply_rows(length, z_.get() + i * band_.stride(), image.head + v * s_.pixels() + first,
                      req(Input::kChannel) == Req::kAdd,
                      image.grad.channel + (v * s_.channels + begin + i) * s_.pixels() + first, past_cache);
      }
    }
  }

  void keep_z_gradient(const DynamicFilterImage<T>& image, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t y = band_.y_begin; y < band_.y_end; ++y) {
        T* row = image.z_grad + ((begin + i) * s_.height + y) * pitch_;
        std::fill_n(row, cut_.pad_x, T(0));
        std::copy_n(z_grad_.get() + i * band_.stride() + (y - band_.y_begin) * s_.width, s_.width, row + cut_.pad_x);
        std::fill_n(row + cut_.pad_x + s_.width, cut_.pad_x, T(0));
      }
    }
  }

  // The channels [begin, end) of a band; with `position`, adds to the centre tap of position_taps.
  void gather_channels(const DynamicFilterImage<T>& image, int64_t begin, int64_t end, bool position) {
    const int64_t width = s_.width, pixels = s_.pixels(), plane = s_.height * pitch_;
    const bool add = req(Input::kData) == Req::kAdd;
    for (int64_t y = band_.y_begin; y < band_.y_end; ++y) {
      list_positions(image.z_grad + begin * plane, y);
      const T* factor = s_.at_output ? ones_.get() : image.in.position + s_.centre() * pixels + y * width;
      for (int64_t u = begin; u < end; ++u) {
        list_.sum(width, T(0), false, row_.get());
        for (const T*& place : list_.b) place += plane;
        const int64_t at = u * pixels + y * width;
        if (position) {
          multiply_rows(width, image.in.data + at, row_.get(), true, position_taps(y) + s_.centre() * width);
        }
        if (image.grad.data) finish_row(width, factor, row_.get(), sum_row(y), add, image.grad.data + at);
      }
    }
  }

  // grad (add ? +=) factor sum + more
  static void finish_row(int64_t width, const T* factor, const T* sum, const T* more, bool add, T* __restrict grad) {
    if (add) {
      for (int64_t i = 0; i < width; ++i) grad[i] += factor[i] * sum[i] + more[i];
    } else {
      for (int64_t i = 0; i < width; ++i) grad[i] = factor[i] * sum[i] + more[i];
    }
  }

  // body(sample, row of the positions p - s, how far they lie along it) for the samples by which the row y is seen.
  template <class Body>
  void each_position(int64_t y, Body body) const {
    for (int32_t n : cut_.samples) {
      const MapStep back = -s_.sample(n);
      const int64_t row = y + back.y;
      if (row >= 0 && row < s_.height) body(n, row, back.x);
    }
  }

  // The sample attention of those positions, with zeros on either side.
  void read_attention(const DynamicFilterImage<T>& image, int64_t y) {
    T* out = attention_of(y);
    each_position(y, [&](int32_t n, int64_t row, int64_t) {
      std::fill_n(out, pitch_, T(0));
      const T* a = image.in.sample + n * s_.pixels() + row * s_.width;
      for (int64_t i = 0; i < s_.width; ++i) out[cut_.pad_x + i] = s_.scale<T>() * a[i];
      out += pitch_;
    });
  }

  // Fills list_: that attention, and the places of those positions in a padded plane.
  void list_positions(const T* plane, int64_t y) {
    list_.clear();
    const T* attention = attention_of(y);
    each_position(y, [&](int32_t, int64_t row, int64_t step_x) {
      list_.push(attention + cut_.pad_x + step_x, plane + row * pitch_ + cut_.pad_x + step_x);
      attention += pitch_;
    });
  }

  // Rows of a band that gathers, by the row of the map.
  T* position_taps(int64_t y) const { return position_taps_.get() + (y - band_.y_begin) * taps_width(); }
  T* sum_row(int64_t y) const { return sum_rows_.get() + (y - band_.y_begin) * s_.width; }
  T* attention_of(int64_t y) const {
    return attention_.get() + (y - band_.y_begin) * static_cast<int64_t>(cut_.samples.size()) * pitch_;
  }

  const DynamicFilterShape& s_;
  const DynamicFilterCut& cut_;
  const std::vector<Req>& reqs_;
  SampleBand<T> band_;
  int64_t pitch_;
  Scratch<T> bare_, taps_, kernel_, row_, ones_, z_, z_grad_;
  Scratch<T> position_taps_, sum_rows_, attention_;  // (row, tap, width), (row, width), (row, sample, pitch)
  RowList<T> list_;
};

}  // namespace acn
