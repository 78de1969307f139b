// SPDX-License-Identifier: Apache-2.0
#include "operator.h"

#include "error.h"
#include "handle.h"

namespace acn {
namespace {
std::vector<OperatorInfo>& registry() {
  static auto* all = new std::vector<OperatorInfo>;  // never destroyed: callbacks may run while
                                                     // the process exits
  return *all;
}
}  // namespace

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

const char* to_string(DType dtype) {
  static const char* const kNames[] = {"float32", "float64", "float16", "bfloat16"};
  const int32_t code = static_cast<int32_t>(dtype);
  return code >= 0 && code < 4 ? kNames[code] : "another dtype";
}

const std::vector<OperatorInfo>& operators() { return registry(); }

void announce(OperatorInfo info) { registry().push_back(std::move(info)); }

const OperatorInfo& find_operator(const std::string& name) {
  std::string known;
  for (const OperatorInfo& info : registry()) {
    if (info.name == name) return info;
    known += (known.empty() ? "" : ", ") + info.name;
  }
  fail("no operator is called '", name, "'; there are ", known);
}

Handle make_handle(const std::string& name, const AttributeStrings& given) {
  Handle handle{name, find_operator(name).make(given), {}};
  handle.inputs = handle.op->inputs();
  return handle;
}

void expect_shape(const std::string& op, const std::string& input, const Shape& expected, std::optional<Shape>* given,
                  const std::string& why) {
  if (!*given) {
    *given = expected;
    return;
  }
  require(**given == expected, op, ": ", input, " must have shape ", to_string(expected), " ", why, ", got ",
          to_string(**given));
}

}  // namespace acn
