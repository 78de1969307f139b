// SPDX-License-Identifier: Apache-2.0
// Plays MXNet: takes the registration and calls back in MXNet's order, from one thread or from two that share a node.
#include <exception>
#include <thread>

#include "fronts.h"

extern "C" int acn_mxnet_register(void** functions);

namespace fuzz {
namespace {

struct CallbackList {
  int count;
  int (**callbacks)(void);
  void** contexts;
};
using Creator = int (*)(const char*, int, const char**, const char**, CallbackList*);

struct FakeArray {
  const Array* array;
  std::vector<int> shape;
};

std::map<std::string, Creator>& creators() {
  static auto* all = new std::map<std::string, Creator>;
  return *all;
}
thread_local int numpy_shape = 0;
thread_local int64_t freed = 0;

int register_operator(const char* name, Creator creator) { return creators()[name] = creator, 0; }
int get_data(void* array, void** data) { return *data = static_cast<FakeArray*>(array)->array->data(), 0; }
int get_shape(void* array, int* ndim, const int** shape) {
  const FakeArray& fake = *static_cast<FakeArray*>(array);
  *ndim = static_cast<int>(fake.shape.size());
  *shape = fake.shape.data();
  return 0;
}
int get_dtype(void* array, int* dtype) {
  return *dtype = static_cast<int>(static_cast<FakeArray*>(array)->array->dtype()), 0;
}
int free_array(void*) { return ++freed, 0; }
int is_numpy_shape(int* flag) { return *flag = numpy_shape, 0; }
int get_context(void*, int* type, int* id) { return *type = 1, *id = 0, 0; }
int get_gpu_count(int* count) { return *count = 0, 0; }

void register_once() {
  static const int done = [] {
    void* functions[] = {reinterpret_cast<void*>(register_operator), reinterpret_cast<void*>(get_data),
                         reinterpret_cast<void*>(get_shape),         reinterpret_cast<void*>(get_dtype),
                         reinterpret_cast<void*>(free_array),        reinterpret_cast<void*>(is_numpy_shape),
                         reinterpret_cast<void*>(get_context),       reinterpret_cast<void*>(get_gpu_count)};
    return acn_mxnet_register(functions);
  }();
  (void)done;
}

// The callbacks by their numbers in MXNet's enumerations.
enum NodeCallback { kDelete, kInputs, kOutputs, kAuxiliary, kShape, kDependencies, kCreate, kType };
enum InstanceCallback { kDeleteInstance, kForward, kBackward };

template <class Function, class... Arguments>
int call(const CallbackList& list, int which, Arguments... arguments) {
  return reinterpret_cast<Function>(reinterpret_cast<void (*)()>(list.callbacks[which]))(arguments...,
                                                                                       list.contexts[which]);
}

std::vector<int> as_int(const acn::Shape& shape) { return std::vector<int>(shape.begin(), shape.end()); }

void infer_and_declare(const FuzzCase& drawn, const CallbackList& node, uint64_t seed) {
  Random random(seed);
  numpy_shape = static_cast<int>(random.between(0, 1));
  const int count = static_cast<int>(drawn.shapes.size());
  std::vector<std::vector<int>> given;
  std::vector<int> ndims;
  std::vector<int*> shapes;
  for (const acn::Shape& shape : drawn.shapes) given.push_back(as_int(shape));
  given.emplace_back(4, -1);
  for (std::vector<int>& shape : given) {
    if (random.chance(0.1)) shape[random.bits() % shape.size()] = random.of({0, -1, 2147483647});
    ndims.push_back(random.chance(0.2) ? -1 : static_cast<int>(shape.size()));
    shapes.push_back(shape.data());
  }
  call<int (*)(int, int*, int**, void*)>(node, kShape, count + 1, ndims.data(), shapes.data());
  const int head[] = {0}, out[] = {100};
  std::vector<int> in(count);
  for (int i = 0; i < count; ++i) in[i] = i + 1;
  int found = 0;
  int* dependencies = nullptr;
  call<int (*)(const int*, const int*, const int*, int*, int**, void*)>(node, kDependencies, head, in.data(), out,
                                                                       &found, &dependencies);
  for (int i = 0; i < found; ++i) {
    if (dependencies[i] < 0 || dependencies[i] > 100) finding("a dependency on nothing", drawn);
  }
}

void infer_as_mxnet(const FuzzCase& drawn, const CallbackList& node, uint64_t seed) {
  try {
    infer_and_declare(drawn, node, seed);
  } catch (const std::exception&) {
  }
}

// output gradient, inputs, output, input gradients; each array is freed by the callee.
bool run(const CallbackList& instance, int which, std::vector<FakeArray>* arrays, std::vector<int>* tags,
         const std::vector<int>& reqs, const FuzzCase& drawn) {
  std::vector<void*> pointers;
  for (FakeArray& array : *arrays) pointers.push_back(&array);
  const int count = static_cast<int>(pointers.size());
  const int64_t before = freed;
  bool accepted = true;
  try {
    call<int (*)(int, void**, int*, const int*, int, void*)>(instance, which, count, pointers.data(), tags->data(),
                                                            reqs.data(), 1);
  } catch (const std::exception&) {
    accepted = false;
  }
  if (freed - before != count) finding("arrays were not given back", drawn);
  return accepted;
}

void run_instance(const FuzzCase& drawn, const CallbackList& instance, acn::DType dtype, Random* random, Tally* tally) {
  const Arrays arrays(drawn, dtype, random);
  const auto fake = [](const Array& array) { return FakeArray{&array, as_int(array.shape())}; };
  std::vector<FakeArray> forward;
  std::vector<int> tags;
  for (const Array& input : arrays.inputs) forward.push_back(fake(input)), tags.push_back(0);
  forward.push_back(fake(arrays.output)), tags.push_back(1);
  const auto req = [&] { return random->of({0, 1, 1, 2, 3}); };
  tally->count(drawn, "MXNet", run(instance, kForward, &forward, &tags, {req()}, drawn));
  std::vector<FakeArray> backward{fake(arrays.head)};
  std::vector<int> reqs;
  tags = {3};
  for (const Array& input : arrays.inputs) backward.push_back(fake(input)), tags.push_back(0);
  backward.push_back(fake(arrays.output)), tags.push_back(1);
  for (const Array& grad : arrays.grads) backward.push_back(fake(grad)), tags.push_back(2), reqs.push_back(req());
  tally->count(drawn, "MXNet", run(instance, kBackward, &backward, &tags, reqs, drawn));
}

}  // namespace

void through_mxnet(const FuzzCase& drawn, Random* random, Tally* tally) {
  register_once();
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : drawn.attributes) keys.push_back(key.c_str()), values.push_back(value.c_str());
  CallbackList node{};
  try {
    creators().at(drawn.name)(drawn.name.c_str(), static_cast<int>(keys.size()), keys.data(), values.data(), &node);
  } catch (const std::exception& error) {
    finding(std::string("accepted before, refused now: ") + error.what(), drawn);
  }
  if (random->chance(0.05)) {  // two threads bind one graph
    const uint64_t seeds[] = {random->bits(), random->bits()};
    std::thread other([&] { infer_as_mxnet(drawn, node, seeds[0]); });
    infer_as_mxnet(drawn, node, seeds[1]);
    other.join();
  }
  infer_as_mxnet(drawn, node, random->bits());
  ++tally->shapes;
  const acn::DType dtype = random->of({acn::DType::kFloat32, acn::DType::kFloat64});
  const int count = static_cast<int>(drawn.shapes.size());
  std::vector<int> types(count + 1, random->chance(0.05) ? random->of({2, 3, 7, 8, -1}) : static_cast<int>(dtype));
  if (random->chance(0.05)) types[random->bits() % types.size()] = random->of({-1, 0, 1, 100});
  CallbackList instance{};
  try {
    call<int (*)(int, int*, void*)>(node, kType, count + 1, types.data());
    call<int (*)(const char*, int, unsigned**, const int*, const int*, CallbackList*, void*)>(
        node, kCreate, "cpu(0)", count, nullptr, nullptr, types.data(), &instance);
  } catch (const std::exception&) {
    ++tally->shapes;
  }
  if (random->chance(0.5)) {  // an instance may outlive its node
    call<int (*)(void*)>(node, kDelete);
    if (instance.count && types[0] >= 0 && types[0] < 2) run_instance(drawn, instance, dtype, random, tally);
    if (instance.count) call<int (*)(void*)>(instance, kDeleteInstance);
    return;
  }
  if (instance.count && types[0] >= 0 && types[0] < 2) run_instance(drawn, instance, dtype, random, tally);
  if (instance.count) call<int (*)(void*)>(instance, kDeleteInstance);
  call<int (*)(void*)>(node, kDelete);
}

}  // namespace fuzz
