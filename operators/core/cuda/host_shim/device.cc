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
    : device_(device),
      stream_(nullptr),
      memory_(std::malloc(static_cast<size_t>(bytes))),
      bytes_(bytes),
      flag_(make_flags(1)) {
  (void)device_;
  (void)bytes_;
}
OwnStream::~OwnStream() {
  std::free(memory_);
  delete[] flag_.on_device;
}
void OwnStream::wait() const {}

Flags make_flags(int count) {
  int32_t* const flags = new int32_t[count]();
  return {flags, flags};
}

Flags flags_of(int) {
  static const Flags flags = make_flags(kFlags);
  return flags;
}

}  // namespace acn::cuda
