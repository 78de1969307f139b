// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <mutex>
#include <vector>

#include "device.h"

namespace acn::cuda {
namespace {

struct Idle {
  Stream stream;
  void* memory;
  int64_t bytes;
};

std::mutex lock;
std::map<int, std::vector<Idle>>& idle_streams() {
  static auto* all = new std::map<int, std::vector<Idle>>;  // never destroyed: the driver may be gone by then
  return *all;
}

}  // namespace

OwnStream::OwnStream(int device, int64_t bytes) : device_(device), stream_(nullptr), memory_(nullptr), bytes_(0) {
  {
    std::lock_guard<std::mutex> hold(lock);
    std::vector<Idle>& idle = idle_streams()[device];
    if (!idle.empty()) {
      stream_ = idle.back().stream;
      memory_ = idle.back().memory;
      bytes_ = idle.back().bytes;
      idle.pop_back();
    }
  }
  const auto give_back = [&] {
    if (!stream_) return;
    std::lock_guard<std::mutex> hold(lock);
    idle_streams()[device_].push_back({stream_, memory_, bytes_});
  };
  try {
    if (!stream_) {
      check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream could not be made");
    }
    if (bytes_ < bytes) {
      check(cudaFree(memory_), "scratch memory could not be freed");
      memory_ = nullptr;
      bytes_ = 0;
      const cudaError_t status = cudaMalloc(&memory_, static_cast<size_t>(bytes));
      require(status == cudaSuccess, "CUDA: ", bytes, " bytes of scratch memory are not to be had on device ", device,
              ": ", cudaGetErrorString(status), "; set_workspace_bytes() lowers what the convolutions need");
      bytes_ = bytes;
    }
  } catch (...) {
    give_back();
    throw;
  }
}

OwnStream::~OwnStream() {
  std::lock_guard<std::mutex> hold(lock);
  idle_streams()[device_].push_back({stream_, memory_, bytes_});
}

void OwnStream::wait() const { check(cudaStreamSynchronize(stream_), "the work on the device failed"); }

}  // namespace acn::cuda
