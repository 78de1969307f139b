// SPDX-License-Identifier: Apache-2.0
// The bodies of DeformablePSROIPooling's kernels.
#pragma once

#include "../core/cuda/roi/roi_bodies.h"
#include "geometry.h"

namespace acn::cuda::deform_psroi {

// All that says where the bins are. trans may be null.
template <class S>
struct DeformPsroiGeometry {
  using T = Compute<S>;
  RoiShape s;
  const S* rois;
  const S* trans;
  T scale, std;
  int32_t parts, samples;

  ACN_BODY int64_t trans_index(int64_t roi, int64_t of_class, int32_t bin_y, int32_t bin_x) const {
    return deform_psroi_trans_index(roi, s.classes, of_class, deform_psroi_part(bin_y, parts, s.pooled_size),
                                    deform_psroi_part(bin_x, parts, s.pooled_size), parts);
  }
};

// One axis of a bin: its samples, and how many of them are inside.
template <class T>
struct DeformPsroiAxis {
  T start, step, box_size;
  int32_t samples, n;

  ACN_BODY DeformPsroiSample<T> sample(int32_t i) const { return deform_psroi_sample(start, step, i, n); }
  ACN_BODY int32_t inside() const {
    int32_t count = 0;
    for (int32_t i = 0; i < samples; ++i) count += sample(i).inside ? 1 : 0;
    return count;
  }
  // How much the samples read of one cell.
  ACN_BODY T weight(int32_t cell) const {
    T sum = 0;
    for (int32_t i = 0; i < samples; ++i) {
      const DeformPsroiSample<T> at = sample(i);
      if (!at.inside) continue;
      if (at.low == cell) sum += 1 - at.fraction;
      if (at.high == cell) sum += at.fraction;
    }
    return sum;
  }
  // False only where weight() is 0.
  ACN_BODY bool near(int32_t cell) const { return T(cell) > start - 2 && T(cell) < start + step * T(samples) + 2; }
};

// One bin of one RoI.
template <class S>
struct DeformPsroiBin {
  using T = Compute<S>;
  int64_t image;  // or what roi_image says instead
  bool placed;    // else its value is NaN, and 0 where there is no region
  DeformPsroiAxis<T> y, x;

