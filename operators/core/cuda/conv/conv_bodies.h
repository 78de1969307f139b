// SPDX-License-Identifier: Apache-2.0
// The bodies of the convolutions' kernels. S: storage, T: computing.
#pragma once

#include "../runtime/reduce.h"
#include "device_points.h"

namespace acn::cuda {

constexpr int kAtOnce = 4;  // channels whose loads a thread starts before it uses any

// The four cells of kAtOnce channels (fewer at the end: the others are 0).
template <class S>
struct Window {
  using T = Compute<S>;
  Neighbours<T> of[kAtOnce];

  ACN_BODY Window(const Cells<T>& cells, const S* map, int64_t pixels, int64_t channels) {
    ACN_UNROLL for (int j = 0; j < kAtOnce; ++j) {
      ACN_UNROLL for (int k = 0; k < 4; ++k) {
        const bool wanted = j < channels && cells.index[k] != pixels;
        of[j].v[k] = wanted ? load(map + j * pixels + cells.index[k]) : T(0);
      }
    }
  }
};

// Where a thread stands: row = run * taps + tap, x = a column of the chunk.
struct Spot {
  int32_t tap;
  int64_t run, set, begin, end, image, point;

  ACN_BODY Spot(const ConvShape& s, const Chunk& chunk, const ChannelRuns& runs, int64_t row, int64_t x) {
    const int32_t taps = static_cast<int32_t>(s.taps());
    tap = static_cast<int32_t>(row) % taps;
    run = static_cast<int32_t>(row) / taps;
    runs.find(static_cast<int32_t>(run), &set, &begin, &end);
    image = chunk.image(x);
    point = (set * taps + tap) * chunk.width() + x;
  }
};

// column (channels, taps, width) = mask * sampled data, for the channels of `runs`.
template <class S>
struct BuildColumns {
  using T = Compute<S>;
  ConvShape s;
  Chunk chunk;
  ChannelRuns runs;
  PointTable<T> table;
  const S* data;
  S* column;

  ACN_BODY void operator()(int64_t row, int64_t x) const {
    const Spot at(s, chunk, runs, row, x);
    if (at.begin >= at.end) return;
    const Cells<T> cells = table.cells(at.point);
    const T mask = table.mask_of(at.point);
    const int64_t pixels = s.pixels(), next = s.taps() * chunk.width();
    const S* map = data + ((chunk.first + at.image) * s.channels + at.begin) * pixels;
    S* out = column + ((at.begin - runs.first) * s.taps() + at.tap) * chunk.width() + x;
    for (int64_t c = at.begin; c < at.end; c += kAtOnce) {
      const Window<S> window(cells, map, pixels, at.end - c);
      ACN_UNROLL for (int j = 0; j < kAtOnce; ++j) {
        if (c + j < at.end) out[j * next] = static_cast<S>(mask * value(cells, window.of[j]));
      }
      map += kAtOnce * pixels;
      out += kAtOnce * next;
    }
  }
};

// From the gradient of the column: that of the points, the column itself in its place, and what the samples give back
// to the data. Each is optional.
template <class S>
struct ColumnBackward {
  using T = Compute<S>;
  ConvShape s;
  Chunk chunk;
  ChannelRuns runs;
  PointTable<T> table;
  const S* data;
  S* column;       // in: its gradient
  bool rebuild;    // out: the column
  T* data_grad;    // of the chunk's images; null: not wanted, or not here
  T* point_grads;  // (runs, taps, components, width); null: not wanted
  int32_t components;

