// SPDX-License-Identifier: Apache-2.0
#include "product_first_conv.h"

#include <algorithm>

#include "../core/conv/conv_tiles.h"
#include "../core/runtime/threads.h"
#include "../core/simd/vector_kernels.h"
#include "move_plan.h"

namespace acn {
namespace {

constexpr int64_t kPixels = 160;           // pixels of a tile: whole panels at every level
constexpr int64_t kSkew = 16;              // keeps rows from falling on the same few sets of the first-level cache
constexpr int64_t kRow = kPixels + kSkew;  // a row of a tile
constexpr int64_t kMostFilters = 28;       // at a time: their product maps are written and read while near
constexpr int64_t kWavePixels = 8192;      // pixels of the images treated together

// A run of input channels with one offset set and one weight group.
struct Segment {
  int64_t begin, end, channel_group;
};

// Filters [begin, end) of one weight group. Rows of product maps are (segment,
// filter, tap).
struct Batch {
  int64_t begin, end, weight_group;
  bool first_of_group;
};

template <class T>
class ProductFirstConv {
 public:
  ProductFirstConv(const ConvShape& shape, const T* offset, Boundary rule, const T* data, const T* weight)
      : s_(shape),
        offset_(offset),
        rule_(rule),
        data_(data),
        kernels_(vector_kernels<T>()),
        channel_row_(round_up(s_.channels, kernels_.lanes) + 2 * kernels_.lanes),
        weight_row_(round_up(s_.channels / s_.weight_groups, kernels_.lanes) + kSkew),
        image_tiles_((s_.pixels() + kPixels - 1) / kPixels),
        map_row_(image_tiles_ * kPixels),
        wave_(std::clamp<int64_t>(kWavePixels / s_.pixels(), 1, s_.batch)) {
    for (int64_t g = 0; g < s_.weight_groups; ++g) segments_.push_back(find_segments(g));
    const int64_t product_bytes = filter_rows() * wave_ * map_row_ * int64_t{sizeof(T)};
    filters_ = std::clamp<int64_t>(workspace_bytes() / 4 / product_bytes, 1, kMostFilters);
    workers_ = workers_for(wave_ * std::max(filters_, image_tiles_));
    const int64_t per_group = s_.filters / s_.weight_groups;
    for (int64_t g = 0; g < s_.weight_groups; ++g) {
      for (int64_t k = 0; k < per_group; k += filters_) {
        batches_.push_back({g * per_group + k, g * per_group + std::min(k + filters_, per_group), g, k == 0});
      }
    }
    packed_weight_ = scratch<T>(s_.filters * s_.taps() * weight_row_);
    parallel_for(s_.filters, [&](int64_t k, int) { pack_filter(k, weight); });
    maps_ = scratch<T>(wave_ * image_tiles_ * s_.channels * kPixels);
    products_ = scratch<T>(most_rows() * wave_ * map_row_);
    for (int i = 0; i < workers_; ++i) {
      worker_maps_.push_back(scratch<T>(s_.pixels()));
      worker_tiles_.push_back(scratch<T>(s_.channels / s_.weight_groups * kPixels));
    }
  }

  void forward(const T* bias, Req req, T* out) {
    for_waves([&](int64_t first, int64_t images) {
      pack_maps(first, images);
      for (const Batch& batch : batches_) {
        multiply_maps(batch, images);
        const int64_t filters = batch.end - batch.begin;
        parallel_for(images * filters, [&](int64_t task, int) {
          const int64_t image = task / filters, k = batch.begin + task % filters;
          T* map = out + ((first + image) * s_.filters + k) * s_.positions();
          const T start = bias ? bias[k] : T(0);
          for (int64_t p = 0; p < s_.positions(); ++p) store(start, req, map + p);
          for_moves(batch, k, [&](int64_t row, int64_t, const MovePlan<T>& move, T nan) {
            if (nan != nan)
              std::fill_n(map, s_.positions(), nan);
            else
              kernels_.add_moved(move, product_map(row, image), map);
          });
        });
      }
    });
  }

