// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

// MXNet's exception, restated: a catch compares types by their names.
namespace dmlc {
struct __attribute__((visibility("default"))) Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
}  // namespace dmlc
