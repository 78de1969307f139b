// SPDX-License-Identifier: Apache-2.0
// What the CPU kernels of DynamicFilter share: the arrays of one image, and rows of them.
#pragma once

#include <algorithm>
#include <vector>

#include "../core/contract/tensor.h"
#include "../core/simd/vector_kernels.h"
#include "geometry.h"

namespace acn {

// T is const for inputs; null where a gradient is not wanted.
template <class T>
struct DynamicFilterArrays {
  T *data, *channel, *spatial, *position, *sample;

  static DynamicFilterArrays of(const std::vector<Tensor>& tensors) {
    return {tensors[0].as<T>(), tensors[1].as<T>(), tensors[2].as<T>(), tensors[3].as<T>(), tensors[4].as<T>()};
  }

  DynamicFilterArrays image(const DynamicFilterShape& s, int64_t n) const {
    const auto at = [&](T* array, int64_t maps) { return array ? array + n * maps * s.pixels() : nullptr; };
    return {at(data, s.channels), at(channel, s.filters * s.channels), at(spatial, s.filters * s.tap_count()),
            at(position, s.tap_count()), at(sample, s.sample_count())};
  }
};

// The places of a row from which two steps lead over the map, first to `middle` and from there to `end`: x in
// [begin, stop); none where the rows are outside.
struct RowReach {
  int64_t middle_y, end_y, begin, stop;

  // middle_inside: whether the place between must be inside too.
  RowReach(const DynamicFilterShape& s, int64_t y, MapStep first, MapStep second, bool middle_inside)
      : middle_y(y + first.y), end_y(middle_y + second.y), begin(0), stop(s.width) {
    const MapStep both = first + second;
    narrow(s, end_y, both.x);
    if (middle_inside) narrow(s, middle_y, first.x);
  }
  bool empty() const { return begin >= stop; }

 private:
  void narrow(const DynamicFilterShape& s, int64_t y, int64_t step_x) {
    if (y < 0 || y >= s.height) stop = 0;
    begin = std::max(begin, -step_x);
    stop = std::min(stop, s.width - step_x);
  }
};

// out (add ? +=) a b, number by number; `past_cache` as RowProducts has it.
template <class T>
void multiply_rows(int64_t length, const T* a, const T* b, bool add, T* out, bool past_cache = false) {
  RowProducts<T> rows;
  rows.count = 1, rows.length = length;
  rows.a = &a, rows.b = &b;
  rows.add = add, rows.past_cache = past_cache, rows.out = out;
  vector_kernels<T>().add_products(rows);
}

// Rows of products that are summed, kept to be refilled.
template <class T>
struct RowList {
  std::vector<const T*> a, b;
  const VectorKernels<T>* kernels = &vector_kernels<T>();

  void clear() { a.clear(), b.clear(); }
  void push(const T* left, const T* right) { a.push_back(left), b.push_back(right); }
  // ahead: as RowProducts has it.
  void sum(int64_t length, T more, bool add, T* out, int64_t ahead = 0) const {
    RowProducts<T> rows;
    rows.count = static_cast<int64_t>(a.size()), rows.length = length;
    rows.a = a.data(), rows.b = b.data();
    rows.more = more, rows.add = add, rows.ahead = ahead, rows.out = out;
    kernels->add_products(rows);
  }
};

}  // namespace acn
