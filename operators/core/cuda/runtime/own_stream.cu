// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "device.h"

namespace acn::cuda {
namespace {

struct Idle {
  Stream stream = nullptr;
  void* memory = nullptr;
  int64_t bytes = 0;
  Flags flag;
};

std::mutex lock;
std::map<int, std::vector<Idle>>& idle_streams() {
  static auto* all = new std::map<int, std::vector<Idle>>;  // never destroyed: the driver may be gone by then
  return *all;
}

Idle take_idle(int device) {
  std::lock_guard<std::mutex> hold(lock);
  std::vector<Idle>& idle = idle_streams()[device];
  if (idle.empty()) return {};
  const Idle found = idle.back();
  idle.pop_back();
  return found;
}

// Called by destructors, perhaps because memory is short: nothing may be thrown.
void keep_idle(int device, const Idle& idle) noexcept {
  if (!idle.stream) return;
  std::lock_guard<std::mutex> hold(lock);
  try {
    idle_streams()[device].push_back(idle);
  } catch (const std::bad_alloc&) {  // there is no place to remember it in
    cudaFree(idle.memory);
    cudaStreamDestroy(idle.stream);
  }
}

}  // namespace

OwnStream::OwnStream(int device, int64_t bytes) : device_(device) {
  Idle idle = take_idle(device);
  try {
    if (!idle.stream) {
      check(cudaStreamCreateWithFlags(&idle.stream, cudaStreamNonBlocking), "a stream could not be made");
    }
    if (!idle.flag.on_device) idle.flag = make_flags(1);
    if (idle.bytes < bytes) {
      check(cudaFree(idle.memory), "scratch memory could not be freed");
      idle.memory = nullptr;
      idle.bytes = 0;
      const cudaError_t status = cudaMalloc(&idle.memory, static_cast<size_t>(bytes));
      require(status == cudaSuccess, "CUDA: ", bytes, " bytes of scratch memory are not to be had on device ", device,
              ": ", cudaGetErrorString(status), "; set_workspace_bytes() lowers what the convolutions need");
      idle.bytes = bytes;
    }
  } catch (...) {
    keep_idle(device, idle);
    throw;
  }
  stream_ = idle.stream, memory_ = idle.memory, bytes_ = idle.bytes, flag_ = idle.flag;
}

OwnStream::~OwnStream() {
  Idle idle;
  idle.stream = stream_, idle.memory = memory_, idle.bytes = bytes_, idle.flag = flag_;
  keep_idle(device_, idle);
}

void OwnStream::wait() const { check(cudaStreamSynchronize(stream_), "the work on the device failed"); }

}  // namespace acn::cuda
