// SPDX-License-Identifier: Apache-2.0
#include "bilinear.h"

#include "../contract/error.h"

namespace acn {

Boundary boundary_from(const std::string& name) {
  if (name == "zero") return Boundary::kZero;
  if (name == "inside") return Boundary::kInside;
  if (name == "border") return Boundary::kBorder;
  fail("boundary must be 'zero', 'inside' or 'border', got '", name, "'");
}

}  // namespace acn
