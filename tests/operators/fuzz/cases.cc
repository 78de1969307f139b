// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../../../operators/core/contract/call.h"
#include "../../../operators/core/contract/error.h"

namespace fuzz {
namespace {

using acn::Shape;

const std::vector<std::string>& strange_texts() {
  static const std::vector<std::string> all = {
      "", "0", "-1", "2147483648", "4294967302", "9223372036854775807", "-9223372036854775808", "99999999999999999999",
      "1.5", "nan", "inf", "1e400", "1e-400", "0,5", "abc", "(", "()", "(1,)", "(1, 2, 3)", "(0, 0)", "(70000, 70000)",
      "(2147483647, 2147483647)", "None", "\xff\xfe", std::string(3000, 'x')};
  return all;
}

// A text for an attribute of this type; whole numbers in it are remembered.
std::string draw_text(const acn::AttributeInfo& info, Random* random, std::vector<int64_t>* numbers) {
  if (random->chance(0.004)) return random->of(strange_texts());
  const auto number = [&] {
    numbers->push_back(random->chance(0.05) ? random->between(8, 60) : random->of({1, 1, 2, 2, 3, 3, 4, 5, 6, 8}));
    return std::to_string(numbers->back());
  };
  if (info.type.find("pair") != std::string::npos) {
    const std::string y = number();
    return "(" + y + ", " + (random->chance(0.5) ? y : number()) + ")";
  }
  if (info.type.find("tuple") != std::string::npos) return random->of<std::string>({"()", "(0,)", "(0, 1)", "(4,)"});
  if (info.type.find("integer") != std::string::npos) return random->chance(0.1) ? "0" : number();
  if (info.type.find("number") != std::string::npos) {
    return random->of<std::string>({"0.0625", "0.25", "0.5", "1", "0.1", "0.3", "1e-30", "0", "2.5", "-1"});
  }
  if (info.type.find("True") != std::string::npos) return random->of<std::string>({"True", "False"});
  std::vector<std::string> choices;  // 'a', 'b' or 'c'
  for (size_t at = info.type.find('\''); at != std::string::npos; at = info.type.find('\'', at)) {
    const size_t end = info.type.find('\'', at + 1);
    choices.push_back(info.type.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return choices.empty() ? "1" : random->of(choices);
}

acn::AttributeStrings draw_attributes(const acn::OperatorInfo& info, Random* random, std::vector<int64_t>* numbers) {
  acn::AttributeStrings texts;
  const double optional = random->uniform();
  for (const acn::AttributeInfo& attribute : info.attributes) {
    if (attribute.required ? random->chance(0.002) : !random->chance(optional)) continue;
    texts[attribute.name] = draw_text(attribute, random, numbers);
  }
  if (random->chance(0.002)) texts[random->of<std::string>({"__lr_mult__", "kernal", "x"})] = "1";
  return texts;
}

int64_t draw_size(Random* random) {
  return random->chance(0.1) ? random->between(10, 24) : random->between(1, 9);
}

// (N, C, H, W). Channels are often a product of attributes.
Shape draw_data(Random* random, const std::vector<int64_t>& numbers) {
  int64_t channels = random->of({1, 1, 1, 2, 3, 9, 11, 17});
  for (int factors = static_cast<int>(random->between(0, 3)); factors > 0 && !numbers.empty(); --factors) {
    channels *= random->of(numbers);
  }
  if (random->chance(0.02)) return {0, channels, random->of({1, 20000}), random->of({1, 50000})};
  return {random->of({0, 1, 1, 1, 2, 2, 3}), channels, draw_size(random), draw_size(random)};
}

// What does not follow from data: the first size is often that of the others, and sizes are often attributes.
Shape draw_given(Random* random, int ndim, const std::vector<int64_t>& numbers, const Shape* earlier) {
  Shape shape;
  for (int i = 0; i < ndim; ++i) {
    shape.push_back(!numbers.empty() && random->chance(0.6) ? random->of(numbers) : random->of({1, 2, 2, 4, 5, 5, 6}));
  }
  shape[0] = earlier && random->chance(0.9) ? (*earlier)[0] : random->of({0, 1, 1, 2, 3, 7});
  if (ndim == 4 && random->chance(0.8)) shape[3] = shape[2];
  if (ndim == 2 && random->chance(0.9)) shape[1] = 5;
  return shape;
}

bool small_enough(const FuzzCase& drawn, Random* random) {
  int64_t most = 0;
  for (const Shape& shape : drawn.shapes) most = std::max(most, elements(shape));
  const int64_t out = elements(drawn.output);
  return most < 100000 && out < 100000 && most * out < (random->chance(0.03) ? 30000000 : 1500000);
}

bool try_case(const acn::OperatorInfo& info, Random* random, FuzzCase* found) {
  std::vector<int64_t> numbers;
  found->name = info.name;
  found->attributes = draw_attributes(info, random, &numbers);
  const acn::Handle handle = acn::make_handle(found->name, found->attributes);
  for (int again = 0; again < 8; ++again) {
    std::vector<std::optional<Shape>> shapes(handle.inputs.size());
    shapes[0] = draw_data(random, numbers);
    const Shape* earlier = nullptr;
    for (size_t i = 1; i < shapes.size(); ++i) {
      if (!handle.inputs[i].given) continue;
      shapes[i] = draw_given(random, handle.inputs[i].ndim, numbers, earlier);
      earlier = &*shapes[i];
    }
    try {
      found->output = acn::infer(found->name, *handle.op, &shapes);
    } catch (const acn::Error&) {
      if (again == 7) throw;
      continue;
    }
    found->shapes.clear();
    for (const auto& shape : shapes) found->shapes.push_back(*shape);
    if (small_enough(*found, random)) return true;
  }
  return false;
}

double draw_value(Random* random, int kind) {
  constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();
  if (kind == 1) return static_cast<double>(random->between(-2, 9));
  if (kind == 2) return static_cast<double>(random->between(-3, 9)) + random->of({-0x1p-30, 0.0, 0x1p-30, 0.5});
  if (kind == 3 && random->chance(0.3)) {
    return random->of({kNan, kInf, -kInf, 1e30, -1e30, 1e-40, -1e-310, 0.0, -0.0, 0x1p31, -0x1p31, 0x1p63, -0x1p63, 1e9,
                       3.4e38, 1e308});
  }
  if (kind == 4) return kNan;
  return (random->uniform() + random->uniform() + random->uniform() - 1.5) * 2;
}

}  // namespace

std::string FuzzCase::text() const {
  std::string all = name;
  for (const auto& [key, value] : attributes) all += " " + key + "=" + value;
  for (const Shape& shape : shapes) all += " " + acn::to_string(shape);
  return all + " -> " + acn::to_string(output);
}

int64_t elements(const Shape& shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

bool draw_case(Random* random, FuzzCase* found, int64_t* refused) {
  const acn::OperatorInfo& info = random->of(acn::operators());
  for (int again = 0; again < 200; ++again) {
    try {
      if (try_case(info, random, found)) return true;
    } catch (const acn::Error&) {
      ++*refused;
    }
  }
  return false;
}

Array::Array(const Shape& shape, acn::DType dtype)
    : shape_(shape),
      dtype_(dtype),
      size_(dtype == acn::DType::kFloat64 ? 8 : dtype == acn::DType::kFloat32 ? 4 : 2),
      bytes_(static_cast<size_t>(elements(shape)) * size_),
      offset_(bytes_ % 3 * size_),  // aligned as its numbers must be, and often no better
      memory_(new char[offset_ + bytes_]) {}

void Array::set(int64_t i, double value) {
  char* const place = memory_.get() + offset_ + static_cast<size_t>(i) * size_;
  const float single = std::abs(value) > 3.4e38 && std::isfinite(value) ? 3.4e38f : static_cast<float>(value);
  if (size_ == 8) std::memcpy(place, &value, 8);
  if (size_ == 4) std::memcpy(place, &single, 4);
  if (size_ == 2) {  // any bits are a number
    const bool finite = std::isfinite(single);
    const uint16_t bits = static_cast<uint16_t>(finite ? static_cast<int>(std::fmod(single * 1000.0, 30000)) : 0x7e00);
    std::memcpy(place, &bits, 2);
  }
}

void Array::fill(Random* random) {
  const int kind = random->of({0, 0, 1, 2, 3, random->chance(0.1) ? 4 : 0});
  for (int64_t i = 0; i < elements(shape_); ++i) set(i, draw_value(random, kind));
}

void Array::copy(const Array& other) { std::memcpy(data(), other.data(), bytes_); }

bool Array::same_bits(const Array& other) const { return std::memcmp(data(), other.data(), bytes_) == 0; }

}  // namespace fuzz
