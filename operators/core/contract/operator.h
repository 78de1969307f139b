// SPDX-License-Identifier: Apache-2.0
// What a room offers to every front end: its contract (attributes, inputs,
// shapes) and its kernels.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attributes.h"
#include "error.h"
#include "tensor.h"

namespace acn {

struct InputInfo {
  std::string name, doc;
  int ndim = 4;        // all that is known of its shape before that of the first input is
  bool given = false;  // and even then: it does not follow from other shapes
};

// One configured operator. Immutable after construction, so any number of calls
// may run at once.
class Operator {
 public:
  virtual ~Operator() = default;

  // The inputs in order, for the attributes this instance was made with (a bias
  // only where there is one).
  virtual std::vector<InputInfo> inputs() const = 0;

  // Checks known input shapes, fills in unknown ones, returns the output shape.
  // The first input is always known. Throws Error naming the argument, what
  // came and what was expected.
  virtual Shape infer_shapes(std::vector<std::optional<Shape>>* inputs) const = 0;

  // Whether backward reads the values of this input.
  virtual bool backward_reads(size_t input) const {
    (void)input;
    return true;
  }

  // Shapes and dtypes are those that infer_shapes accepted, and equal dtypes
  // are guaranteed by the caller.
  virtual void forward(const std::vector<Tensor>& inputs, Req req, const Tensor& output) const = 0;

  // input_grads[i].data is valid only where reqs[i] is not kNull;
  // inputs[i].data only where backward_reads(i).
  virtual void backward(const Tensor& output_grad, const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                        const std::vector<Tensor>& input_grads) const = 0;
};

struct OperatorInfo {
  std::string name;  // public name, as in MXNet
  std::string room;
  std::string doc;
  std::vector<InputInfo> all_inputs;
  std::vector<AttributeInfo> attributes;
  std::function<std::unique_ptr<Operator>(const AttributeStrings&)> make;
};

const std::vector<OperatorInfo>& operators();
const OperatorInfo& find_operator(const std::string& name);

// Rooms announce themselves with a file-scope `static const
// Announce<TheirOperator> announce;`. The class offers kName, kRoom, kDoc, a
// static all_inputs(), and a constructor from Attributes&.
void announce(OperatorInfo info);

template <class Op>
struct Announce {
  Announce() {
    OperatorInfo info{Op::kName, Op::kRoom, Op::kDoc, Op::all_inputs(), {}, nullptr};
    Attributes description(Op::kName, {}, Attributes::Mode::kDescribe);
    Op described(description);
    info.attributes = description.declared();
    info.make = [](const AttributeStrings& given) -> std::unique_ptr<Operator> {
      Attributes attributes(Op::kName, given);
      return std::make_unique<Op>(attributes);
    };
    announce(std::move(info));
  }
};

// For infer_shapes: compares with what came or fills it in.
void expect_shape(const std::string& op, const std::string& input, const Shape& expected, std::optional<Shape>* given,
                  const std::string& why);

// Runs body with a value of the C++ type that the dtype names, on the CPU.
template <class Body>
void dispatch(DType dtype, Body body) {
  switch (dtype) {
    case DType::kFloat32:
      return body(float{});
    case DType::kFloat64:
      return body(double{});
    default:
      fail("only float32 and float64 are served on the CPU, got ", to_string(dtype));
  }
}

}  // namespace acn