  ACN_BODY DeformPsroiBin(const DeformPsroiGeometry<S>& g, int64_t roi, int64_t of_class, int32_t bin_y,
                          int32_t bin_x) {
    const RoiRow<S> row(g.rois + roi * 5);
    const RoiBox<T> box = deform_psroi_box(row.numbers, g.scale, g.s.pooled_size);
    image = roi_image(row.numbers[0], g.s.batch);
    T move_x = 0, move_y = 0;
    if (g.trans) {
      const int64_t place = g.trans_index(roi, of_class, bin_y, bin_x);
      move_x = load(g.trans + place);
      move_y = load(g.trans + place + int64_t{g.parts} * g.parts);
    }
    y = {deform_psroi_start(box.start_y, box.bin_y, box.size_y, bin_y, move_y, g.std), box.bin_y / T(g.samples),
         box.size_y, g.samples, g.s.height};
    x = {deform_psroi_start(box.start_x, box.bin_x, box.size_x, bin_x, move_x, g.std), box.bin_x / T(g.samples),
         box.size_x, g.samples, g.s.width};
    placed = image >= 0 && box.finite && y.start == y.start && x.start == x.start;
  }
};

// body(sample along y, sample along x, the map's rows around it) for the inside samples of a bin.
template <class S, class P, class Body>
ACN_BODY void for_samples(const DeformPsroiBin<S>& bin, P* map, Body&& body) {
  using T = Compute<S>;
  for (int32_t i = 0; i < bin.y.samples; ++i) {
    const DeformPsroiSample<T> y = bin.y.sample(i);
    if (!y.inside) continue;
    P* low = map + int64_t{y.low} * bin.x.n;
    P* high = map + int64_t{y.high} * bin.x.n;
    for (int32_t j = 0; j < bin.x.samples; ++j) {
      const DeformPsroiSample<T> x = bin.x.sample(j);
      if (x.inside) body(y, x, low, high);
    }
  }
}

// The four cells of a sample.
template <class T>
struct SampleCells {
  T v00, v01, v10, v11;
  template <class S>
  ACN_BODY SampleCells(const DeformPsroiSample<T>& x, const S* low, const S* high)
      : v00(load(low + x.low)), v01(load(low + x.high)), v10(load(high + x.low)), v11(load(high + x.high)) {}
};

template <class S>
struct AddSample {
  using T = Compute<S>;
  T* sum;
  ACN_BODY void operator()(const DeformPsroiSample<T>& y, const DeformPsroiSample<T>& x, const S* low,
                           const S* high) const {
    const SampleCells<T> c(x, low, high);
    *sum += (1 - y.fraction) * ((1 - x.fraction) * c.v00 + x.fraction * c.v01) +
            y.fraction * ((1 - x.fraction) * c.v10 + x.fraction * c.v11);
  }
};

// Where low is high the differences are 0, as they should be.
template <class S>
struct AddSlopes {
  using T = Compute<S>;
  T *along_y, *along_x;
  ACN_BODY void operator()(const DeformPsroiSample<T>& y, const DeformPsroiSample<T>& x, const S* low,
                           const S* high) const {
    const SampleCells<T> c(x, low, high);
    *along_y += (1 - x.fraction) * (c.v10 - c.v00) + x.fraction * (c.v11 - c.v01);
    *along_x += (1 - y.fraction) * (c.v01 - c.v00) + y.fraction * (c.v11 - c.v10);
  }
};

// Gives `share` back to the cells of a sample. For 4 and 8 bytes: nothing smaller is added atomically.
template <class S>
struct ScatterSample {
  S share;
  ACN_BODY void operator()(const DeformPsroiSample<S>& y, const DeformPsroiSample<S>& x, S* low, S* high) const {
    const S upper = share * (1 - y.fraction), lower = share * y.fraction;
    atomic_add(low + x.low, upper * (1 - x.fraction));
    atomic_add(low + x.high, upper * x.fraction);
    atomic_add(high + x.low, lower * (1 - x.fraction));
    atomic_add(high + x.high, lower * x.fraction);
  }
};

template <class S>
struct DeformPsroiForward {
  DeformPsroiGeometry<S> g;
  const S* data;
  Req req;
  S* out;
  int32_t* bad_image;
  ACN_BODY void operator()(int64_t roi, int64_t x) const {
    using T = Compute<S>;
    const RoiShape& s = g.s;
    const RoiPlace at(s, x);
    const DeformPsroiBin<S> bin(g, roi, at.of_class, at.bin_y, at.bin_x);
    if (bin.image == kWrongImage) raise_flag(bad_image);
    T sum = bin.placed || bin.image == kNoRegion ? T(0) : not_a_number<T>();
    if (bin.placed) {
      const int64_t channel = roi_channel(at.channel, at.group_y, at.group_x, s.group_size);
      for_samples(bin, data + (bin.image * s.channels() + channel) * s.pixels(), AddSample<S>{&sum});
      const T count = T(bin.y.inside()) * T(bin.x.inside());
      if (count > 0) sum /= count;
    }
    put(sum, req, out + roi * s.output_dim * s.bins() + x);
  }
};

// What moving each bin by a pixel changes, times the gradient: moves (rois from first_roi, output_dim, bins, 2).
template <class S>
struct DeformPsroiMoves {
  DeformPsroiGeometry<S> g;
  const S* data;
  const S* out_grad;
  int64_t first_roi;
  Compute<S>* moves;
  int32_t* bad_image;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    using T = Compute<S>;
    const RoiShape& s = g.s;
    const int64_t roi = first_roi + row;
    const RoiPlace at(s, x);
    const DeformPsroiBin<S> bin(g, roi, at.of_class, at.bin_y, at.bin_x);
    if (bin.image == kWrongImage) raise_flag(bad_image);
    // A bin without a place shows in the gradient as in the output; one of an image that is not there has none.
    T along_y = bin.placed || bin.image < 0 ? T(0) : not_a_number<T>(), along_x = along_y;
    if (bin.placed) {
      const int64_t channel = roi_channel(at.channel, at.group_y, at.group_x, s.group_size);
      for_samples(bin, data + (bin.image * s.channels() + channel) * s.pixels(), AddSlopes<S>{&along_y, &along_x});
      const T count = T(bin.y.inside()) * T(bin.x.inside());
      const T share = count > 0 ? load(out_grad + roi * s.output_dim * s.bins() + x) / count : T(0);
      along_y *= share * g.std * bin.y.box_size;
      along_x *= share * g.std * bin.x.box_size;
    }
    T* place = moves + (row * s.output_dim * s.bins() + x) * 2;
    place[0] = along_x;  // as trans has them
    place[1] = along_y;
  }
};

// row: RoI from first_roi; x: (class, dx or dy, part y, part x).
template <class S>
struct StoreTrans {
  DeformPsroiGeometry<S> g;
  const Compute<S>* moves;
  int64_t first_roi;
  Req req;
  S* trans_grad;

