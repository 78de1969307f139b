// SPDX-License-Identifier: Apache-2.0
// Operator attributes: declared once by each room, parsed from the strings that
// MXNet, NumPy and PyTorch fronts pass, and described to those fronts from the
// same declaration.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace acn {

using Pair = std::array<int64_t, 2>;  // (y, x)
using IntList = std::vector<int64_t>;
using AttributeStrings = std::map<std::string, std::string>;

struct AttributeInfo {
  std::string name, type, default_text, doc;
  bool required;
};

class Attributes {
 public:
  enum class Mode { kParse, kDescribe };
  Attributes(std::string operator_name, AttributeStrings given, Mode mode = Mode::kParse);

  // Each reads one declared attribute into `field`, whose present value is the
  // default.
  void required(const char* name, Pair* field, const char* doc);
  void required(const char* name, int64_t* field, const char* doc);
  void required(const char* name, double* field, const char* doc);
  void optional(const char* name, Pair* field, const char* doc);
  void optional(const char* name, int64_t* field, const char* doc);
  void optional(const char* name, double* field, const char* doc);
  void optional(const char* name, bool* field, const char* doc);
  void optional(const char* name, IntList* field, const char* doc);
  void choice(const char* name, std::string* field, const std::vector<std::string>& choices, const char* doc);

  // Rejects names that were given but never declared, naming the nearest
  // declared one. False when only describing: required fields then hold nothing
  // to check.
  bool finish() const;

  const std::vector<AttributeInfo>& declared() const { return declared_; }

 private:
  template <class T>
  void declare(const char* name, T* field, const char* type, const char* doc, bool required);

  std::string operator_name_;
  AttributeStrings given_;
  Mode mode_;
  std::vector<AttributeInfo> declared_;
  std::string missing_;  // the first required attribute that was not given
};

}  // namespace acn
