// SPDX-License-Identifier: Apache-2.0
// Random numbers that a seed alone decides, on every machine.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace fuzz {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u) {}

  uint64_t bits() {  // splitmix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(bits() % static_cast<uint64_t>(most - least + 1));
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  bool chance(double probability) { return uniform() < probability; }

  template <class T>
  T of(const std::vector<T>& all) {
    return all[bits() % all.size()];
  }
  template <class T>
  T of(std::initializer_list<T> all) {
    return all.begin()[bits() % all.size()];
  }

 private:
  uint64_t state_;
};

}  // namespace fuzz
