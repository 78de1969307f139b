// SPDX-License-Identifier: Apache-2.0
// What is tried: an operator with attributes and shapes that it accepts, drawn from what the operator says of itself, so
// that a new room is reached without a word here. main.cc fails where one is not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../../../operators/core/contract/handle.h"
#include "random.h"

namespace fuzz {

struct FuzzCase {
  std::string name;
  acn::AttributeStrings attributes;
  std::vector<acn::Shape> shapes;  // of the inputs
  acn::Shape output;

  std::string text() const;
};

// Draws until the operator accepts, a bounded number of times; every refusal counts in *refused. False: none accepted.
bool draw_case(Random* random, FuzzCase* found, int64_t* refused);

int64_t elements(const acn::Shape& shape);

// Exactly as many numbers as the shape says, in memory of their own: what reads or writes beside them is seen.
class Array {
 public:
  Array(const acn::Shape& shape, acn::DType dtype);

  void* data() const { return memory_.get() + offset_; }
  const acn::Shape& shape() const { return shape_; }
  acn::DType dtype() const { return dtype_; }
  size_t bytes() const { return bytes_; }
  void set(int64_t i, double value);
  // Ordinary numbers, or whole ones, or such that no healthy run has.
  void fill(Random* random);
  void copy(const Array& other);
  bool same_bits(const Array& other) const;

 private:
  acn::Shape shape_;
  acn::DType dtype_;
  size_t size_, bytes_, offset_;
  std::unique_ptr<char[]> memory_;
};

}  // namespace fuzz