  ACN_BODY int32_t bins_before(int32_t part) const {
    return static_cast<int32_t>((int64_t{part} * g.s.pooled_size + g.parts - 1) / g.parts);
  }
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    const RoiShape& s = g.s;
    const int32_t part_x = static_cast<int32_t>(x % g.parts), part_y = static_cast<int32_t>(x / g.parts % g.parts);
    const int64_t direction = x / g.parts / g.parts % 2, of_class = x / g.parts / g.parts / 2;
    Compute<S> sum = 0;
    for (int64_t channel = of_class * s.class_channels(); channel < (of_class + 1) * s.class_channels(); ++channel) {
      for (int32_t i = bins_before(part_y); i < bins_before(part_y + 1); ++i) {
        for (int32_t j = bins_before(part_x); j < bins_before(part_x + 1); ++j) {
          sum += moves[((row * s.output_dim + channel) * s.bins() + i * s.pooled_size + j) * 2 + direction];
        }
      }
    }
    put(sum, req, trans_grad + (first_roi + row) * s.classes * 2 * g.parts * g.parts + x);
  }
};

template <class S>
struct DeformPsroiScatter {
  DeformPsroiGeometry<S> g;
  const S* out_grad;
  S* data_grad;
  int32_t* bad_image;
  ACN_BODY void operator()(int64_t roi, int64_t x) const {
    using T = Compute<S>;
    const RoiShape& s = g.s;
    const RoiPlace at(s, x);
    const DeformPsroiBin<S> bin(g, roi, at.of_class, at.bin_y, at.bin_x);
    if (bin.image == kWrongImage) raise_flag(bad_image);
    if (!bin.placed) return;
    const T count = T(bin.y.inside()) * T(bin.x.inside());
    if (!(count > 0)) return;
    const S share = out_grad[roi * s.output_dim * s.bins() + x] / count;
    const int64_t channel = roi_channel(at.channel, at.group_y, at.group_x, s.group_size);
    for_samples(bin, data_grad + (bin.image * s.channels() + channel) * s.pixels(), ScatterSample<S>{share});
  }
};

// row: image * channels + channel of data; x: pixel. Nothing is added atomically.
template <class S>
struct DeformPsroiGather {
  DeformPsroiGeometry<S> g;
  const int32_t* images;          // of the RoIs; -1 for none
  const DeformPsroiBin<S>* bins;  // (rois, classes, bins)
  const S* out_grad;
  Req req;
  S* data_grad;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    using T = Compute<S>;
    const RoiShape& s = g.s;
    const DataPlace at(s, row % s.channels());
    const int64_t image = row / s.channels(), of_class = at.channel / s.class_channels();
    const int32_t pixel_y = static_cast<int32_t>(x) / s.width, pixel_x = static_cast<int32_t>(x) % s.width;
    const int32_t y_begin = first_bin(s, at.group_y), y_end = first_bin(s, at.group_y + 1);
    const int32_t x_begin = first_bin(s, at.group_x), x_end = first_bin(s, at.group_x + 1);
    T sum = 0;
    for (int64_t roi = 0; roi < s.rois; ++roi) {
      if (images[roi] != image) continue;
      const DeformPsroiBin<S>* of_roi = bins + (roi * s.classes + of_class) * s.bins();
      const S* grads = out_grad + (roi * s.output_dim + at.channel) * s.bins();
      for (int32_t i = y_begin; i < y_end; ++i) {
        for (int32_t j = x_begin; j < x_end; ++j) {
          const DeformPsroiBin<S>& bin = of_roi[i * s.pooled_size + j];
          if (!bin.placed || !bin.y.near(pixel_y) || !bin.x.near(pixel_x)) continue;
          const T weight = bin.y.weight(pixel_y) * bin.x.weight(pixel_x);
          if (weight == 0) continue;
          sum += weight * (load(grads + i * s.pooled_size + j) / (T(bin.y.inside()) * T(bin.x.inside())));
        }
      }
    }
    put(sum, req, data_grad + row * s.pixels() + x);
  }
};

// row: RoI; x: class * bins + bin.
template <class S>
struct FillDeformPsroiTable {
  DeformPsroiGeometry<S> g;
  int32_t* images;
  DeformPsroiBin<S>* bins;
  int32_t* bad_image;
  ACN_BODY void operator()(int64_t roi, int64_t x) const {
    const int32_t bin = static_cast<int32_t>(x % g.s.bins());
    const DeformPsroiBin<S> found(g, roi, x / g.s.bins(), bin / g.s.pooled_size, bin % g.s.pooled_size);
    if (found.image == kWrongImage) raise_flag(bad_image);
    if (x == 0) images[roi] = static_cast<int32_t>(found.image);
    bins[roi * g.s.classes * g.s.bins() + x] = found;
  }
};

}  // namespace acn::cuda::deform_psroi
