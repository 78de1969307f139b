// SPDX-License-Identifier: Apache-2.0
#include "../../../operators/core/contract/c_api.h"
#include "fronts.h"

namespace fuzz {

Arrays::Arrays(const FuzzCase& drawn, acn::DType dtype, Random* random)
    : output(drawn.output, dtype), head(drawn.output, dtype) {
  for (const acn::Shape& shape : drawn.shapes) {
    inputs.emplace_back(shape, dtype);
    inputs.back().fill(random);
    grads.emplace_back(shape, dtype);
    grads.back().fill(random);
  }
  output.fill(random);
  head.fill(random);
}

namespace {

acn_tensor as_c(const Array& array) {
  return {array.data(), static_cast<int32_t>(array.dtype()), static_cast<int32_t>(array.shape().size()),
          array.shape().data()};
}

std::vector<acn_tensor> as_c(const std::vector<Array>& arrays) {
  std::vector<acn_tensor> all;
  for (const Array& array : arrays) all.push_back(as_c(array));
  return all;
}

struct Created {
  void* handle = nullptr;
  explicit Created(const FuzzCase& drawn) {
    std::vector<const char*> keys, values;
    for (const auto& [key, value] : drawn.attributes) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
    const int count = static_cast<int>(keys.size());
    if (acn_create(drawn.name.c_str(), count, keys.data(), values.data(), &handle)) {
      finding(std::string("accepted before, refused now: ") + acn_last_error(), drawn);
    }
  }
  ~Created() { acn_free(handle); }
};

// Now and then one thing is wrong: it must be refused, before anything is read.
void spoil(std::vector<acn_tensor>* tensors, std::vector<int32_t>* reqs, int* count, Random* random) {
  static const int64_t negative[] = {-1, -5, 3, 3, 3, 3, 3, 3};
  acn_tensor& one = (*tensors)[random->bits() % tensors->size()];
  switch (random->between(0, 5)) {
    case 0:
      one.ndim = random->of({9, 100, -1, -2147483647 - 1, 0, 3});
      break;
    case 1:
      one.dtype = random->of({2, 3, 4, -1, 1 << 30});
      break;
    case 2:
      one.shape = negative;
      break;
    case 3:
      (*reqs)[random->bits() % reqs->size()] = random->of({3, -1, 1 << 30});
      break;
    case 4:
      *count -= 1;
      break;
    default:
      one.dtype ^= 1;
  }
}

void infer(const FuzzCase& drawn, void* handle, Random* random, Tally* tally) {
  const size_t count = drawn.shapes.size();
  std::vector<int32_t> ndims(count, -1);
  std::vector<int64_t> sizes(count * ACN_MAX_NDIM, 1);
  for (size_t i = 0; i < count; ++i) {
    if (i > 0 && random->chance(0.5)) continue;
    ndims[i] = static_cast<int32_t>(drawn.shapes[i].size());
    std::copy(drawn.shapes[i].begin(), drawn.shapes[i].end(), sizes.begin() + static_cast<int64_t>(i) * ACN_MAX_NDIM);
  }
  if (random->chance(0.2)) ndims[random->bits() % count] = random->of({-1, 0, 3, 8, 9, 2147483647});
  if (random->chance(0.3)) {
    const size_t at = random->bits() % sizes.size();
    sizes[at] = random->of({int64_t{0}, int64_t{-1}, int64_t{1} << 31, int64_t{1} << 40, int64_t{1} << 62, INT64_MAX});
    if (random->chance(0.5)) sizes[random->bits() % sizes.size()] = sizes[at];
  }
  int32_t out_ndim = 0;
  int64_t out[ACN_MAX_NDIM];
  acn_infer_shapes(handle, static_cast<int>(count), ndims.data(), sizes.data(), &out_ndim, out);
  ++tally->shapes;
}

}  // namespace

void through_c(const FuzzCase& drawn, Random* random, Tally* tally) {
  const Created created(drawn);
  infer(drawn, created.handle, random, tally);
  const acn::DType dtype = random->of({acn::DType::kFloat32, acn::DType::kFloat64});
  Arrays arrays(drawn, dtype, random);
  std::vector<acn_tensor> inputs = as_c(arrays.inputs), grads = as_c(arrays.grads);
  acn_tensor output = as_c(arrays.output), head = as_c(arrays.head);
  std::vector<int32_t> reqs;
  for (size_t i = 0; i < inputs.size(); ++i) reqs.push_back(random->of({0, 1, 1, 2}));
  int count = static_cast<int>(inputs.size());
  const bool wrong = random->chance(0.05);
  if (wrong) spoil(random->chance(0.7) ? &inputs : &grads, &reqs, &count, random);
  std::vector<int32_t> forward_req{wrong ? reqs[0] : random->of({0, 1, 1, 2})};
  Array again(drawn.output, dtype);
  again.copy(arrays.output);
  tally->count(drawn, "C", acn_forward(created.handle, count, inputs.data(), forward_req[0], &output) == 0);
  tally->count(drawn, "C", acn_backward(created.handle, &head, count, inputs.data(), reqs.data(), grads.data()) == 0);
  if (wrong || !random->chance(0.1)) return;
  // Other threads, the same bits.
  const int threads = acn_num_threads();
  acn_set_num_threads(threads % 5 + 1);
  const acn_tensor second = as_c(again);
  tally->count(drawn, "C", acn_forward(created.handle, count, inputs.data(), forward_req[0], &second) == 0);
  acn_set_num_threads(threads);
  if (!again.same_bits(arrays.output)) finding("another number of threads, other bits", drawn);
}

}  // namespace fuzz
