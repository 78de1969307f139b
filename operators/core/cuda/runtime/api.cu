// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "../../contract/call.h"
#include "../../contract/cuda_api.h"
#include "../../contract/error.h"
#include "../../contract/guarded.h"
#include "../../contract/handle.h"
#include "../../contract/views.h"
#include "device.h"
#include "device_kernels.h"
#include "types.h"

namespace acn::cuda {
namespace {

thread_local std::string last_error;

// In the order of their flags.
std::vector<std::pair<std::string, const DeviceKernels*>>& registry() {
  static auto* all = new std::vector<std::pair<std::string, const DeviceKernels*>>;
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
    // What this flag cannot say is whose call it was; what waits for its own work has a flag of its own.
    if (!take_flag(flags, i)) continue;
    fail(registry()[i].first, ": ", registry()[i].second->bad_value(), " (met by earlier work on CUDA device ", device,
         ")");
  }
}

Tensor view(const acn_tensor& tensor) { return view_of(tensor, DType::kBFloat16, true); }
std::vector<Tensor> views(const acn_tensor* tensors, int count) {
  return views_of(tensors, count, DType::kBFloat16, true);
}

int64_t workspace_of(const Handle& h, const std::vector<Tensor>& inputs, bool backward, bool deterministic) {
  return kernels_of(h.name).workspace_bytes(*h.op, inputs, backward, deterministic);
}

void check_workspace(const Handle& h, int64_t needed, const Run& run) {
  require(run.workspace_bytes >= needed, h.name, ": a workspace of ", needed, " bytes is needed, got ",
          run.workspace_bytes);
}

struct Place {
  void* workspace;
  int64_t workspace_bytes;
  int device;
  void* stream;
  Flags flag{};  // of this call alone, where there is one
};

Run run_on(const Handle& h, const Place& place, bool deterministic) {
  return {deterministic,
          place.workspace,
          place.workspace_bytes,
          place.device,
          static_cast<Stream>(place.stream),
          place.flag.on_device ? place.flag.on_device : flags_of(place.device).on_device + number_of(h.name)};
}

// Arguments of one call, checked.
struct ForwardCall {
  const Handle& h;
  std::vector<Tensor> inputs;
  Req req;
  Tensor output;

  ForwardCall(void* handle, int count, const acn_tensor* given, int32_t wanted, const acn_tensor* out)
      : h(*static_cast<Handle*>(handle)), inputs(views(given, count)), req(req_of(wanted)), output(view(*out)) {
    check_forward(h.name, *h.op, inputs, output);
  }
  int64_t workspace() const { return workspace_of(h, inputs, false, false); }
  void run(const Place& place) const {
    const Run how = run_on(h, place, false);
    check_workspace(h, workspace(), how);
    if (req != Req::kNull) kernels_of(h.name).forward(*h.op, inputs, req, output, how);
  }
};

struct BackwardCall {
  const Handle& h;
  Tensor output_grad;
  std::vector<Tensor> inputs, grads;
  std::vector<Req> reqs;
  bool deterministic;

  BackwardCall(void* handle, const acn_tensor* head, int count, const acn_tensor* given, const int32_t* wanted,
               const acn_tensor* results, int is_deterministic)
      : h(*static_cast<Handle*>(handle)),
        output_grad(view(*head)),
        inputs(views(given, count)),
        grads(views(results, count)),
        reqs(reqs_of(wanted, count)),
        deterministic(is_deterministic != 0) {
    const bool known = std::all_of(given, given + count, [](const acn_tensor& one) { return one.ndim >= 0; });
    if (known) check_backward(h.name, *h.op, output_grad, inputs, reqs, grads);
  }
  int64_t workspace() const { return workspace_of(h, inputs, true, deterministic); }
  void run(const Place& place) const {
    const Run how = run_on(h, place, deterministic);
    check_workspace(h, workspace(), how);
    kernels_of(h.name).backward(*h.op, output_grad, inputs, reqs, grads, how);
  }
};

template <class Call>
void run_and_wait(const Call& call, int device) {
  const OnDevice on(device);
  const int64_t bytes = call.workspace();
  const OwnStream own(device, bytes);
  call.run({own.memory(), bytes, device, own.stream(), own.flag()});
  own.wait();
  if (take_flag(own.flag())) fail(call.h.name, ": ", kernels_of(call.h.name).bad_value());
}

}  // namespace

void announce(const std::string& name, const DeviceKernels& kernels) {
  require(registry().size() < kFlags, "too many operators");
  registry().emplace_back(name, &kernels);
}

const DeviceKernels& kernels_of(const std::string& name) { return *registry()[number_of(name)].second; }

}  // namespace acn::cuda

using namespace acn;
using namespace acn::cuda;

const char* acn_cuda_last_error(void) { return last_error.c_str(); }

const char* acn_cuda_abi(void) { return ACN_ABI; }

int acn_cuda_device_count(int* count) {
  return guarded(&last_error, [&] { *count = device_count(); });
}

const char* acn_cuda_architectures(void) { return architectures(); }

int acn_cuda_runtime_version(void) { return runtime_version(); }

int acn_cuda_workspace_bytes(void* handle, int count, const acn_tensor* inputs, int backward, int deterministic,
                             int64_t* bytes) {
  return guarded(&last_error, [&] {
    const Handle& h = *static_cast<Handle*>(handle);
    const std::vector<Tensor> given = views(inputs, count);
    check_inputs(h.name, *h.op, given);
    *bytes = workspace_of(h, given, backward != 0, deterministic != 0);
  });
}

int acn_cuda_forward(void* handle, int count, const acn_tensor* inputs, int32_t req, const acn_tensor* output,
                     void* workspace, int64_t workspace_bytes, int device, void* stream) {
  return guarded(&last_error, [&] {
    const ForwardCall call(handle, count, inputs, req, output);
    const OnDevice on(device);
    check_flags(device);
    call.run({workspace, workspace_bytes, device, stream});
  });
}

int acn_cuda_backward(void* handle, const acn_tensor* output_grad, int count, const acn_tensor* inputs,
                      const int32_t* reqs, const acn_tensor* input_grads, int deterministic, void* workspace,
                      int64_t workspace_bytes, int device, void* stream) {
  return guarded(&last_error, [&] {
    const BackwardCall call(handle, output_grad, count, inputs, reqs, input_grads, deterministic);
    const OnDevice on(device);
    check_flags(device);
    call.run({workspace, workspace_bytes, device, stream});
  });
}

int acn_cuda_forward_and_wait(void* handle, int count, const acn_tensor* inputs, int32_t req, const acn_tensor* output,
                              int device) {
  return guarded(&last_error, [&] { run_and_wait(ForwardCall(handle, count, inputs, req, output), device); });
}

int acn_cuda_backward_and_wait(void* handle, const acn_tensor* output_grad, int count, const acn_tensor* inputs,
                               const int32_t* reqs, const acn_tensor* input_grads, int deterministic, int device) {
  return guarded(&last_error, [&] {
    run_and_wait(BackwardCall(handle, output_grad, count, inputs, reqs, input_grads, deterministic), device);
  });
}

int acn_cuda_check(int device) {
  return guarded(&last_error, [&] { check_flags(device); });
}
