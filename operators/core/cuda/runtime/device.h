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

// Flags by which kernels report values that only they can see: numbers on the host that the device can write.
struct Flags {
  volatile int32_t* on_host = nullptr;
  int32_t* on_device = nullptr;
};
constexpr int kFlags = 64;
Flags flags_of(int device);  // kFlags of them

// Whether a flag was set; clears it. Of several threads that ask, one is told.
inline bool take_flag(const Flags& flags, size_t number = 0) {
  return __atomic_exchange_n(&flags.on_host[number], 0, __ATOMIC_ACQ_REL) != 0;
}

// A stream of the library's own, with memory and a flag that go with it, for one call at a time.
class OwnStream {
 public:
  OwnStream(int device, int64_t bytes);
  ~OwnStream();
  OwnStream(const OwnStream&) = delete;
  Stream stream() const { return stream_; }
  void* memory() const { return memory_; }
  const Flags& flag() const { return flag_; }
  void wait() const;

 private:
  int device_;
  Stream stream_;
  void* memory_;
  int64_t bytes_;
  Flags flag_;
};

Flags make_flags(int count);  // on the current device; never freed, for kernels may run while the process exits

}  // namespace acn::cuda
