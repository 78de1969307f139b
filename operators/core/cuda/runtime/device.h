// SPDX-License-Identifier: Apache-2.0
// The devices themselves, and the flag by which kernels report a bad value.
#pragma once

#include <string>

#include "platform.h"

namespace acn::cuda {

int device_count();
int runtime_version();
const char* architectures();

// Makes a device the calling thread's current one while it lives.
class OnDevice {
 public:
  explicit OnDevice(int device);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;

 private:
  int before_ = 0;
};

// A stream of the library's own, and memory that goes with it, for one call at a time.
class OwnStream {
 public:
  OwnStream(int device, int64_t bytes);
  ~OwnStream();
  OwnStream(const OwnStream&) = delete;
  Stream stream() const { return stream_; }
  void* memory() const { return memory_; }
  void wait() const;

 private:
  int device_;
  Stream stream_;
  void* memory_;
  int64_t bytes_;
};

// Flags by which kernels report values that only they can see: kFlags numbers on the host that the device can write.
constexpr int kFlags = 64;
struct Flags {
  volatile int32_t* on_host;
  int32_t* on_device;
};
Flags flags_of(int device);

}  // namespace acn::cuda
