// SPDX-License-Identifier: Apache-2.0
#include "vector_kernels.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include "../contract/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace acn {

#define ACN_DECLARE_LEVEL(level)              \
  namespace level {                           \
  extern const VectorKernels<float> kFloat;   \
  extern const VectorKernels<double> kDouble; \
  }
ACN_DECLARE_LEVEL(v2)
#if defined(__x86_64__)
ACN_DECLARE_LEVEL(v3)
ACN_DECLARE_LEVEL(v4)
#endif
#undef ACN_DECLARE_LEVEL

namespace {

#if defined(__x86_64__)
// All that the x86-64 psABI counts to a level, for the compiler may use any of it: virtual machines hide some. Not
// __builtin_cpu_supports("x86-64-v3"), which older compilers do not know, nor some of the names.
int widest_level() {
  __builtin_cpu_init();
  unsigned a = 0, b = 0, c = 0, d = 0, extended = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid(0x80000001, &a, &b, &extended, &d)) return 2;
  constexpr unsigned kMovbe = 1u << 22, kF16c = 1u << 29, kLzcnt = 1u << 5;
  const bool v3 = __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && (c & kMovbe) && (c & kF16c) &&
                  (extended & kLzcnt);
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? 4 : v3 ? 3 : 2;
}
#endif

int choose_level() {
#if defined(__x86_64__)
  const int widest = widest_level();
  const char* asked = std::getenv("ACTIVE_CONVNETS_ISA");
  if (!asked || !*asked) return widest;
  for (int level = 2; level <= widest; ++level) {
    if (asked == "v" + std::to_string(level)) return level;
  }
  fail("ACTIVE_CONVNETS_ISA must name a level of this machine, v2 to v", widest, ", got '", asked, "'");
#else
  return 2;
#endif
}

// As num_threads() finds its default out, and for the same reason not a static object.
int level() {
  static std::atomic<int> chosen{0};
  if (chosen.load(std::memory_order_relaxed) == 0) chosen.store(choose_level());
  return chosen.load(std::memory_order_relaxed);
}

}  // namespace

int instruction_set() { return level(); }

#if defined(__x86_64__)
template <>
const VectorKernels<float>& vector_kernels() {
  return level() >= 4 ? v4::kFloat : level() == 3 ? v3::kFloat : v2::kFloat;
}
template <>
const VectorKernels<double>& vector_kernels() {
  return level() >= 4 ? v4::kDouble : level() == 3 ? v3::kDouble : v2::kDouble;
}
#else
template <>
const VectorKernels<float>& vector_kernels() {
  return v2::kFloat;
}
template <>
const VectorKernels<double>& vector_kernels() {
  return v2::kDouble;
}
#endif

}  // namespace acn
