// SPDX-License-Identifier: Apache-2.0
#include "../core/cuda/roi/roi_bodies.h"
#include "../core/cuda/runtime/arena.h"
#include "../core/cuda/runtime/device_kernels.h"
#include "contract.h"
#include "geometry.h"

namespace acn::cuda {
namespace {

// One bin of one RoI; no cells where it is empty, or there is no image to read.
template <class S>
struct PsroiBin {
  using T = Compute<S>;
  int64_t image;  // or what roi_image says instead
  bool finite;
  PsroiSpan y, x;

  ACN_BODY PsroiBin(const RoiShape& s, const S* roi, T scale, int32_t bin_y, int32_t bin_x) : y{0, 0}, x{0, 0} {
    const RoiRow<S> row(roi);
    const RoiBox<T> box = psroi_box(row.numbers, scale, s.pooled_size);
    image = roi_image(row.numbers[0], s.batch);
    finite = box.finite || image == kNoRegion;
    if (image < 0 || !finite) return;
    y = psroi_span(box.start_y, box.bin_y, bin_y, s.height);
    x = psroi_span(box.start_x, box.bin_x, bin_x, s.width);
  }
  ACN_BODY T area() const { return y.end > y.begin && x.end > x.begin ? T(y.end - y.begin) * T(x.end - x.begin) : 0; }
};

template <class S>
struct PsroiForward {
  RoiShape s;
  const S* data;
  const S* rois;
  Compute<S> scale;
  Req req;
  S* out;
  int32_t* bad_image;
  ACN_BODY void operator()(int64_t roi, int64_t x) const {
    using T = Compute<S>;
    const RoiPlace at(s, x);
    const PsroiBin<S> bin(s, rois + roi * 5, scale, at.bin_y, at.bin_x);
    if (bin.image == kWrongImage) raise_flag(bad_image);
    T sum = bin.image == kWrongImage || !bin.finite ? not_a_number<T>() : 0;
    if (bin.area() > 0) {
      const int64_t channel = roi_channel(at.channel, at.group_y, at.group_x, s.group_size);
      const S* map = data + (bin.image * s.channels() + channel) * s.pixels();
      for (int32_t i = bin.y.begin; i < bin.y.end; ++i) {
        for (int32_t j = bin.x.begin; j < bin.x.end; ++j) sum += load(map + int64_t{i} * s.width + j);
      }
      sum /= bin.area();
    }
    put(sum, req, out + roi * s.output_dim * s.bins() + x);
  }
};

// Every bin adds its share to the cells it read.
template <class S>
struct PsroiScatter {
  RoiShape s;
  const S* rois;
  Compute<S> scale;
  const S* out_grad;
  S* data_grad;
  int32_t* bad_image;
  ACN_BODY void operator()(int64_t roi, int64_t x) const {
    const RoiPlace at(s, x);
    const PsroiBin<S> bin(s, rois + roi * 5, scale, at.bin_y, at.bin_x);
    if (bin.image == kWrongImage) raise_flag(bad_image);
    if (!(bin.area() > 0)) return;
    const S share = out_grad[roi * s.output_dim * s.bins() + x] / bin.area();
    const int64_t channel = roi_channel(at.channel, at.group_y, at.group_x, s.group_size);
    S* map = data_grad + (bin.image * s.channels() + channel) * s.pixels();
    for (int32_t i = bin.y.begin; i < bin.y.end; ++i) {
      for (int32_t j = bin.x.begin; j < bin.x.end; ++j) atomic_add(map + int64_t{i} * s.width + j, share);
    }
  }
};

// The RoIs as the gathering threads read them: images (rois), -1 for none; spans (rois, 2, pooled_size), y before x.
struct PsroiTable {
  int32_t* images;
  PsroiSpan* spans;
};

template <class S>
struct FillPsroiTable {
  RoiShape s;
  const S* rois;
  Compute<S> scale;
  PsroiTable table;
  int32_t* bad_image;
  ACN_BODY void operator()(int64_t roi, int64_t number) const {
    const PsroiBin<S> bin(s, rois + roi * 5, scale, static_cast<int32_t>(number), static_cast<int32_t>(number));
    if (bin.image == kWrongImage) raise_flag(bad_image);
    if (number == 0) table.images[roi] = bin.finite ? static_cast<int32_t>(bin.image) : -1;
    table.spans[roi * 2 * s.pooled_size + number] = bin.y;
    table.spans[(roi * 2 + 1) * s.pooled_size + number] = bin.x;
  }
};

// row: image * channels + channel of data; x: pixel.
template <class S>
struct PsroiGather {
  RoiShape s;
  PsroiTable table;
  const S* out_grad;
  Req req;
  S* data_grad;
  ACN_BODY void operator()(int64_t row, int64_t x) const {
    using T = Compute<S>;
    const DataPlace at(s, row % s.channels());
    const int64_t image = row / s.channels();
    const int32_t pixel_y = static_cast<int32_t>(x) / s.width, pixel_x = static_cast<int32_t>(x) % s.width;
    const int32_t y_begin = first_bin(s, at.group_y), y_end = first_bin(s, at.group_y + 1);
    const int32_t x_begin = first_bin(s, at.group_x), x_end = first_bin(s, at.group_x + 1);
    T sum = 0;
    for (int64_t roi = 0; roi < s.rois; ++roi) {
      if (table.images[roi] != image) continue;
      const PsroiSpan* ys = table.spans + roi * 2 * s.pooled_size;
      const PsroiSpan* xs = ys + s.pooled_size;
      const S* grads = out_grad + (roi * s.output_dim + at.channel) * s.bins();
      for (int32_t i = y_begin; i < y_end; ++i) {
        if (pixel_y < ys[i].begin || pixel_y >= ys[i].end) continue;
        for (int32_t j = x_begin; j < x_end; ++j) {
          if (pixel_x < xs[j].begin || pixel_x >= xs[j].end) continue;
          sum += load(grads + i * s.pooled_size + j) / (T(ys[i].end - ys[i].begin) * T(xs[j].end - xs[j].begin));
        }
      }
    }
    put(sum, req, data_grad + row * s.pixels() + x);
  }
};

struct PsroiScratch {
  PsroiTable table;
  PsroiScratch(const RoiShape& s, Arena* arena)
      : table{arena->take<int32_t>(s.rois), arena->take<PsroiSpan>(s.rois * 2 * s.pooled_size)} {}
};

class PsroiKernels : public DeviceKernels {
 public:
  int64_t workspace_bytes(const Operator& op, const std::vector<Tensor>& inputs, bool backward, bool) const override {
    Arena arena;
    if (backward) PsroiScratch(shape_of(op, {0, 0, 0, 0}, inputs[1].shape), &arena);
    return arena.used();
  }

