// SPDX-License-Identifier: Apache-2.0
#include "contract.h"

#include <limits>

#include "../core/contract/error.h"

namespace acn {
namespace {
const Announce<DynamicFilter> kAnnounce;
constexpr int64_t kIndexLimit = std::numeric_limits<int32_t>::max();
constexpr int64_t kMostAlong = 1 << 10;  // taps or samples along one side
constexpr int64_t kLongestStep = 1 << 20;

void require_pair(const char* name, const Pair& value, int64_t most) {
  require(value[0] >= 1 && value[1] >= 1 && value[0] <= most && value[1] <= most, DynamicFilter::kName, ": attribute '",
          name, "' must hold integers of 1 to ", most, ", got (", value[0], ", ", value[1], ")");
}
}  // namespace

std::vector<InputInfo> DynamicFilter::all_inputs() {
  return {{"data", "(N, C, H, W)"},
          {"channel_kernel",
           "(N, num_filter * C, H, W): at each position, what channel u counts at the centre tap of "
           "filter v, in channel v * C + u"},
          {"spatial_kernel",
           "(N, num_filter * taps, H, W): at each position, the taps of filter v, row by row, which "
           "all channels share; tap t in channel v * taps + t"},
          {"position_attention", "(N, taps, H, W): a factor of each tap, row by row"},
          {"sample_attention", "(N, number of samples, H, W): a factor of each sample, row by row"}};
}

DynamicFilter::DynamicFilter(Attributes& attributes) {
  attributes.required("num_filter", &num_filter_, "number of output channels");
  attributes.optional("kernel", &kernel_, "taps of a window (y, x)");
  attributes.optional("samples", &samples_, "windows around a position (y, x); 1 is a plain dynamic filter");
  attributes.optional("sample_stride", &sample_stride_, "step between windows, in pixels");
  attributes.optional("dilate", &dilate_, "step between taps, in pixels");
  attributes.choice("fusion", &fusion_, {"sum", "mean"},
                    "how the samples become one: their sum, as in the paper, or that over their number");
  attributes.optional("residual", &residual_,
                      "add 1 / C to every channel_kernel: a kernel of zeros gives the mean of the channels");
  attributes.choice("attention_at", &attention_at_, {"sample", "output"},
                    "where position_attention is read: at the centre of the sampled window, as in the paper, or at the "
                    "output position");
  attributes.optional("softmax", &softmax_, "take the softmax of spatial_kernel over the taps of each filter");
  if (!attributes.finish()) return;
  require(num_filter_ >= 1 && num_filter_ <= kIndexLimit, kName, ": attribute 'num_filter' must be 1 to ", kIndexLimit,
          ", got ", num_filter_);
  require_pair("kernel", kernel_, kMostAlong);
  require_pair("samples", samples_, kMostAlong);
  require_pair("sample_stride", sample_stride_, kLongestStep);
  require_pair("dilate", dilate_, kLongestStep);
}

DynamicFilterShape DynamicFilter::shape(const Shape& data) const {
  DynamicFilterShape s{};
  s.batch = data[0], s.channels = data[1], s.filters = num_filter_;
  s.height = static_cast<int32_t>(data[2]), s.width = static_cast<int32_t>(data[3]);
  for (int axis = 0; axis < 2; ++axis) {
    s.kernel[axis] = static_cast<int32_t>(kernel_[axis]);
    s.samples[axis] = static_cast<int32_t>(samples_[axis]);
    s.sample_stride[axis] = static_cast<int32_t>(sample_stride_[axis]);
    s.dilate[axis] = static_cast<int32_t>(dilate_[axis]);
  }
  s.mean = fusion_ == "mean";
  s.residual = residual_;
  s.at_output = attention_at_ == "output";
  s.softmax = softmax_;
  return s;
}

Shape DynamicFilter::infer_shapes(std::vector<std::optional<Shape>>* inputs) const {
  const Shape& data = *(*inputs)[0];
  require(data.size() == 4, kName, ": data must have 4 dimensions (N, C, H, W), got shape ", to_string(data));
  require(data[1] >= 1 && data[2] >= 1 && data[3] >= 1 && data[2] <= (kIndexLimit - 1) / data[3], kName,
          ": data must have a channel and maps of 1 to 2^31 - 2 pixels, got shape ", to_string(data));
  require(data[1] <= kIndexLimit / num_filter_, kName,
          ": num_filter times the channels of data must be below 2^31, got ", num_filter_, " x ", data[1]);
  const int64_t taps = kernel_[0] * kernel_[1], samples = samples_[0] * samples_[1];
  require(taps <= kIndexLimit / num_filter_, kName, ": num_filter times the taps must be below 2^31, got ", num_filter_,
          " x ", taps);
  const auto maps = [&](int64_t channels) { return Shape{data[0], channels, data[2], data[3]}; };
  expect_shape(kName, "channel_kernel", maps(num_filter_ * data[1]), &(*inputs)[1], "(N, num_filter * C, H, W)");
  expect_shape(kName, "spatial_kernel", maps(num_filter_ * taps), &(*inputs)[2], "(N, num_filter * taps, H, W)");
  expect_shape(kName, "position_attention", maps(taps), &(*inputs)[3], "(N, taps, H, W)");
  expect_shape(kName, "sample_attention", maps(samples), &(*inputs)[4], "(N, number of samples, H, W)");
  return maps(num_filter_);
}

}  // namespace acn
