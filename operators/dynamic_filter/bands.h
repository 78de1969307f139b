// SPDX-License-Identifier: Apache-2.0
// The part of DynamicFilter that every channel has for itself, at the centre tap alone:
//
//     Z[u, p] = sum over samples s of A[s, p] P[centre, p + s] data[u, p + s]      out[v, p] += sum_u (U[v, u, p] +
//     1/C) Z[u, p]
//
// (P[centre, p] with attention at the output.) Maps are cut into bands of whole rows, for a few channels at a time.
#pragma once

#include <cstdlib>
#include <vector>

#include "../core/runtime/scratch.h"
#include "maps.h"

namespace acn {

// How maps are cut, by their shape alone.
struct DynamicFilterCut {
  static constexpr int64_t kPositions = 1024;  // of a band: long runs of the channel kernel, and work for some threads
  static constexpr int64_t kChannels = 8;      // at a time

  int64_t rows, bands;           // of a band; of an image
  int64_t pad_y = 0, pad_x = 0;  // how far a sample that falls on the map may lie from its position
  std::vector<int32_t> samples;  // those that can fall on the map
  int64_t stride(const DynamicFilterShape& s) const { return rows * s.width + 16; }

  explicit DynamicFilterCut(const DynamicFilterShape& s)
      : rows(std::clamp<int64_t>(kPositions / s.width, 1, s.height)), bands((s.height + rows - 1) / rows) {
    for (int32_t n = 0; n < s.sample_count(); ++n) {
      const MapStep step = s.sample(n);
      if (std::abs(step.y) >= s.height || std::abs(step.x) >= s.width) continue;
      pad_y = std::max(pad_y, std::abs(step.y));
      pad_x = std::max(pad_x, std::abs(step.x));
      samples.push_back(n);
    }
  }
};

// One worker's view of one band.
template <class T>
class SampleBand {
 public:
  SampleBand(const DynamicFilterShape& shape, const DynamicFilterCut& cut)
      : s_(shape),
        cut_(cut),
        pitch_(s_.width + 2 * cut.pad_x),
        plane_(std::min<int64_t>(cut.rows + 2 * cut.pad_y, s_.height) * pitch_),
        planes_(scratch<T>(DynamicFilterCut::kChannels * plane_)),
        factors_(scratch<T>(plane_ / pitch_ * s_.width)),
        attention_(scratch<T>(cut.rows * static_cast<int64_t>(cut.samples.size()) * s_.width)) {
    std::fill_n(planes_.get(), DynamicFilterCut::kChannels * plane_, T(0));  // the margins stay so
  }

  // Which rows of the map those of the band are; enough where nothing is read by it.
  void place(int64_t band) { y_begin = band * cut_.rows, y_end = std::min<int64_t>(y_begin + cut_.rows, s_.height); }

  void begin(const DynamicFilterArrays<const T>& image, int64_t band) {
    in_ = image;
    place(band);
    low_ = std::max<int64_t>(y_begin - cut_.pad_y, 0), high_ = std::min<int64_t>(y_end + cut_.pad_y, s_.height);
    const T *p = in_.position + s_.centre() * s_.pixels() + low_ * s_.width, scale = s_.scale<T>();
    for (int64_t i = 0; i < (high_ - low_) * s_.width; ++i) factors_[i] = s_.at_output ? scale : scale * p[i];
    for (int64_t y = y_begin; y < y_end; ++y) {
      T* row = attention_of(y);
      each_sample(y, [&](int32_t n, int64_t) {
        std::copy_n(in_.sample + n * s_.pixels() + y * s_.width, s_.width, row);
        row += s_.width;
      });
    }
  }

  int64_t first() const { return y_begin * s_.width; }  // position
  int64_t length() const { return (y_end - y_begin) * s_.width; }
  // From one channel of a band's sums to the next. Where rows and maps are powers of 2, the same position of several
  // channels would have one place in the cache; a line more spreads them.
  int64_t stride() const { return cut_.stride(s_); }

  // Takes up the channels [begin, begin + count).
  void read(int64_t begin, int64_t count) {
    count_ = count;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t y = low_; y < high_; ++y) {
        const T *x = in_.data + (begin + i) * s_.pixels() + y * s_.width,
                *factor = factors_.get() + (y - low_) * s_.width;
        multiply_rows(s_.width, factor, x, false, planes_.get() + i * plane_ + (y - low_) * pitch_ + cut_.pad_x);
      }
    }
  }

  // z (count, stride) = Z; with attention at the output, without its factor P.
  void sums(T* z) {
    for (int64_t y = y_begin; y < y_end; ++y) {
      list_.clear();
      const T* row = attention_of(y);
      each_sample(y, [&](int32_t, int64_t place) {
        list_.push(row, planes_.get() + place);
        row += s_.width;
      });
      for (int64_t i = 0; i < count_; ++i) {
        list_.sum(s_.width, T(0), false, z + i * stride() + (y - y_begin) * s_.width);
        for (const T*& place : list_.b) place += plane_;
      }
    }
  }

  // sample_grad (sample, pixels) += what z_grad (count, stride), the gradient of `sums`, gives.
  void add_sample_gradient(const T* z_grad, T* sample_grad) {
    for (int64_t y = y_begin; y < y_end; ++y) {
      list_.clear();
      for (int64_t i = 0; i < count_; ++i) {
        list_.push(z_grad + i * stride() + (y - y_begin) * s_.width, planes_.get() + i * plane_);
      }
      each_sample(y, [&](int32_t n, int64_t place) {
        for (int64_t i = 0; i < count_; ++i) list_.b[static_cast<size_t>(i)] = planes_.get() + i * plane_ + place;
        list_.sum(s_.width, T(0), true, sample_grad + n * s_.pixels() + y * s_.width);
      });
    }
  }

  int64_t y_begin = 0, y_end = 0;

 private:
  // body(sample, where it starts in a plane) for the samples that the row y sees.
  template <class Body>
  void each_sample(int64_t y, Body body) const {
    for (int32_t n : cut_.samples) {
      const MapStep step = s_.sample(n);
      const int64_t row = y + step.y;
      if (row >= 0 && row < s_.height) body(n, (row - low_) * pitch_ + cut_.pad_x + step.x);
    }
  }

  // The rows of sample attention that row y of the map uses, side by side.
  T* attention_of(int64_t y) const {
    return attention_.get() + (y - y_begin) * static_cast<int64_t>(cut_.samples.size()) * s_.width;
  }

  const DynamicFilterShape& s_;
  const DynamicFilterCut& cut_;
  int64_t pitch_, plane_;
  Scratch<T> planes_;     // (channel, rows, pitch): scale * P * data, with zeros on either side
  Scratch<T> factors_;    // (rows, width): scale * P, or scale alone
  Scratch<T> attention_;  // (row, sample, width)
  DynamicFilterArrays<const T> in_{};
  RowList<T> list_;
  int64_t low_ = 0, high_ = 0, count_ = 0;
};

}  // namespace acn
