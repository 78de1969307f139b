// SPDX-License-Identifier: Apache-2.0
// Compiled once per level: the only symbols a level shows are its two tables.
#include "columns.h"
#include "pool.h"
#include "product.h"
#include "rows.h"
#include "transpose.h"

namespace acn {
namespace ACN_LEVEL {

extern const Kernels<float> kFloat;
extern const Kernels<double> kDouble;

const Kernels<float> kFloat{Simd<float>::kLanes, multiply<float>,  gather<float>,    backward<float>,
                            blend<float>,        dot<float>,       transpose<float>, pool<float>,
                            pool_scatter<float>, pool_moves<float>};
const Kernels<double> kDouble{Simd<double>::kLanes, multiply<double>,  gather<double>,    backward<double>,
                              blend<double>,        dot<double>,       transpose<double>, pool<double>,
                              pool_scatter<double>, pool_moves<double>};

}  // namespace ACN_LEVEL
}  // namespace acn
