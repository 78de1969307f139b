// SPDX-License-Identifier: Apache-2.0
// Compiled once per level: the only symbols a level shows are its two tables.
#include "columns.h"
#include "pool.h"
#include "product.h"
#include "shifts.h"
#include "transpose.h"

namespace acn {
namespace ACN_LEVEL {

extern const Kernels<float> kFloat;
extern const Kernels<double> kDouble;

template <class T>
constexpr Kernels<T> kTable{Simd<T>::kLanes, multiply<T>,  gather<T>, backward<T>,     shift_add<T>, shift_spread<T>,
                            shift_slopes<T>, transpose<T>, pool<T>,   pool_scatter<T>, pool_moves<T>};
const Kernels<float> kFloat = kTable<float>;
const Kernels<double> kDouble = kTable<double>;

}  // namespace ACN_LEVEL
}  // namespace acn
