// SPDX-License-Identifier: Apache-2.0
// The CUDA library's interface in its host build: every dtype, both ways to sum, a workspace of just the size asked for.
#include "../../../operators/core/contract/cuda_api.h"

#include "fronts.h"

namespace fuzz {
namespace {

std::vector<acn_tensor> as_c(const std::vector<Array>& arrays) {
  std::vector<acn_tensor> all;
  for (const Array& array : arrays) {
    all.push_back({array.data(), static_cast<int32_t>(array.dtype()), static_cast<int32_t>(array.shape().size()),
                   array.shape().data()});
  }
  return all;
}

// As CUDA aligns it.
struct Workspace {
  std::unique_ptr<char[]> memory;
  void* aligned;
  explicit Workspace(int64_t bytes) : memory(new char[static_cast<size_t>(bytes) + 255]) {
    aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory.get()) + 255) / 256 * 256);
  }
};

}  // namespace

void through_cuda(const FuzzCase& drawn, Random* random, Tally* tally) {
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : drawn.attributes) keys.push_back(key.c_str()), values.push_back(value.c_str());
  void* handle = nullptr;
  if (acn_create(drawn.name.c_str(), static_cast<int>(keys.size()), keys.data(), values.data(), &handle)) {
    finding(std::string("accepted before, refused now: ") + acn_last_error(), drawn);
  }
  const acn::DType dtype = static_cast<acn::DType>(random->between(0, 3));
  const Arrays arrays(drawn, dtype, random);
  const std::vector<acn_tensor> inputs = as_c(arrays.inputs), grads = as_c(arrays.grads);
  const int count = static_cast<int>(inputs.size()), deterministic = static_cast<int>(random->between(0, 1));
  const acn_tensor output{arrays.output.data(), static_cast<int32_t>(dtype),
                          static_cast<int32_t>(drawn.output.size()), drawn.output.data()};
  acn_tensor head = output;
  head.data = arrays.head.data();
  std::vector<int32_t> reqs;
  for (int i = 0; i < count; ++i) reqs.push_back(random->of({0, 1, 1, 2}));
  int64_t forward_bytes = 0, backward_bytes = 0;
  const bool known = acn_cuda_workspace_bytes(handle, count, inputs.data(), 0, 0, &forward_bytes) == 0 &&
                     acn_cuda_workspace_bytes(handle, count, inputs.data(), 1, deterministic, &backward_bytes) == 0;
  tally->shapes += 2;
  if (known && random->chance(0.8)) {
    const Workspace forward(forward_bytes), backward(backward_bytes);
    tally->count(drawn, "CUDA", acn_cuda_forward(handle, count, inputs.data(), random->of({0, 1, 2}), &output,
                                                 forward.aligned, forward_bytes, 0, nullptr) == 0);
    tally->count(drawn, "CUDA",
                 acn_cuda_backward(handle, &head, count, inputs.data(), reqs.data(), grads.data(), deterministic,
                                   backward.aligned, backward_bytes, 0, nullptr) == 0);
  } else if (known) {
    tally->count(drawn, "CUDA",
                 acn_cuda_forward_and_wait(handle, count, inputs.data(), random->of({0, 1, 2}), &output, 0) == 0);
    tally->count(drawn, "CUDA", acn_cuda_backward_and_wait(handle, &head, count, inputs.data(), reqs.data(),
                                                           grads.data(), deterministic, 0) == 0);
  }
  acn_cuda_check(0);
  acn_free(handle);
}

}  // namespace fuzz