  void forward(const Operator& op, const std::vector<Tensor>& inputs, Req req, const Tensor& output,
               const Run& run) const override {
    const RoiShape s = shape_of(op, inputs[0].shape, inputs[1].shape);
    dispatch_storage(output.dtype, [&](auto zero) {
      using S = decltype(zero);
      launch(
          run.stream, s.rois, s.output_dim * s.bins(),
          PsroiForward<S>{s, inputs[0].as<S>(), inputs[1].as<S>(), scale<S>(op), req, output.as<S>(), run.bad_value});
    });
  }

  void backward(const Operator& op, const Tensor& output_grad, const std::vector<Tensor>& inputs,
                const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads, const Run& run) const override {
    // Where the gradient of data is not wanted, nothing may be known of data.
    const bool wants_data = reqs[0] != Req::kNull;
    const RoiShape s = shape_of(op, wants_data ? inputs[0].shape : Shape{0, 0, 0, 0}, inputs[1].shape);
    dispatch_storage(output_grad.dtype, [&](auto zero) {
      using S = decltype(zero);
      store_no_rois_gradient(run.stream, s, reqs[1], input_grads[1].as<S>());
      if (!wants_data) return;
      const S *rois = inputs[1].as<S>(), *head = output_grad.as<S>();
      S* data_grad = input_grads[0].as<S>();
      if constexpr (sizeof(S) >= 4) {
        if (!run.deterministic) {
          if (reqs[0] == Req::kWrite) {
            fill_zero(run.stream, data_grad, s.batch * s.channels() * s.pixels() * static_cast<int64_t>(sizeof(S)));
          }
          launch(run.stream, s.rois, s.output_dim * s.bins(),
                 PsroiScatter<S>{s, rois, scale<S>(op), head, data_grad, run.bad_value});
          return;
        }
      }
      // Half types are summed in float32, which the gathering threads do anyway.
      Arena arena(run.workspace, run.workspace_bytes);
      const PsroiScratch scratch(s, &arena);
      launch(run.stream, s.rois, s.pooled_size, FillPsroiTable<S>{s, rois, scale<S>(op), scratch.table, run.bad_value});
      launch(run.stream, s.batch * s.channels(), s.pixels(),
             PsroiGather<S>{s, scratch.table, head, reqs[0], data_grad});
    });
  }

  const char* bad_value() const override { return kBadImage; }

 private:
  static const RoiAttributes& roi(const Operator& op) { return static_cast<const PSROIPooling&>(op).roi(); }
  static RoiShape shape_of(const Operator& op, const Shape& data, const Shape& rois) {
    return roi(op).shape(data, rois);
  }
  template <class S>
  static Compute<S> scale(const Operator& op) {
    return roi(op).template scale<Compute<S>>();
  }
};

const AnnounceKernels<PsroiKernels> kAnnounce{PSROIPooling::kName};

}  // namespace
}  // namespace acn::cuda
