// SPDX-License-Identifier: Apache-2.0
#include "call.h"

#include <algorithm>
#include <new>

#include "error.h"

namespace acn {
namespace {

// Empty arrays too: sizes beside a 0 cost no memory, and would be multiplied all the same.
void require_countable(const std::string& name, const std::string& what, const Shape& shape) {
  int64_t count = 1;
  for (int64_t size : shape) {
    require(size <= (int64_t{1} << 56) / count, name, ": ", what, " of shape ", to_string(shape), " is too large");
    count *= std::max<int64_t>(size, 1);
  }
}

}  // namespace

Shape infer(const std::string& name, const Operator& op, std::vector<std::optional<Shape>>* inputs) {
  const std::vector<InputInfo> expected = op.inputs();
  const auto check = [&] {
    for (size_t i = 0; i < inputs->size(); ++i) {
      if ((*inputs)[i]) require_countable(name, expected[i].name, *(*inputs)[i]);
    }
  };
  check();
  const Shape output = op.infer_shapes(inputs);
  check();
  require_countable(name, "the output", output);
  return output;
}

Shape check_inputs(const std::string& name, const Operator& op, const std::vector<Tensor>& inputs) {
  const std::vector<InputInfo> expected = op.inputs();
  if (inputs.size() != expected.size()) {
    std::string names;
    for (const InputInfo& input : expected) names += (names.empty() ? "" : ", ") + input.name;
    fail(name, ": ", expected.size(), " inputs are expected (", names, "), got ", inputs.size());
  }
  std::vector<std::optional<Shape>> shapes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    require(inputs[i].dtype == inputs[0].dtype, name, ": ", expected[i].name, " must have the dtype of data, ",
            to_string(inputs[0].dtype), ", got ", to_string(inputs[i].dtype));
    shapes.push_back(inputs[i].shape);
  }
  return infer(name, op, &shapes);
}

namespace {

template <class Body>
void with_memory(const std::string& name, Body body) {
  try {
    body();
  } catch (const std::bad_alloc&) {
    fail(name, ": not enough memory for its scratch space");
  }
}

void check_result(const std::string& name, const char* what, const Tensor& tensor, const Shape& shape, DType dtype) {
  require(tensor.shape == shape && tensor.dtype == dtype, name, ": ", what, " must be ", to_string(dtype), " of shape ",
          to_string(shape), ", got ", to_string(tensor.dtype), " of shape ", to_string(tensor.shape));
}

}  // namespace

void check_forward(const std::string& name, const Operator& op, const std::vector<Tensor>& inputs,
                   const Tensor& output) {
  const Shape shape = check_inputs(name, op, inputs);
  check_result(name, "the output", output, shape, inputs[0].dtype);
}

void checked_forward(const std::string& name, const Operator& op, const std::vector<Tensor>& inputs, Req req,
                     const Tensor& output) {
  check_forward(name, op, inputs, output);
  with_memory(name, [&] { op.forward(inputs, req, output); });
}

void check_backward(const std::string& name, const Operator& op, const Tensor& output_grad,
                    const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                    const std::vector<Tensor>& input_grads) {
  const Shape shape = check_inputs(name, op, inputs);
  check_result(name, "the gradient of the output", output_grad, shape, inputs[0].dtype);
  require(reqs.size() == inputs.size() && input_grads.size() == inputs.size(), name, ": ", inputs.size(),
          " gradients are expected, got ", input_grads.size());
  const std::vector<InputInfo> infos = op.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (reqs[i] == Req::kNull) continue;
    check_result(name, ("the gradient of " + infos[i].name).c_str(), input_grads[i], inputs[i].shape, inputs[0].dtype);
  }
}

void checked_backward(const std::string& name, const Operator& op, const Tensor& output_grad,
                      const std::vector<Tensor>& inputs, const std::vector<Req>& reqs,
                      const std::vector<Tensor>& input_grads) {
  check_backward(name, op, output_grad, inputs, reqs, input_grads);
  with_memory(name, [&] { op.backward(output_grad, inputs, reqs, input_grads); });
}

}  // namespace acn
