// SPDX-License-Identifier: Apache-2.0
// Operators for stock MXNet through its C operator registry (MXCustomOpRegister of include/mxnet/c_api.h). The types
// below restate that public interface; the library links to no MXNet, it is handed the functions it needs.
//
// MXNet calls shape, type and creator callbacks from the user's thread: an exception thrown there arrives in Python as
// an MXNetError. Forward and backward run in MXNet's own threads, where only MXNet's own kind of exception is caught.
#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>

#include "../core/contract/call.h"
#include "../core/contract/error.h"
#include "float16.h"
#include "gpu.h"
#include "mxnet_error.h"

namespace {

using namespace acn;

struct CallbackList {
  int count;
  int (**callbacks)(void);
  void** contexts;
};
using AnyCallback = int (*)(void);
template <class Function>
AnyCallback any(Function function) {  // MXNet casts it back to its own type
  return reinterpret_cast<AnyCallback>(reinterpret_cast<void (*)()>(function));
}

struct Mxnet {
  int (*register_operator)(const char* name,
                           int (*creator)(const char*, int, const char**, const char**, CallbackList*));
  int (*get_data)(void* array, void** data);
  int (*get_shape)(void* array, int* ndim, const int** shape);
  int (*get_dtype)(void* array, int* dtype);
  int (*free_array)(void* array);
  int (*is_numpy_shape)(int* flag);
  int (*get_context)(void* array, int* type, int* id);
} mxnet;

enum Tag { kInput = 0, kOutput = 1, kInputGrad = 2, kOutputGrad = 3 };
enum MxReq { kNullOp = 0, kWriteTo = 1, kWriteInplace = 2, kAddTo = 3 };

Req req_from(int req) { return req == kNullOp ? Req::kNull : req == kAddTo ? Req::kAdd : Req::kWrite; }

// A node of a graph before its shapes are known. MXNet owns it through the delete callback.
struct Node {
  std::string name;
  std::shared_ptr<const Operator> op;
  std::vector<InputInfo> inputs;
  std::vector<char*> input_names;
  void* contexts[8];
};

// The operator that runs. It may outlive its node.
struct Instance {
  std::string name;
  std::shared_ptr<const Operator> op;
  const Gpu* gpu;  // null on the CPU
  void* contexts[3];
};

int list_inputs(char*** names, void* state) {
  *names = static_cast<Node*>(state)->input_names.data();
  return 1;
}

// Not "output": the guard's slice, which carries the node's name, is the output that users see.
int list_outputs(char*** names, void*) {
  static char raw[] = "raw";
  static char* all[] = {raw, nullptr};
  *names = all;
  return 1;
}

int list_auxiliary(char*** names, void*) {
  static char* all[] = {nullptr};
  *names = all;
  return 1;
}

bool is_known(int ndim, const int* shape, bool numpy_shape) {
  if (ndim <= 0) return false;
  for (int i = 0; i < ndim; ++i) {
    if (shape[i] < 0 || (shape[i] == 0 && !numpy_shape)) return false;
  }
  return true;
}

// MXNet copies what the pointers name before this thread calls again. It takes int, and we compute in int64_t.
void hand_back(const std::string& node, const Shape& shape, size_t slot, int* ndims, int** shapes) {
  thread_local std::vector<std::vector<int>> kept;
  for (int64_t size : shape) {
    require(size <= std::numeric_limits<int>::max(), node, ": MXNet holds sizes up to 2^31 - 1, got shape ",
            to_string(shape));
  }
  if (kept.size() <= slot) kept.resize(slot + 1);
  kept[slot].assign(shape.begin(), shape.end());
  ndims[slot] = static_cast<int>(shape.size());
  shapes[slot] = kept[slot].data();
}

int infer_shape(int count, int* ndims, int** shapes, void* state) {
  const Node& node = *static_cast<Node*>(state);
  int numpy_shape = 0;
  mxnet.is_numpy_shape(&numpy_shape);
  const size_t inputs = node.inputs.size();
  if (static_cast<size_t>(count) != inputs + 1) throw std::runtime_error(node.name + ": wrong number of inputs");
  bool enough = true;  // are the shapes from which the others follow known?
  for (size_t i = 0; i < inputs; ++i) {
    if (i == 0 || node.inputs[i].given) enough = enough && is_known(ndims[i], shapes[i], numpy_shape);
  }
  if (!enough) {
    // Sizes of -1 are unknown. MXNet takes no unknown number of dimensions back.
    for (size_t i = 0; i < inputs; ++i) {
      if (ndims[i] < 0) hand_back(node.name, Shape(node.inputs[i].ndim, -1), i, ndims, shapes);
    }
    hand_back(node.name, Shape(4, -1), inputs, ndims, shapes);
    return 1;
  }
  std::vector<std::optional<Shape>> known(inputs);
  for (size_t i = 0; i < inputs; ++i) {
    if (is_known(ndims[i], shapes[i], numpy_shape)) known[i] = Shape(shapes[i], shapes[i] + ndims[i]);
  }
  const Shape output = infer(node.name, *node.op, &known);
  for (size_t i = 0; i < inputs; ++i) hand_back(node.name, *known[i], i, ndims, shapes);
  hand_back(node.name, output, inputs, ndims, shapes);
  return 1;
}

int infer_type(int count, int* types, void* state) {
  static const char* const kNames[] = {"float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"};
  auto name = [&](int type) { return type >= 0 && type < 8 ? kNames[type] : "another type"; };
  const Node& node = *static_cast<Node*>(state);
  int type = -1;
  for (int i = 0; i < count && type < 0; ++i) type = types[i];
  if (type < 0) return 1;
  for (int i = 0; i < count; ++i) {
    const std::string what = i < static_cast<int>(node.inputs.size()) ? node.inputs[i].name : "the output";
    require(types[i] < 0 || types[i] == type, node.name, ": ", what, " must have the dtype of data, ", name(type),
            ", got ", name(types[i]));
    types[i] = type;
  }
  require(type <= 2, node.name, ": data must be float16, float32 or float64, got ", name(type));
  return 1;
}

int declare_dependencies(const int* out_grad, const int* in_data, const int*, int* count, int** dependencies,
                         void* state) {
  // Several threads may bind one graph at once. MXNet copies the numbers before this thread calls again.
  thread_local std::vector<int> kept;
  const Node& node = *static_cast<const Node*>(state);
  kept = {out_grad[0]};
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.op->backward_reads(i)) kept.push_back(in_data[i]);
  }
  *count = static_cast<int>(kept.size());
  *dependencies = kept.data();
  return 1;
}

