// SPDX-License-Identifier: Apache-2.0
// The two 16-bit floating-point types, for the host: storage, with conversions from and to float that round to even.
#pragma once

#include <cstdint>
#include <cstring>

namespace acn::cuda {

namespace host {
inline uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
inline float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
}  // namespace host

class BFloat16 {
 public:
  BFloat16() = default;
  explicit BFloat16(float value) {
    const uint32_t bits = host::bits_of(value);
    bits_ = static_cast<uint16_t>(value == value ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : (bits >> 16) | 0x40);
  }
  operator float() const { return host::float_of(uint32_t{bits_} << 16); }

 private:
  uint16_t bits_;
};

class Half {
 public:
  Half() = default;
  explicit Half(float value) {
    const uint32_t bits = host::bits_of(value), size = bits & 0x7fffffff;
    uint32_t half;
    if (size > 0x7f800000) {
      half = 0x7e00;  // NaN
    } else if (size >= 0x477ff000) {
      half = 0x7c00;  // 65520 and above round to infinity
    } else if (size < 0x38800000) {
      // Below the smallest normal number: float's own addition rounds to the spacing 2^-24.
      half = host::bits_of(host::float_of(size) + 0.5f) - host::bits_of(0.5f);
    } else {
      half = (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;
    }
    bits_ = static_cast<uint16_t>(half | (bits >> 16 & 0x8000));
  }
  operator float() const {
    const uint32_t size = bits_ & 0x7fff, sign = uint32_t{bits_} << 16 & 0x80000000;
    if (size >= 0x7c00) return host::float_of(sign | 0x7f800000 | (size & 0x3ff) << 13);
    if (size >= 0x400) return host::float_of(sign | ((size << 13) + 0x38000000));
    return host::float_of(sign | host::bits_of(static_cast<float>(size) * 0x1p-24f));
  }

 private:
  uint16_t bits_;
};

}  // namespace acn::cuda
