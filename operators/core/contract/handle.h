// SPDX-License-Identifier: Apache-2.0
// What the void* handles of c_api.h and cuda_api.h point to.
#pragma once

#include "operator.h"

namespace acn {

struct Handle {
  std::string name;  // of the operator
  std::shared_ptr<const Operator> op;
  std::vector<InputInfo> inputs;
};

Handle make_handle(const std::string& name, const AttributeStrings& given);

}  // namespace acn
