// SPDX-License-Identifier: Apache-2.0
// Convolution over sampling points that a room chooses, on CUDA. The columns of a chunk of positions are built in the
// workspace and multiplied by the weights; backward multiplies first, and one pass then turns the column's gradient
// into that of points and data and into the column itself, which the weight's gradient needs.
#pragma once

#include "../../conv/conv_gradients.h"
#include "../runtime/device_kernels.h"
#include "conv_plan.h"

namespace acn::cuda {

template <class S>
void conv_forward(const ConvPlan& plan, const DevicePoints<Compute<S>>& points, const S* data, const S* weight,
                  const S* bias, Req req, S* out, const Run& run);

template <class S>
struct DeviceConvGradients : ConvGradientArrays<S> {
  DevicePointSink<Compute<S>>* points;  // null: not wanted
};

template <class S>
void conv_backward(const ConvPlan& plan, const DevicePoints<Compute<S>>& points, const S* out_grad, const S* data,
                   const S* weight, const DeviceConvGradients<S>& gradients, const ConvScratch<S>& scratch,
                   const Run& run);

}  // namespace acn::cuda
