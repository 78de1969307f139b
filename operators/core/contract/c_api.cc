// SPDX-License-Identifier: Apache-2.0
#include "c_api.h"

#include <atomic>
#include <memory>

#include "../runtime/scratch.h"
#include "../runtime/threads.h"
#include "../simd/vector_kernels.h"
#include "call.h"
#include "error.h"
#include "guarded.h"
#include "handle.h"
#include "views.h"

namespace {

using namespace acn;

thread_local std::string last_error;

Tensor view(const acn_tensor& tensor) { return view_of(tensor, DType::kFloat64); }
std::vector<Tensor> views(const acn_tensor* tensors, int count) { return views_of(tensors, count, DType::kFloat64); }

// The texts are this library's own, of printable letters.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

template <class Item, class Format>
std::string json_list(const std::vector<Item>& items, Format format) {
  std::string out = "[";
  for (size_t i = 0; i < items.size(); ++i) out += (i ? ", " : "") + format(items[i]);
  return out + "]";
}

std::string json_operator(const OperatorInfo& info) {
  return "{\"name\": " + quoted(info.name) + ", \"room\": " + quoted(info.room) + ", \"doc\": " + quoted(info.doc) +
         ", \"inputs\": " +
         json_list(info.all_inputs,
                   [](const InputInfo& input) {
                     return "{\"name\": " + quoted(input.name) + ", \"doc\": " + quoted(input.doc) + "}";
                   }) +
         ", \"attributes\": " +
         json_list(info.attributes,
                   [](const AttributeInfo& a) {
                     return "{\"name\": " + quoted(a.name) + ", \"type\": " + quoted(a.type) +
                            ", \"default\": " + quoted(a.default_text) + ", \"doc\": " + quoted(a.doc) +
                            ", \"required\": " + (a.required ? "true" : "false") + "}";
                   }) +
         "}";
}

}  // namespace

const char* acn_last_error(void) { return last_error.c_str(); }

const char* acn_abi(void) { return ACN_ABI; }

const char* acn_describe(void) {
  // Made by the first call, or by several, of which one text is kept: see num_threads() on static objects and forks.
  static std::atomic<const std::string*> kept{nullptr};
  if (!kept.load()) {
    auto made = std::make_unique<const std::string>(json_list(operators(), json_operator));
    const std::string* none = nullptr;
    if (kept.compare_exchange_strong(none, made.get())) made.release();
  }
  return kept.load()->c_str();
}

int acn_create(const char* name, int count, const char** keys, const char** values, void** handle) {
  return guarded(&last_error, [&] {
    AttributeStrings given;
    for (int i = 0; i < count; ++i) given[keys[i]] = values[i];
    *handle = new Handle(make_handle(name, given));
  });
}

void acn_free(void* handle) { delete static_cast<Handle*>(handle); }

int acn_num_inputs(void* handle) { return static_cast<int>(static_cast<Handle*>(handle)->inputs.size()); }

const char* acn_input_name(void* handle, int index) { return static_cast<Handle*>(handle)->inputs[index].name.c_str(); }

int acn_infer_shapes(void* handle, int count, int32_t* ndims, int64_t* shapes, int32_t* out_ndim, int64_t* out_shape) {
  return guarded(&last_error, [&] {
    const Handle& h = *static_cast<Handle*>(handle);
    require(count == static_cast<int>(h.inputs.size()) && ndims[0] >= 0, h.name, ": ", h.inputs.size(),
            " input shapes are expected, the first of them known; got ", count);
    std::vector<std::optional<Shape>> known(count);
    for (int i = 0; i < count; ++i) {
      if (ndims[i] >= 0) known[i] = view({nullptr, 0, ndims[i], shapes + i * ACN_MAX_NDIM}).shape;
    }
    const Shape output = infer(h.name, *h.op, &known);
    for (int i = 0; i < count; ++i) {
      ndims[i] = static_cast<int32_t>(known[i]->size());
      std::copy(known[i]->begin(), known[i]->end(), shapes + i * ACN_MAX_NDIM);
    }
    *out_ndim = static_cast<int32_t>(output.size());
    std::copy(output.begin(), output.end(), out_shape);
  });
}

int acn_forward(void* handle, int count, const acn_tensor* inputs, int32_t req, const acn_tensor* output) {
  return guarded(&last_error, [&] {
    const Handle& h = *static_cast<Handle*>(handle);
    checked_forward(h.name, *h.op, views(inputs, count), req_of(req), view(*output));
  });
}

int acn_backward(void* handle, const acn_tensor* output_grad, int count, const acn_tensor* inputs, const int32_t* reqs,
                 const acn_tensor* input_grads) {
  return guarded(&last_error, [&] {
    const Handle& h = *static_cast<Handle*>(handle);
    checked_backward(h.name, *h.op, view(*output_grad), views(inputs, count), reqs_of(reqs, count),
                     views(input_grads, count));
  });
}

int acn_instruction_set(int* level) {
  return guarded(&last_error, [&] { *level = instruction_set(); });
}

int acn_num_threads(void) { return num_threads(); }
void acn_set_num_threads(int count) { set_num_threads(count); }
int64_t acn_workspace_bytes(void) { return workspace_bytes(); }
void acn_set_workspace_bytes(int64_t bytes) { set_workspace_bytes(bytes); }
