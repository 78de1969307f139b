// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "../../contract/error.h"

namespace acn::cuda {

// Hands out pieces of the caller's workspace. Made without memory it only counts, so that one function lays a
// workspace out and tells its size.
class Arena {
 public:
  Arena() = default;
  Arena(void* base, int64_t size) : base_(static_cast<char*>(base)), size_(size) {}

  template <class T>
  T* take(int64_t count) {
    const int64_t begin = used_;
    used_ += (count * static_cast<int64_t>(sizeof(T)) + kAlign - 1) / kAlign * kAlign;
    if (!base_) return nullptr;
    require(used_ <= size_, "the workspace is too small: at least ", used_, " bytes are needed, got ", size_);
    return reinterpret_cast<T*>(base_ + begin);
  }

  int64_t used() const { return used_; }

 private:
  static constexpr int64_t kAlign = 256;
  char* base_ = nullptr;
  int64_t size_ = 0, used_ = 0;
};

}  // namespace acn::cuda
