// SPDX-License-Identifier: Apache-2.0
// How both C interfaces turn exceptions into a status and a text.
#pragma once

#include <exception>
#include <string>

namespace acn {

// Runs body. 0, or -1 and the reason in *last_error.
template <class Body>
int guarded(std::string* last_error, Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    *last_error = error.what();
    return -1;
  }
}

}  // namespace acn
