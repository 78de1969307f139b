// SPDX-License-Identifier: Apache-2.0
// float16 on the CPU: the numbers are computed with in float32 and rounded once, to the nearest, halves to even.
#pragma once

#include <cstdint>
#include <cstring>
#include <list>
#include <vector>

#include "../core/contract/tensor.h"

namespace acn {

constexpr uint16_t kFloat16NaN = 0x7e00;

inline float bits_as_float(uint32_t bits) {
  float number;
  std::memcpy(&number, &bits, sizeof(number));
  return number;
}

// Moves the exponent and the fraction to their places in float32 and lets one product, which is exact, mend the bias:
// so numbers below 2^-14 need no case of their own.
inline float from_float16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, rest = half & 0x7fff;
  if (rest >= 0x7c00) return bits_as_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  const float number = bits_as_float(rest << 13) * bits_as_float(0x77800000);  // 2^112
  return sign ? -number : number;
}

inline uint16_t to_float16(float number) {
  uint32_t bits;
  std::memcpy(&bits, &number, sizeof(bits));
  const uint16_t sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return sign | kFloat16NaN;
  if (bits >= 0x477ff000) return sign | 0x7c00;  // 65520, halfway to the number after the largest
  int32_t dropped = 13;                          // bits of the fraction that float16 has no room for
  uint32_t fraction = bits, exponent = bits >> 23;
  if (exponent < 113) {  // below 2^-14: the leading 1 is written out
    if (exponent < 102) return sign;
    dropped += 113 - exponent;
    fraction = (bits & 0x7fffff) | 0x800000;
  } else {
    fraction -= 112u << 23;
  }
  const uint32_t half = 1u << (dropped - 1), rest = fraction & ((1u << dropped) - 1);
  uint32_t kept = fraction >> dropped;
  if (rest > half || (rest == half && (kept & 1))) ++kept;  // a carry makes the next exponent, as it should
  return sign | static_cast<uint16_t>(kept);
}

inline int64_t numbers_of(const Tensor& array) {
  int64_t count = 1;
  for (int64_t size : array.shape) count *= size;
  return count;
}

// Stands in for float16 arrays while a kernel runs.
class Widened {
 public:
  // Puts a float32 array in the place of a float16 one; with its numbers if they are `read`. Others stay.
  void replace(Tensor* array, bool read) {
    if (array->dtype != DType::kFloat16) return;
    array->dtype = DType::kFloat32;
    if (!array->data) return;
    uint16_t* const halves = static_cast<uint16_t*>(array->data);
    copies_.push_back({halves, std::vector<float>(numbers_of(*array))});
    std::vector<float>& numbers = copies_.back().numbers;
    if (read) {
      for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = from_float16(halves[i]);
    }
    array->data = numbers.data();
  }

  // The same of an array that a kernel writes; store() takes the numbers over.
  void replace_written(Tensor* array, Req req) {
    const bool counts = array->dtype == DType::kFloat16 && array->data && req != Req::kNull;
    replace(array, req == Req::kAdd);
    if (counts) copies_.back().written = true;
  }

  void store() const {
    for (const Copy& copy : copies_) {
      if (!copy.written) continue;
      for (size_t i = 0; i < copy.numbers.size(); ++i) copy.halves[i] = to_float16(copy.numbers[i]);
    }
  }

 private:
  struct Copy {
    uint16_t* halves;
    std::vector<float> numbers;
    bool written = false;
  };
  std::list<Copy> copies_;
};

}  // namespace acn