  void backward(const T* out_grad, const ConvGradientArrays<T>& g, std::vector<double>* offset_sums) {
    const bool wants_data = g.data_req != Req::kNull, wants_weight = g.weight_req != Req::kNull;
    if (wants_data || wants_weight) grads_ = scratch<T>(wave_ * image_tiles_ * most_rows() * kRow);
    if (wants_weight) {
      channel_last_ = scratch<T>(wave_ * s_.pixels() * channel_row_);
      weight_sums_ = scratch<T>(filters_ * s_.taps() * round_up(widest_segment(), 2 * kernels_.lanes));
    }
    if (offset_sums) {
      offset_sums->assign(s_.filter_offset_groups * s_.channel_offset_groups * s_.taps() * 2, 0.0);
    }
    for_waves([&](int64_t first, int64_t images) {
      if (offset_sums) pack_maps(first, images);
      if (wants_weight) pack_channel_last(first, images);
      for (const Batch& batch : batches_) {
        if (offset_sums) {
          multiply_maps(batch, images);
          offset_gradient(batch, first, images, out_grad, offset_sums);
        }
        if (wants_data || wants_weight) transpose_moves(batch, first, images, out_grad);
        if (wants_data) data_gradient(batch, first, images, g);
        if (wants_weight) weight_gradient(batch, images, first == 0 ? g.weight_req : Req::kAdd, g.weight);
      }
    });
    if (g.bias_req != Req::kNull) bias_gradient(s_, out_grad, g.bias_req, g.bias);
  }

 private:
  template <class Body>
  void for_waves(Body body) {
    for (int64_t first = 0; first < s_.batch; first += wave_) body(first, std::min(wave_, s_.batch - first));
  }

  std::vector<Segment> find_segments(int64_t weight_group) const {
    const int64_t per_weight = s_.channels / s_.weight_groups, per_offset = s_.channels / s_.channel_offset_groups;
    std::vector<Segment> all;
    for (int64_t c = weight_group * per_weight; c < (weight_group + 1) * per_weight;) {
      const int64_t group = c / per_offset;
      const int64_t end = std::min((weight_group + 1) * per_weight, (group + 1) * per_offset);
      all.push_back({c, end, group});
      c = end;
    }
    return all;
  }

  const std::vector<Segment>& segments(int64_t weight_group) const { return segments_[weight_group]; }

  int64_t widest_segment() const { return s_.channels / s_.weight_groups; }

  // The product maps of one filter, and of as many as are treated together.
  int64_t filter_rows() const {
    size_t most = 0;
    for (int64_t g = 0; g < s_.weight_groups; ++g) most = std::max(most, segments(g).size());
    return static_cast<int64_t>(most) * s_.taps();
  }
  int64_t most_rows() const { return filter_rows() * filters_; }

  // Rows of one segment: (filter, tap) of the batch.
  int64_t batch_rows(const Batch& batch) const { return (batch.end - batch.begin) * s_.taps(); }

  T* product_map(int64_t row, int64_t image) const {
    return products_.get() + row * wave_ * map_row_ + image * map_row_;
  }
  T* grad_tile(int64_t tile, int64_t row) const { return grads_.get() + (tile * most_rows() + row) * kRow; }
  const T* weight_row(int64_t filter, int64_t channel) const {
    const int64_t in_channels = s_.channels / s_.weight_groups;
    return packed_weight_.get() + filter * s_.taps() * weight_row_ + channel % in_channels;
  }

  // weight (channels, taps) of one filter -> (taps, channels), so that (filter,
  // tap) are rows.
  void pack_filter(int64_t k, const T* weight) {
    const int64_t in_channels = s_.channels / s_.weight_groups, taps = s_.taps();
    const T* in = weight + k * in_channels * taps;
    T* out = packed_weight_.get() + k * taps * weight_row_;
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < in_channels; ++c) out[tap * weight_row_ + c] = in[c * taps + tap];
    }
  }

