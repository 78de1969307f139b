// SPDX-License-Identifier: Apache-2.0
// The loops where the time goes, compiled for three levels of x86-64 from one
// source (folder simd/) and chosen when the library is first used. The
// arguments are plain structs; a table of functions is what each level
// provides.
#pragma once

#include <cstdint>

#include "../sampling/boundary.h"

namespace acn {

template <class T>
struct Cells;

// C(i, j) = (add ? C(i, j) : 0) + sum over k of A(i, k) B(k, j), summed in the
// order of k, for i < rows, k < depth and j < columns, a multiple of the lanes.
// B comes in panels of two vectors side by side: column j of row k stands at b
// + j / panel * b_panel + k * b_row + j % panel, with panel = 2 * lanes.
template <class T>
struct Product {
  int64_t rows = 0, columns = 0, depth = 0;
  const T* a = nullptr;
  int64_t a_row = 0, a_depth = 1;
  const T* b = nullptr;
  int64_t b_panel = 0, b_row = 0;
  T* c = nullptr;
  int64_t c_row = 0;
  bool add = false;
};

// A run of `count` sampling points over one block of `width` channels, a
// multiple of the lanes. Maps are channel-last, so that one set of bilinear
// weights serves a run of channels, and hold one more row than pixels: a zero
// when read, a discarded sum when written.
template <class T>
struct PointRun {
  const Cells<T>* cells;
  const T* mask;  // one factor per point, or null for 1
  int64_t count;
  const T* map;  // (pixels + 1, width), the last row zero
  int64_t width;
};

// From the gradient of the column (count, width); each result may be null.
// map_grad (pixels + 1, width) is added to; point_grad (count, components)
// holds d/dy, d/dx and, with components = 3, d/dmask of this channel block.
template <class T>
struct ColumnGradients {
  const T* column_grad;
  T* column;
  T* map_grad;
  T* point_grad;
  int64_t components;
};

// A map (height, width) read at its output grid moved by one constant. Output row y lies fraction_y below cell
// y + first_y; which two cells that means is said by axis_cells() of sampling/boundary.h. Rows outside
// [y_begin, y_end) look at nothing. Columns likewise.
template <class T>
struct MovePlan {
  int64_t height, width, out_width;
  int64_t first_y, y_begin, y_end, first_x, x_begin, x_end;
  T fraction_y, fraction_x;
  Boundary rule;
};

// One axis of a bin of a pooling: the cells it reads, ascending, each once; how
// much each counts, and how fast that changes when the bin moves along the
// axis.
template <class T>
struct PoolAxis {
  int32_t count;
  const int32_t* cell;
  const T* weight;
  const T* slope;
};

// Over a channel-last map (pixels, width), `row` numbers from one row to the
// next; width is 1 or whole 16 bytes.
template <class T>
struct PoolBin {
  PoolAxis<T> y, x;
  int64_t row, width;
};

// Rows multiplied number by number: out[x] = (add ? out[x] : 0) + sum over i of (a[i][x] + more) b[i][x], summed in the
// order of i, for i < count and x < length. out overlaps no other row. past_cache: out is so large an array that it is
// not worth a place in the cache; without `add` it is then written past it. ahead: how far beyond each row of `a` lies
// one that will soon be read, which is fetched meanwhile; 0: none.
template <class T>
struct RowProducts {
  int64_t count = 0, length = 0;
  const T* const* a = nullptr;
  const T* const* b = nullptr;
  T more = 0;
  bool add = false, past_cache = false;
  int64_t ahead = 0;
  T* out = nullptr;
};

template <class T>
struct VectorKernels {
  int64_t lanes;  // numbers in a vector: maps, columns and weights are padded to
                  // a multiple of it
  void (*multiply)(const Product<T>& product);
  void (*gather)(const PointRun<T>& points,
                 T* column);  // column (count, width) = mask * sampled map
  void (*backward)(const PointRun<T>& points, const ColumnGradients<T>& gradients);
  void (*add_moved)(const MovePlan<T>& plan, const T* map, T* out);               // out += moved map
  void (*spread_moved)(const MovePlan<T>& plan, const T* out_grad, T* map_grad);  // += the transpose of add_moved
  // Adds the sums over positions of out_grad times the slopes of the moved map along y and x.
  void (*moved_slopes)(const MovePlan<T>& plan, const T* map, const T* out_grad, double* sum_y, double* sum_x);
  // out(j, i) = in(i, j) for i < rows, j < columns.
  void (*transpose)(int64_t rows, int64_t columns, const T* in, int64_t in_row, T* out, int64_t out_row);
  // sums (width) = the sum over the bin's cells of weights times map; map_grad += its transpose times grad (width);
  // moves (2) += the sum over channels of grad times the sums with the slopes of y, and with those of x.
  void (*pool)(const PoolBin<T>& bin, const T* map, T* sums);
  void (*pool_scatter)(const PoolBin<T>& bin, const T* grad, T* map_grad);
  void (*pool_moves)(const PoolBin<T>& bin, const T* grad, const T* map, T* moves);
  void (*add_products)(const RowProducts<T>& rows);
};

// Of the widest level the machine has, or of the one ACTIVE_CONVNETS_ISA names
// ("v2", "v3", "v4"). Throws Error if the machine does not have that one.
template <class T>
const VectorKernels<T>& vector_kernels();

// That level: 2, 3 or 4. Throws likewise.
int instruction_set();

inline int64_t round_up(int64_t count, int64_t step) { return (count + step - 1) / step * step; }

}  // namespace acn
