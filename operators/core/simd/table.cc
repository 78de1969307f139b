// SPDX-License-Identifier: Apache-2.0
// Compiled once per level: the only symbols a level shows are its two tables.
#include "columns.h"
#include "moved_map.h"
#include "pool.h"
#include "product.h"
#include "row_products.h"
#include "transpose.h"

namespace acn {
namespace ACN_LEVEL {

extern const VectorKernels<float> kFloat;
extern const VectorKernels<double> kDouble;

template <class T>
constexpr VectorKernels<T> table() {
  VectorKernels<T> t{};
  t.lanes = Simd<T>::kLanes;
  t.multiply = multiply<T>;
  t.gather = gather<T>;
  t.backward = backward<T>;
  t.add_moved = add_moved<T>;
  t.spread_moved = spread_moved<T>;
  t.moved_slopes = moved_slopes<T>;
  t.transpose = transpose<T>;
  t.pool = pool<T>;
  t.pool_scatter = pool_scatter<T>;
  t.pool_moves = pool_moves<T>;
  t.add_products = add_products<T>;
  return t;
}
constexpr VectorKernels<float> kFloatTable = table<float>();
constexpr VectorKernels<double> kDoubleTable = table<double>();
const VectorKernels<float> kFloat = kFloatTable;
const VectorKernels<double> kDouble = kDoubleTable;

}  // namespace ACN_LEVEL
}  // namespace acn
