// SPDX-License-Identifier: Apache-2.0
// Active convolution with many offset sets: multiply first, then sample.
//
// A tap that looks at one constant displacement at all positions is a sampled
// map, and sampling a map commutes with summing maps over channels. So the 1x1
// products of every (filter, tap) with the unmoved channels come first, and
// each product map is moved by its own offset: the same arithmetic for one
// offset set as for one per filter, where building columns would repeat itself
// for every set. Stride 1 only.
#pragma once

#include <vector>

#include "../core/conv/conv_contract.h"
#include "../core/conv/sampled_conv.h"
#include "../core/sampling/bilinear.h"

namespace acn {

// With fewer channels a group the products are too thin to pay for moving their maps.
constexpr int64_t kLeastChannels = 8;
// Backward needs one product more than columns do, which pays when the columns of each offset set would serve fewer
// filters than this.
constexpr int64_t kManyFilters = 24;

// Whether this path is the faster one for such a convolution, forward or backward.
bool prefers_product_first(const ConvShape& shape, bool backward);

template <class T>
void product_first_conv_forward(const ConvShape& shape, const T* offset, Boundary rule, const T* data, const T* weight,
                                const T* bias, Req req, T* out);

// offset_sums, unless null, receives the offset
// gradient (filter offset groups, channel offset groups, taps, 2).
template <class T>
void product_first_conv_backward(const ConvShape& shape, const T* offset, Boundary rule, const T* out_grad,
                                 const T* data, const T* weight, const ConvGradientArrays<T>& gradients,
                                 std::vector<double>* offset_sums);

}  // namespace acn
