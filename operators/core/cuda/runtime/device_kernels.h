// SPDX-License-Identifier: Apache-2.0
// What a room's cuda.cu offers, and where the library finds it.
#pragma once

#include <string>
#include <vector>

#include "../../contract/operator.h"
#include "platform.h"

namespace acn::cuda {

// How and where one call runs.
struct Run {
  bool deterministic;
  void* workspace;
  int64_t workspace_bytes;
  int device;
  Stream stream;
  int32_t* bad_value;  // kernels store 1 where they meet a value nobody could check before
};

// Inputs are as the operator's infer_shapes accepted them, all of one dtype, on one device.
class DeviceKernels {
 public:
  virtual ~DeviceKernels() = default;
  virtual int64_t workspace_bytes(const Operator& op, const std::vector<Tensor>& inputs, bool backward,
                                  bool deterministic) const = 0;
  virtual void forward(const Operator& op, const std::vector<Tensor>& inputs, Req req, const Tensor& output,
                       const Run& run) const = 0;
  // As Operator::backward: input_grads[i].data is valid only where reqs[i] is not kNull.
  virtual void backward(const Operator& op, const Tensor& output_grad, const std::vector<Tensor>& inputs,
                        const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads, const Run& run) const = 0;
  // What Run::bad_value means here.
  virtual const char* bad_value() const { return "an input holds a value that is out of range"; }
};

// Rooms announce theirs with a file-scope `const AnnounceKernels<TheirKernels> announce{TheirOperator::kName};`.
void announce(const std::string& name, const DeviceKernels& kernels);
const DeviceKernels& kernels_of(const std::string& name);

template <class TheirKernels>
struct AnnounceKernels {
  explicit AnnounceKernels(const char* name) {
    announce(name, *new TheirKernels);  // never destroyed: callbacks may run while the process exits
  }
};

}  // namespace acn::cuda
