// SPDX-License-Identifier: Apache-2.0
#include "../cuda_api.h"

#include "../call.h"
#include "../error.h"
#include "../handle.h"
#include "device.h"
#include "kernels.h"
#include "types.h"

namespace acn::cuda {
namespace {

thread_local std::string last_error;

template <class Body>
int guarded(Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    last_error = error.what();
    return -1;
  }
}

// In the order of their flags.
std::vector<std::pair<std::string, const Kernels*>>& registry() {
  static auto* all = new std::vector<std::pair<std::string, const Kernels*>>;
  return *all;
}

size_t number_of(const std::string& name) {
  for (size_t i = 0; i < registry().size(); ++i) {
    if (registry()[i].first == name) return i;
  }
  fail(name, " has no CUDA kernels");
}

// Throws, and clears the flag, if work that is finished met a bad value.
void check_flags(int device) {
  const Flags flags = flags_of(device);
  for (size_t i = 0; i < registry().size(); ++i) {
    if (!flags.on_host[i]) continue;
    flags.on_host[i] = 0;
    fail(registry()[i].first, ": ", registry()[i].second->bad_value(), " (met by earlier work on CUDA device ", device,
         ")");
  }
}

Tensor view(const acn_tensor& tensor) {
  require(tensor.dtype >= 0 && tensor.dtype <= 3, "CUDA: dtype codes are 0 float32, 1 float64, 2 float16, 3 bfloat16");
  return {tensor.data, static_cast<DType>(tensor.dtype), Shape(tensor.shape, tensor.shape + tensor.ndim)};
}

std::vector<Tensor> views(const acn_tensor* tensors, int count) {
  std::vector<Tensor> all;
  for (int i = 0; i < count; ++i) all.push_back(view(tensors[i]));
  return all;
}

void check_workspace(const Handle& h, const Run& run, const std::vector<Tensor>& inputs, bool backward) {
  const int64_t needed = kernels_of(h.name).workspace_bytes(*h.op, inputs, backward, run.deterministic);
  require(run.workspace_bytes >= needed, h.name, ": a workspace of ", needed, " bytes is needed, got ",
          run.workspace_bytes);
}

}  // namespace

void announce(const std::string& name, const Kernels& kernels) {
  require(registry().size() < kFlags, "too many operators");
  registry().emplace_back(name, &kernels);
}

const Kernels& kernels_of(const std::string& name) { return *registry()[number_of(name)].second; }

}  // namespace acn::cuda

using namespace acn;
using namespace acn::cuda;

const char* acn_cuda_last_error(void) { return last_error.c_str(); }

int acn_cuda_device_count(int* count) {
  return guarded([&] { *count = device_count(); });
}

const char* acn_cuda_architectures(void) { return architectures(); }

int acn_cuda_runtime_version(void) { return runtime_version(); }

int acn_cuda_workspace_bytes(void* handle, int count, const acn_tensor* inputs, int backward, int deterministic,
                             int64_t* bytes) {
  return guarded([&] {
    const Handle& h = *static_cast<Handle*>(handle);
    const std::vector<Tensor> given = views(inputs, count);
    check_inputs(h.name, *h.op, given);
    *bytes = kernels_of(h.name).workspace_bytes(*h.op, given, backward != 0, deterministic != 0);
  });
}

int acn_cuda_forward(void* handle, int count, const acn_tensor* inputs, int32_t req, const acn_tensor* output,
                     void* workspace, int64_t workspace_bytes, int device, void* stream) {
  return guarded([&] {
    const Handle& h = *static_cast<Handle*>(handle);
    const std::vector<Tensor> given = views(inputs, count);
    const Tensor out = view(*output);
    check_forward(h.name, *h.op, given, out);
    const OnDevice on(device);
    check_flags(device);
    const Run run{false, workspace, workspace_bytes, device, static_cast<Stream>(stream), flags_of(device).on_device + number_of(h.name)};
    check_workspace(h, run, given, false);
    if (static_cast<Req>(req) == Req::kNull) return;
    kernels_of(h.name).forward(*h.op, given, static_cast<Req>(req), out, run);
  });
}

int acn_cuda_backward(void* handle, const acn_tensor* output_grad, int count, const acn_tensor* inputs,
                      const int32_t* reqs, const acn_tensor* input_grads, int deterministic, void* workspace,
                      int64_t workspace_bytes, int device, void* stream) {
  return guarded([&] {
    const Handle& h = *static_cast<Handle*>(handle);
    const std::vector<Tensor> given = views(inputs, count), grads = views(input_grads, count);
    const Tensor head = view(*output_grad);
    std::vector<Req> wanted;
    for (int i = 0; i < count; ++i) wanted.push_back(static_cast<Req>(reqs[i]));
    check_backward(h.name, *h.op, head, given, wanted, grads);
    const OnDevice on(device);
    check_flags(device);
    const Run run{deterministic != 0, workspace, workspace_bytes, device, static_cast<Stream>(stream),
                  flags_of(device).on_device + number_of(h.name)};
    check_workspace(h, run, given, true);
    kernels_of(h.name).backward(*h.op, head, given, wanted, grads, run);
  });
}

int acn_cuda_check(int device) {
  return guarded([&] { check_flags(device); });
}