  // Images -> tiles of kPixels pixels, each (panels, channels, two vectors), missing pixels zero.
  void pack_maps(int64_t first, int64_t images) {
    const int64_t panel = 2 * kernels_.lanes;
    parallel_for(images * image_tiles_, [&](int64_t tile, int) {
      const int64_t begin = tile % image_tiles_ * kPixels, count = std::min(kPixels, s_.pixels() - begin);
      const T* in = data_ + (first + tile / image_tiles_) * s_.channels * s_.pixels() + begin;
      T* out = maps_.get() + tile * s_.channels * kPixels;
      for (int64_t at = 0; at < kPixels; at += panel) {
        const int64_t here = std::clamp<int64_t>(count - at, 0, panel);
        for (int64_t c = 0; c < s_.channels; ++c, out += panel) {
          std::copy_n(in + c * s_.pixels() + at, here, out);
          std::fill(out + here, out + panel, T(0));
        }
      }
    });
  }

  // Images -> (pixels, channel_row_).
  void pack_channel_last(int64_t first, int64_t images) {
    parallel_for(images * image_tiles_, [&](int64_t tile, int) {
      const int64_t begin = tile % image_tiles_ * kPixels, end = std::min(begin + kPixels, s_.pixels());
      const int64_t image = tile / image_tiles_;
      const T* in = data_ + (first + image) * s_.channels * s_.pixels();
      T* out = channel_last_.get() + image * s_.pixels() * channel_row_;
      for (int64_t p = begin; p < end; ++p) {
        std::fill(out + p * channel_row_ + s_.channels, out + (p + 1) * channel_row_, T(0));
      }
      kernels_.transpose(s_.channels, end - begin, in + begin, s_.pixels(), out + begin * channel_row_, channel_row_);
    });
  }

  // Product maps of all (segment, filter, tap) of the batch.
  void multiply_maps(const Batch& batch, int64_t images) {
    const std::vector<Segment>& parts = segments(batch.weight_group);
    const int64_t rows = batch_rows(batch), panel = 2 * kernels_.lanes;
    parallel_for(images * image_tiles_, [&](int64_t tile, int) {
      for (size_t i = 0; i < parts.size(); ++i) {
        Product<T> product;
        product.rows = rows, product.columns = kPixels, product.depth = parts[i].end - parts[i].begin;
        product.a = weight_row(batch.begin, parts[i].begin), product.a_row = weight_row_;
        product.b = maps_.get() + tile * s_.channels * kPixels + parts[i].begin * panel;
        product.b_row = panel, product.b_panel = s_.channels * panel;
        product.c = product_map(i * rows, tile / image_tiles_) + tile % image_tiles_ * kPixels;
        product.c_row = wave_ * map_row_;
        kernels_.multiply(product);
      }
    });
  }

  // Which pair of offset_ moves one tap of one filter over the channels of one set.
  int64_t offset_index(int64_t k, int64_t channel_group, int64_t tap) const {
    const int64_t filter_group = k / (s_.filters / s_.filter_offset_groups);
    return (filter_group * s_.channel_offset_groups + channel_group) * s_.taps() + tap;
  }

  // NaN where the pair is, else 0.
  T nan_of(int64_t at) const {
    const T dy = offset_[at * 2], dx = offset_[at * 2 + 1];
    return dy != dy || dx != dx ? dy + dx : T(0);
  }

  // body(row, offset index, move, nan) for every (segment, tap) of one filter;
  // nan is NaN where the offset is.
  template <class Body>
  void for_moves(const Batch& batch, int64_t k, Body body) const {
    const std::vector<Segment>& parts = segments(batch.weight_group);
    for (size_t i = 0; i < parts.size(); ++i) {
      for (int64_t tap = 0; tap < s_.taps(); ++tap) {
        const int64_t at = offset_index(k, parts[i].channel_group, tap);
        const MovePlan<T> move = move_plan(s_, moved(s_.grid_y(0, tap), offset_[at * 2]),
                                           moved(s_.grid_x(0, tap), offset_[at * 2 + 1]), rule_);
        const int64_t row = (i * (batch.end - batch.begin) + k - batch.begin) * s_.taps() + tap;
        body(row, at, move, nan_of(at));
      }
    }
  }

