// SPDX-License-Identifier: Apache-2.0
#include "vector_kernels.h"

#include <cstdlib>
#include <string>

#include "../contract/error.h"

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

int choose_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  const int widest = v4 ? 4 : v3 ? 3 : 2;
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

int level() {
  static const int chosen = choose_level();
  return chosen;
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
