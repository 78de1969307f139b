// SPDX-License-Identifier: Apache-2.0
#include "../device.h"

namespace acn::cuda {

int device_count() { return 1; }
int runtime_version() { return 0; }
const char* architectures() { return "host"; }

OnDevice::OnDevice(int) {}
OnDevice::~OnDevice() = default;

Flags flags_of(int) {
  static int32_t flags[kFlags];
  return {flags, flags};
}

}  // namespace acn::cuda
