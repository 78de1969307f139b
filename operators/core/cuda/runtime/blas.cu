// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <map>
#include <memory>
#include <mutex>

#include "../../contract/c_api.h"
#include "blas.h"
#include "types.h"

namespace acn::cuda {
namespace {

// The part of cuBLAS's interface (cublas_api.h) that is used, the same in versions 11 to 13.
enum Status { kSuccess = 0 };
enum Operation { kAsStored = 0, kTransposed = 1 };
enum DataType { kR32F = 0, kR64F = 1, kR16F = 2, kR16BF = 14 };
enum ComputeType { kCompute32F = 68, kCompute64F = 70 };
enum MathMode { kDefaultMath = 0, kNoReducedPrecisionReduction = 16 };
constexpr int kDefaultAlgorithm = -1;

struct Functions {
  int (*create)(void** handle);
  int (*destroy)(void* handle);
  int (*set_stream)(void* handle, Stream stream);
  int (*set_workspace)(void* handle, void* workspace, size_t bytes);
  int (*set_math_mode)(void* handle, int mode);
  int (*gemm)(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a, int a_type,
              int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc, int compute,
              int algorithm);
  int (*gemm_batched)(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a,
                      int a_type, int lda, long long a_step, const void* b, int b_type, int ldb, long long b_step,
                      const void* beta, void* c, int c_type, int ldc, long long c_step, int count, int compute,
                      int algorithm);
};

void* open_library(std::string* tried) {
#ifdef ACN_CUDA_ON_HOST
  const char* const names[] = {"libcublas_on_host.so"};  // host_shim/cublas.cc; never the real one, on host memory
#else
  const char* const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"};
#endif
  for (const char* name : names) {
    if (void* loaded = dlopen(name, RTLD_NOW | RTLD_NOLOAD)) return loaded;
  }
  for (const char* name : names) {
    if (void* loaded = dlopen(name, RTLD_NOW)) return loaded;
    *tried += std::string(tried->empty() ? "" : "; ") + dlerror();
  }
  return nullptr;
}

template <class Function>
void find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  require(*function != nullptr, "CUDA: the cuBLAS that was found has no ", name);
}

const Functions& functions() {
  static const Functions all = [] {
    std::string tried;
    void* library = open_library(&tried);
    require(library != nullptr,
            "CUDA: the convolutions need cuBLAS 11, 12 or 13, and none was found; import torch (or a CUDA build of "
            "mxnet) first, or pip install nvidia-cublas (nvidia-cublas-cu12, nvidia-cublas-cu11) and put its lib "
            "folder in LD_LIBRARY_PATH (",
            tried, ")");
    Functions f{};
    find(library, "cublasCreate_v2", &f.create);
    find(library, "cublasDestroy_v2", &f.destroy);
    find(library, "cublasSetStream_v2", &f.set_stream);
    find(library, "cublasSetWorkspace_v2", &f.set_workspace);
    find(library, "cublasSetMathMode", &f.set_math_mode);
    find(library, "cublasGemmEx", &f.gemm);
    find(library, "cublasGemmStridedBatchedEx", &f.gemm_batched);
    return f;
  }();
  return all;
}

void check_blas(int status, const char* what) {
  require(status == kSuccess, "CUDA: cuBLAS could not ", what, " (cublasStatus ", status, ")");
}

// A handle serves one thread at a time and keeps device memory, so they are kept and lent out.
std::mutex pool_lock;
std::map<int, std::vector<void*>>& pool() {
  static auto* idle = new std::map<int, std::vector<void*>>;  // never destroyed: the driver may be gone by then
  return *idle;
}

void* borrow(int device) {
  const Functions& f = functions();
  {
    std::lock_guard<std::mutex> lock(pool_lock);
    std::vector<void*>& idle = pool()[device];
    if (!idle.empty()) {
      void* handle = idle.back();
      idle.pop_back();
      return handle;
    }
  }
  void* handle = nullptr;
  check_blas(f.create(&handle), "be started");
  check_blas(f.set_math_mode(handle, kDefaultMath | kNoReducedPrecisionReduction), "set its precision");
  return handle;
}

// Called by a destructor: nothing may be thrown.
void give_back(int device, void* handle) noexcept {
  std::lock_guard<std::mutex> lock(pool_lock);
  try {
    pool()[device].push_back(handle);
  } catch (const std::bad_alloc&) {  // there is no place to remember it in
    functions().destroy(handle);
  }
}

DataType data_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return kR64F;
    case DType::kFloat16:
      return kR16F;
    case DType::kBFloat16:
      return kR16BF;
    case DType::kFloat32:
      break;
  }
  return kR32F;
}

int as_int(int64_t value) {
  require(value < (int64_t{1} << 31), "CUDA: a matrix product with a side or row of ", value,
          " elements is more than cuBLAS takes (2^31 - 1)");
  return static_cast<int>(value);
}

}  // namespace

int64_t blas_scratch_bytes() {
  constexpr int64_t kMiB = 1 << 20;
  return std::clamp(acn_workspace_bytes() / 4, 4 * kMiB, 32 * kMiB);
}

Blas::Blas(const Run& run, void* scratch) : run_(run), handle_(borrow(run.device)) {
  const Functions& f = functions();
  try {
    check_blas(f.set_stream(handle_, run.stream), "take the stream");
    check_blas(f.set_workspace(handle_, scratch, static_cast<size_t>(blas_scratch_bytes())), "take its workspace");
  } catch (...) {
    give_back(run.device, handle_);
    throw;
  }
}

Blas::~Blas() { give_back(run_.device, handle_); }

// cuBLAS is column-major, which is the transposed product of the same memory: out' = right' left'.
void Blas::multiply(const DeviceProduct& p) const {
  if (p.rows <= 0 || p.columns <= 0 || p.count <= 0) return;
  const float one = 1, zero = 0;
  const double one64 = 1, zero64 = 0;
  const bool wide = p.in == DType::kFloat64;
  const void* alpha = wide ? static_cast<const void*>(&one64) : &one;
  const void* beta = p.add ? alpha : wide ? static_cast<const void*>(&zero64) : &zero;
  const int in = data_type(p.in), out = data_type(p.out_type), compute = wide ? kCompute64F : kCompute32F;
  const int right_op = p.right.transposed ? kTransposed : kAsStored,
            left_op = p.left.transposed ? kTransposed : kAsStored;
  const int m = as_int(p.columns), n = as_int(p.rows), k = as_int(p.depth);
  const int right_row = as_int(p.right.row), left_row = as_int(p.left.row), out_row = as_int(p.out_row);
  const Functions& f = functions();
  if (p.count == 1) {
    check_blas(f.gemm(handle_, right_op, left_op, m, n, k, alpha, p.right.data, in, right_row, p.left.data, in,
                      left_row, beta, p.out, out, out_row, compute, kDefaultAlgorithm),
               "multiply");
  } else {
    check_blas(f.gemm_batched(handle_, right_op, left_op, m, n, k, alpha, p.right.data, in, right_row, p.right.step,
                              p.left.data, in, left_row, p.left.step, beta, p.out, out, out_row, p.out_step,
                              as_int(p.count), compute, kDefaultAlgorithm),
               "multiply a batch");
  }
}

}  // namespace acn::cuda