  // Each image's share is summed on its own, then the images and filters in
  // order.
  void offset_gradient(const Batch& batch, int64_t first, int64_t images, const T* out_grad,
                       std::vector<double>* offset_sums) {
    const int64_t filters = batch.end - batch.begin, per_filter = filter_rows() * 2;
    std::vector<double> sums(images * filters * per_filter, 0.0);
    parallel_for(images * filters, [&](int64_t task, int) {
      const int64_t image = task / filters, k = batch.begin + task % filters;
      double* sum = sums.data() + task * per_filter;
      for_moves(batch, k, [&](int64_t row, int64_t, const MovePlan<T>& move, T nan) {
        if (nan != nan)
          sum[0] = sum[1] = nan;
        else
          kernels_.moved_slopes(move, product_map(row, image),
                                out_grad + ((first + image) * s_.filters + k) * s_.positions(), sum, sum + 1);
        sum += 2;
      });
    });
    for (int64_t task = 0; task < images * filters; ++task) {
      const double* sum = sums.data() + task * per_filter;
      for_moves(batch, batch.begin + task % filters, [&](int64_t, int64_t at, const MovePlan<T>&, T) {
        (*offset_sums)[at * 2] += *sum++;
        (*offset_sums)[at * 2 + 1] += *sum++;
      });
    }
  }

  // The gradients of the product maps, as tiles (rows, kRow).
  void transpose_moves(const Batch& batch, int64_t first, int64_t images, const T* out_grad) {
    const int64_t filters = batch.end - batch.begin;
    parallel_for(images * filters, workers_, [&](int64_t task, int worker) {
      const int64_t image = task / filters, k = batch.begin + task % filters;
      T* map = worker_maps_[worker].get();
      for_moves(batch, k, [&](int64_t row, int64_t, const MovePlan<T>& move, T nan) {
        std::fill_n(map, s_.pixels(), T(0));
        if (nan == nan) {
          kernels_.spread_moved(move, out_grad + ((first + image) * s_.filters + k) * s_.positions(), map);
        }
        for (int64_t tile = 0; tile < image_tiles_; ++tile) {
          const int64_t begin = tile * kPixels, count = std::min(kPixels, s_.pixels() - begin);
          T* out = grad_tile(image * image_tiles_ + tile, row);
          std::copy_n(map + begin, count, out);
          std::fill(out + count, out + kPixels, T(0));
        }
      });
    });
  }

  void data_gradient(const Batch& batch, int64_t first, int64_t images, const ConvGradientArrays<T>& g) {
    const std::vector<Segment>& parts = segments(batch.weight_group);
    const int64_t rows = batch_rows(batch), panel = 2 * kernels_.lanes;
    const Req req = batch.first_of_group ? g.data_req : Req::kAdd;
    parallel_for(images * image_tiles_, workers_, [&](int64_t tile, int worker) {
      const int64_t begin = tile % image_tiles_ * kPixels, count = std::min(kPixels, s_.pixels() - begin);
      T* sums = worker_tiles_[worker].get();
      for (size_t i = 0; i < parts.size(); ++i) {
        Product<T> product;
        product.rows = parts[i].end - parts[i].begin, product.columns = kPixels, product.depth = rows;
        product.a = weight_row(batch.begin, parts[i].begin), product.a_row = 1, product.a_depth = weight_row_;
        product.b = grad_tile(tile, i * rows), product.b_row = kRow, product.b_panel = panel;
        product.c = sums, product.c_row = kPixels;
        kernels_.multiply(product);
        for (int64_t c = parts[i].begin; c < parts[i].end; ++c) {
          T* out = g.data + ((first + tile / image_tiles_) * s_.channels + c) * s_.pixels() + begin;
          const T* sum = sums + (c - parts[i].begin) * kPixels;
          for (int64_t p = 0; p < count; ++p) store(sum[p], req, out + p);
        }
      }
    });
  }