Tensor view(void* array, const std::string& name) {
  Tensor tensor;
  int ndim = 0, dtype = 0;
  const int* shape = nullptr;
  if (mxnet.get_shape(array, &ndim, &shape) || mxnet.get_dtype(array, &dtype) || mxnet.get_data(array, &tensor.data)) {
    fail(name, ": MXNet gave an array without shape, dtype or data");
  }
  tensor.shape.assign(shape, shape + ndim);
  tensor.dtype = static_cast<DType>(dtype);
  return tensor;
}

int device(void* array) {
  int type = 0, id = 0;
  if (mxnet.get_context(array, &type, &id)) fail("MXNet gave an array without a context");
  return id;
}

// What was to be computed, but was not, is NaN.
void fill_with_nan(const Tensor& array) {
  const int64_t count = numbers_of(array);
  if (array.dtype == DType::kFloat16) {
    std::fill_n(array.as<uint16_t>(), count, kFloat16NaN);
  } else {
    dispatch(array.dtype, [&](auto zero) {
      using T = decltype(zero);
      std::fill_n(array.as<T>(), count, std::numeric_limits<T>::quiet_NaN());
    });
  }
}

// Runs body in one of MXNet's threads and frees the arrays it was given. An error is thrown on as MXNet's own kind,
// which MXNet keeps and raises, text and all, where the user next waits for a result. (Returning 0 does the same
// without the text: MXNet checks what comes back and throws from the same place.)
//
// MXNet keeps one error for all custom operators: of two that fail at once, one is forgotten, and its results pass for
// computed. So, on the CPU, they are filled with NaN. body tells the arrays that it is to write before it may throw.
template <class Body>
int run(const Instance& instance, int count, void** arrays, Body body) {
  std::string wrong;
  std::vector<Tensor> results;
  try {
    body(&results);
  } catch (const std::bad_alloc&) {
    wrong = instance.name + ": not enough memory for its scratch space";
  } catch (const std::exception& error) {
    wrong = error.what();
  } catch (...) {
    wrong = instance.name + ": an unknown error";
  }
  if (!wrong.empty() && !instance.gpu) std::for_each(results.begin(), results.end(), fill_with_nan);
  for (int i = 0; i < count; ++i) mxnet.free_array(arrays[i]);
  if (wrong.empty()) return 1;
  throw dmlc::Error(wrong);
}

