// SPDX-License-Identifier: Apache-2.0
#include "../runtime/device.h"

#include <cstdlib>

namespace acn::cuda {

int device_count() { return 1; }
int runtime_version() { return 0; }
const char* architectures() { return "host"; }

OnDevice::OnDevice(int) {}
OnDevice::~OnDevice() = default;

OwnStream::OwnStream(int device, int64_t bytes)
    : device_(device), stream_(nullptr), memory_(std::malloc(static_cast<size_t>(bytes))), bytes_(bytes) {
  (void)device_;
  (void)bytes_;
}
OwnStream::~OwnStream() { std::free(memory_); }
void OwnStream::wait() const {}

Flags flags_of(int) {
  static int32_t flags[kFlags];
  return {flags, flags};
}

}  // namespace acn::cuda
