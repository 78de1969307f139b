// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <mutex>

#include "device.h"

namespace acn::cuda {

int device_count() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver) return 0;
  check(status, "devices could not be counted");
  return count;
}

int runtime_version() { return CUDART_VERSION; }

const char* architectures() { return ACN_CUDA_ARCHITECTURES; }

OnDevice::OnDevice(int device) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  require(status == cudaSuccess, "CUDA: there is no device to run on: ", cudaGetErrorString(status));
  require(device >= 0 && device < count, "CUDA: device ", device, " is asked for, and there are ", count);
  check(cudaGetDevice(&before_), "the current device could not be found");
  if (device == before_) {
    before_ = -1;
  } else {
    check(cudaSetDevice(device), "the device could not be chosen");
  }
}

OnDevice::~OnDevice() {
  if (before_ >= 0) cudaSetDevice(before_);
}

Flags make_flags(int count) {
  void *host = nullptr, *mapped = nullptr;
  check(cudaHostAlloc(&host, count * sizeof(int32_t), cudaHostAllocMapped | cudaHostAllocPortable),
        "host memory could not be reserved");
  for (int i = 0; i < count; ++i) static_cast<int32_t*>(host)[i] = 0;
  check(cudaHostGetDevicePointer(&mapped, host, 0), "host memory could not be mapped");
  return {static_cast<int32_t*>(host), static_cast<int32_t*>(mapped)};
}

Flags flags_of(int device) {
  static std::mutex lock;
  static auto* all = new std::map<int, Flags>;  // never destroyed: callbacks may run while the process exits
  std::lock_guard<std::mutex> hold(lock);
  const auto found = all->find(device);
  if (found != all->end()) return found->second;
  const OnDevice on(device);
  return (*all)[device] = make_flags(kFlags);
}

}  // namespace acn::cuda
