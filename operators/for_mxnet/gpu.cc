// SPDX-License-Identifier: Apache-2.0
#include "gpu.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "../core/contract/cuda_api.h"
#include "../core/contract/error.h"

namespace acn {
namespace {

// Beside the library that this code is in.
std::string cuda_library_path() {
  Dl_info info;
  require(dladdr(reinterpret_cast<void*>(&acn_last_error), &info) != 0, "the operator library is in no file");
  const std::string path = info.dli_fname;
  return path.substr(0, path.rfind('/') + 1) + "libactive_convnets_cuda.so";
}

template <class Function>
void find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  require(*function != nullptr, "the CUDA library is of another version than this one: it has no ", name);
}

bool is_deterministic() {
  const char* wish = std::getenv("MXNET_ENFORCE_DETERMINISM");
  return wish && std::strcmp(wish, "1") == 0;
}

acn_tensor as_c(const Tensor& tensor) {
  const bool known = !tensor.shape.empty();
  return {tensor.data, static_cast<int32_t>(tensor.dtype), known ? static_cast<int32_t>(tensor.shape.size()) : -1,
          tensor.shape.data()};
}

std::vector<acn_tensor> as_c(const std::vector<Tensor>& tensors) {
  std::vector<acn_tensor> all;
  for (const Tensor& tensor : tensors) all.push_back(as_c(tensor));
  return all;
}

}  // namespace

struct Gpu::Functions {
  decltype(&acn_cuda_last_error) last_error;
  decltype(&acn_cuda_forward_and_wait) forward;
  decltype(&acn_cuda_backward_and_wait) backward;
};

Gpu::Gpu(const std::string& name) {
  const std::string path = cuda_library_path();
  void* library = dlopen(path.c_str(), RTLD_NOW);
  require(library != nullptr, name, ": an array lies on a GPU, and this build serves the CPU only (", dlerror(),
          "); docs/cuda.md tells how to build the CUDA library");
  decltype(&acn_cuda_abi) abi;
  find(library, "acn_cuda_abi", &abi);
  require(std::strcmp(abi(), acn_abi()) == 0, path, " was built from other sources than the library beside it (", abi(),
          " and ", acn_abi(), "): build both again");
  auto* found = new Functions;
  find(library, "acn_cuda_last_error", &found->last_error);
  find(library, "acn_cuda_forward_and_wait", &found->forward);
  find(library, "acn_cuda_backward_and_wait", &found->backward);
  functions_ = found;
}

const Gpu& Gpu::get(const std::string& name) {
  static const Gpu gpu(name);
  return gpu;
}

void Gpu::forward(const std::string& name, const std::shared_ptr<const Operator>& op, const std::vector<Tensor>& inputs,
                  Req req, const Tensor& output, int device) const {
  Handle handle{name, op, {}};
  const std::vector<acn_tensor> given = as_c(inputs);
  const acn_tensor out = as_c(output);
  if (functions_->forward(&handle, static_cast<int>(given.size()), given.data(), static_cast<int32_t>(req), &out,
                          device)) {
    fail(functions_->last_error());
  }
}

void Gpu::backward(const std::string& name, const std::shared_ptr<const Operator>& op, const Tensor& output_grad,
                   const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                   const std::vector<Tensor>& input_grads, int device) const {
  Handle handle{name, op, {}};
  const std::vector<acn_tensor> given = as_c(inputs), grads = as_c(input_grads);
  const acn_tensor head = as_c(output_grad);
  std::vector<int32_t> wanted;
  for (Req req : reqs) wanted.push_back(static_cast<int32_t>(req));
  if (functions_->backward(&handle, &head, static_cast<int>(given.size()), given.data(), wanted.data(), grads.data(),
                           is_deterministic(), device)) {
    fail(functions_->last_error());
  }
}

}  // namespace acn