  void weight_gradient(const Batch& batch, int64_t images, Req req, T* weight_grad) {
    const std::vector<Segment>& parts = segments(batch.weight_group);
    const int64_t rows = batch_rows(batch), panel = 2 * kernels_.lanes, in_channels = s_.channels / s_.weight_groups;
    for (size_t i = 0; i < parts.size(); ++i) {
      const Segment part = parts[i];
      const int64_t columns = round_up(part.end - part.begin, panel);
      parallel_for(columns / panel, [&](int64_t task, int) {
        const int64_t column = task * panel, width = std::min(panel, part.end - part.begin - column);
        for (int64_t tile = 0; tile < images * image_tiles_; ++tile) {
          const int64_t begin = tile % image_tiles_ * kPixels, count = std::min(kPixels, s_.pixels() - begin);
          const T* maps = channel_last_.get() + (tile / image_tiles_ * s_.pixels() + begin) * channel_row_;
          Product<T> product;
          product.rows = rows, product.columns = round_up(width, kernels_.lanes), product.depth = count;
          product.a = grad_tile(tile, i * rows), product.a_row = kRow;
          product.b = maps + part.begin + column, product.b_row = channel_row_, product.b_panel = panel;
          product.c = weight_sums_.get() + column, product.c_row = columns, product.add = tile > 0;
          kernels_.multiply(product);
        }
        for (int64_t row = 0; row < rows; ++row) {
          const int64_t k = batch.begin + row / s_.taps(), tap = row % s_.taps();
          const T nan = nan_of(offset_index(k, part.channel_group, tap));  // what a NaN point samples
          T* out = weight_grad + k * in_channels * s_.taps() + tap;
          for (int64_t c = column; c < column + width; ++c) {
            const int64_t channel = part.begin + c - batch.weight_group * in_channels;
            store(weight_sums_[row * columns + c] + nan, req, out + channel * s_.taps());
          }
        }
      });
    }
  }

  const ConvShape& s_;
  const T* offset_;
  const Boundary rule_;
  const T* data_;
  const VectorKernels<T>& kernels_;
  const int64_t channel_row_, weight_row_, image_tiles_, map_row_, wave_;
  int workers_;
  int64_t filters_;  // at a time, so that their product maps fit the workspace
  std::vector<Batch> batches_;
  std::vector<std::vector<Segment>> segments_;  // of each weight group
  Scratch<T> packed_weight_;                    // (filters, taps, weight_row_)
  Scratch<T> maps_;                             // the wave's images in tiles
  Scratch<T> channel_last_;                     // the same, channel-last
  Scratch<T> products_;                         // (rows, wave, map_row_)
  Scratch<T> grads_;                            // the gradients of products_, in tiles
  Scratch<T> weight_sums_;
  std::vector<Scratch<T>> worker_maps_, worker_tiles_;
};

}  // namespace

bool prefers_product_first(const ConvShape& s, bool backward) {
  const bool possible = s.stride_y == 1 && s.stride_x == 1 && s.filter_offset_groups > 1;
  return possible && s.channels / s.weight_groups >= kLeastChannels &&
         (!backward || s.filters / s.filter_offset_groups < kManyFilters);
}

template <class T>
void product_first_conv_forward(const ConvShape& shape, const T* offset, Boundary rule, const T* data, const T* weight,
                                const T* bias, Req req, T* out) {
  if (req == Req::kNull || shape.batch == 0) return;
  ProductFirstConv<T>(shape, offset, rule, data, weight).forward(bias, req, out);
}

template <class T>
void product_first_conv_backward(const ConvShape& shape, const T* offset, Boundary rule, const T* out_grad,
                                 const T* data, const T* weight, const ConvGradientArrays<T>& gradients,
                                 std::vector<double>* offset_sums) {
  if (shape.batch == 0) {
    if (offset_sums) offset_sums->assign(shape.offset_sets() * shape.taps() * 2, 0.0);
    return empty_batch_gradients<T>(shape, gradients);
  }
  ProductFirstConv<T>(shape, offset, rule, data, weight).backward(out_grad, gradients, offset_sums);
}

#define ACN_INSTANTIATE(T)                                                                                          \
  template void product_first_conv_forward(const ConvShape&, const T*, Boundary, const T*, const T*, const T*, Req, \
                                           T*);                                                                     \
  template void product_first_conv_backward(const ConvShape&, const T*, Boundary, const T*, const T*, const T*,     \
                                            const ConvGradientArrays<T>&, std::vector<double>*);
ACN_INSTANTIATE(float)
ACN_INSTANTIATE(double)
#undef ACN_INSTANTIATE

}  // namespace acn