  ACN_BODY void operator()(int64_t row, int64_t x) const {
    const Spot at(s, chunk, runs, row, x);
    const Cells<T> cells = table.cells(at.point);
    const T mask = table.mask_of(at.point);
    const int64_t pixels = s.pixels(), next = s.taps() * chunk.width();
    const T upper = 1 - cells.ly, left = 1 - cells.lx;
    const T weights[4] = {mask * (upper * left), mask * (upper * cells.lx), mask * (cells.ly * left),
                          mask * (cells.ly * cells.lx)};
    const S* map = data + ((chunk.first + at.image) * s.channels + at.begin) * pixels;
    S* place = column + ((at.begin - runs.first) * s.taps() + at.tap) * chunk.width() + x;
    T* map_grad = data_grad ? data_grad + (at.image * s.channels + at.begin) * pixels : nullptr;
    T sum_y = 0, sum_x = 0, sum_mask = 0;
    for (int64_t c = at.begin; c < at.end; c += kAtOnce) {
      T grad[kAtOnce];
      ACN_UNROLL for (int j = 0; j < kAtOnce; ++j) grad[j] = c + j < at.end ? load(place + j * next) : T(0);
      const Window<S> window(cells, map, pixels, at.end - c);
      ACN_UNROLL for (int j = 0; j < kAtOnce; ++j) {
        const T sample = value(cells, window.of[j]);
        sum_y += grad[j] * slope_y(cells, window.of[j]);
        sum_x += grad[j] * slope_x(cells, window.of[j]);
        sum_mask += grad[j] * sample;
        if (c + j >= at.end) continue;
        if (rebuild) place[j * next] = static_cast<S>(mask * sample);
        if (!map_grad) continue;
        ACN_UNROLL for (int k = 0; k < 4; ++k) {
          if (cells.index[k] != pixels) atomic_add(map_grad + j * pixels + cells.index[k], weights[k] * grad[j]);
        }
      }
      map += kAtOnce * pixels;
      place += kAtOnce * next;
      if (map_grad) map_grad += kAtOnce * pixels;
    }
    if (!point_grads) return;
    T* grads = point_grads + (at.run * s.taps() + at.tap) * components * chunk.width() + x;
    grads[0] = mask * sum_y;
    grads[chunk.width()] = mask * sum_x;
    if (components == 3) grads[2 * chunk.width()] = sum_mask;
  }
};

// The same data gradient without atomic additions. An entry is (tap * width + x) * 4 + cell of one offset set; its bin
// is the pixel that the cell names.
template <class T>
struct BinEntries {
  ConvShape s;
  Chunk chunk;
  int64_t set;
  PointTable<T> table;
  int32_t* bins;
  ACN_BODY void operator()(int64_t tap, int64_t x) const {
    const int64_t point = tap * chunk.width() + x, pixels = s.pixels();
    const CellIndices cells = table.indices[set * s.taps() * chunk.width() + point];
    ACN_UNROLL for (int k = 0; k < 4; ++k) {
      bins[point * 4 + k] = cells.of[k] == pixels ? -1 : static_cast<int32_t>(chunk.image(x) * pixels + cells.of[k]);
    }
  }
};

template <class T>
struct WeighEntries {
  PointTable<T> table;
  int64_t first_point;   // of the set
  const int32_t* count;  // of entries in lists
  const int32_t* list;
  T* weights;
  ACN_BODY void operator()(int64_t, int64_t i) const {
    if (i >= *count) return;
    const int64_t point = first_point + list[i] / 4;
    const int k = list[i] % 4;
    const Cells<T> c = table.cells(point);
    weights[i] = table.mask_of(point) * ((k & 2 ? c.ly : 1 - c.ly) * (k & 1 ? c.lx : 1 - c.lx));
  }
};

template <class S, int kChannels>
struct GatherData {
  using T = Compute<S>;
  ConvShape s;
  Chunk chunk;
  ChannelRuns runs;
  int64_t set;
  const int32_t* starts;
  const int32_t* list;
  const T* weights;
  const S* column;  // its gradient
  T* data_grad;     // of the chunk's images

  // row: a run of the set's channels; x: a pixel of the chunk's images.
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    int64_t found, begin, end;
    runs.find(static_cast<int32_t>(set * runs.runs_per_set + row), &found, &begin, &end);
    if (begin >= end) return;
    const int64_t next = s.taps() * chunk.width();
    const S* grads = column + (begin - runs.first) * next;
    T sums[kChannels] = {};
    for (int32_t i = starts[x]; i < starts[x + 1]; ++i) {
      const S* place = grads + list[i] / 4;
      ACN_UNROLL for (int j = 0; j < kChannels; ++j) {
        if (begin + j < end) sums[j] += weights[i] * load(place + j * next);
      }
    }
    const int64_t image = chunk.images == 1 ? 0 : static_cast<int32_t>(x) / static_cast<int32_t>(s.pixels());
    T* out = data_grad + (image * s.channels + begin) * s.pixels() + (x - image * s.pixels());
    ACN_UNROLL for (int j = 0; j < kChannels; ++j) {
      if (begin + j < end) out[j * s.pixels()] += sums[j];
    }
  }
};

// out (rows, width) from (images, all filters, positions).
template <class S>
struct PackOutGrad {
  ConvShape s;
  Chunk chunk;
  int64_t first_filter;
  const S* out_grad;
  S* packed;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    const int64_t image = chunk.image(x), position = chunk.begin + x - image * chunk.span();
    packed[row * chunk.width() + x] =
        out_grad[((chunk.first + image) * s.filters + first_filter + row) * s.positions() + position];
  }
};

// What the product adds to: the bias and, with add, what was there.
template <class S>
struct StartOutput {
  ConvShape s;
  const S* bias;  // null: 0
  Req req;
  S* out;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    const Compute<S> start = bias ? load(bias + row % s.filters) : Compute<S>(0);
    put(start, req, out + row * s.positions() + x);
  }
};

template <class S>
struct BiasParts {
  ConvShape s;
  const S* out_grad;
  double* parts;
  ACN_BODY void operator()(int64_t filter, int64_t lane) const {
    double sum = 0;
    for (int64_t image = 0; image < s.batch; ++image) {
      const S* row = out_grad + (image * s.filters + filter) * s.positions();
      for (int64_t p = lane; p < s.positions(); p += kLanes) sum += load(row + p);
    }
    parts[filter * kLanes + lane] = sum;
  }
};

template <class S>
struct StoreSums {
  AddLanes sums;
  Req req;
  S* out;
  ACN_BODY void operator()(int64_t, int64_t x) const { put(static_cast<Compute<S>>(sums(x)), req, out + x); }
};

template <class S>
struct StoreArray {
  const float* sums;
  Req req;
  S* out;
  ACN_BODY void operator()(int64_t, int64_t x) const { put(static_cast<Compute<S>>(sums[x]), req, out + x); }
};

}  // namespace acn::cuda