int forward(int count, void** arrays, int* tags, const int* reqs, int, void* state) {
  const Instance& instance = *static_cast<Instance*>(state);
  return run(instance, count, arrays, [&](std::vector<Tensor>* results) {
    const Req req = req_from(reqs[0]);
    if (req == Req::kNull) return;
    std::vector<Tensor> inputs;
    Tensor output;
    for (int i = 0; i < count; ++i) {
      if (tags[i] == kInput) inputs.push_back(view(arrays[i], instance.name));
      if (tags[i] == kOutput) output = view(arrays[i], instance.name);
    }
    results->push_back(output);
    if (instance.gpu) return instance.gpu->forward(instance.name, instance.op, inputs, req, output, device(arrays[0]));
    Widened widened;
    for (Tensor& input : inputs) widened.replace(&input, true);
    widened.replace_written(&output, req);
    checked_forward(instance.name, *instance.op, inputs, req, output);
    widened.store();
  });
}

// The arrays come as output gradient, inputs, output, input gradients. Inputs that backward does not read and
// gradients that nobody asked for have no storage and must not be touched.
int backward(int count, void** arrays, int*, const int* reqs, int, void* state) {
  const Instance& instance = *static_cast<Instance*>(state);
  return run(instance, count, arrays, [&](std::vector<Tensor>* results) {
    const int inputs_count = (count - 2) / 2;
    void** const inputs_at = arrays + 1;
    void** const grads_at = arrays + 2 + inputs_count;
    std::vector<Tensor> inputs(inputs_count), grads(inputs_count);
    std::vector<Req> wanted(inputs_count);
    for (int i = 0; i < inputs_count; ++i) {
      wanted[i] = req_from(reqs[i]);
      if (instance.op->backward_reads(i)) inputs[i] = view(inputs_at[i], instance.name);
      if (wanted[i] == Req::kNull) continue;
      grads[i] = view(grads_at[i], instance.name);
      results->push_back(grads[i]);
    }
    for (int i = 0; i < inputs_count; ++i) {
      if (instance.op->backward_reads(i)) continue;
      inputs[i] = grads[i];  // only its shape and dtype serve, and only where the gradient is wanted
      inputs[i].data = nullptr;
    }
    Tensor head = view(arrays[0], instance.name);
    if (instance.gpu) {
      return instance.gpu->backward(instance.name, instance.op, head, inputs, wanted, grads, device(arrays[0]));
    }
    Widened widened;
    widened.replace(&head, true);
    for (Tensor& input : inputs) widened.replace(&input, true);
    for (int i = 0; i < inputs_count; ++i) widened.replace_written(&grads[i], wanted[i]);
    instance.op->backward(head, inputs, wanted, grads);
    widened.store();
  });
}

int delete_instance(void* state) {
  delete static_cast<Instance*>(state);
  return 1;
}

int delete_node(void* state) {
  Node* node = static_cast<Node*>(state);
  for (char* name : node->input_names) delete[] name;
  delete node;
  return 1;
}

int create_operator(const char* context, int, unsigned**, const int*, const int*, CallbackList* list, void* state) {
  static AnyCallback callbacks[] = {any(delete_instance), any(forward), any(backward)};
  const Node& node = *static_cast<Node*>(state);
  auto* instance = new Instance{node.name, node.op, nullptr, {}};
  for (void*& slot : instance->contexts) slot = instance;
  *list = {3, callbacks, instance->contexts};
  if (std::strncmp(context, "cpu", 3) != 0) instance->gpu = &Gpu::get(node.name);
  return 1;
}

int create_node(const char* name, int count, const char** keys, const char** values, CallbackList* list) {
  static AnyCallback callbacks[] = {any(delete_node),     any(list_inputs), any(list_outputs),
                                    any(list_auxiliary),  any(infer_shape), any(declare_dependencies),
                                    any(create_operator), any(infer_type)};
  auto* node = new Node;
  for (void*& slot : node->contexts) slot = node;
  *list = {8, callbacks, node->contexts};  // before anything can throw: MXNet deletes the node while unwinding
  node->name = name;
  AttributeStrings given;
  for (int i = 0; i < count; ++i) given[keys[i]] = values[i];
  node->op = find_operator(name).make(given);
  node->inputs = node->op->inputs();
  for (const InputInfo& input : node->inputs) {
    char* copy = new char[input.name.size() + 1];
    std::memcpy(copy, input.name.c_str(), input.name.size() + 1);
    node->input_names.push_back(copy);
  }
  node->input_names.push_back(nullptr);
  return 1;
}

}  // namespace

// functions: the addresses of MXCustomOpRegister, MXNDArrayGetData, MXNDArrayGetShapeEx, MXNDArrayGetDType,
// MXNDArrayFree, MXIsNumpyShape and MXNDArrayGetContext, in this order. Returns MXNet's own status: 0 on success.
extern "C" __attribute__((visibility("default"))) int acn_mxnet_register(void** functions) {
  std::memcpy(&mxnet, functions, sizeof(mxnet));
  for (const OperatorInfo& info : operators()) {
    if (int status = mxnet.register_operator(info.name.c_str(), create_node)) return status;
  }
  return 0;
}
