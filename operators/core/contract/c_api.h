/* SPDX-License-Identifier: Apache-2.0 */
/* The library as C sees it; what the NumPy and PyTorch fronts call. Functions
   that can fail return 0 on success, and otherwise acn_last_error() tells why,
   in the calling thread, until its next call. */
#ifndef ACTIVE_CONVNETS_C_API_H_
#define ACTIVE_CONVNETS_C_API_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct {
  void* data;
  int32_t dtype; /* 0 float32, 1 float64; on CUDA also 2 float16, 3 bfloat16 */
  int32_t ndim;
  const int64_t* shape;
} acn_tensor;

enum { ACN_MAX_NDIM = 8 };

const char* acn_last_error(void);

/* The stamp of the headers that this library and the CUDA library share (operators/core/abi.py). */
const char* acn_abi(void);

/* JSON: every operator with its inputs, attributes and documentation. */
const char* acn_describe(void);

/* An operator for given attributes, all as strings. It may be used by several
 * threads at once. */
int acn_create(const char* name, int count, const char** keys, const char** values, void** handle);
void acn_free(void* handle);
int acn_num_inputs(void* handle);
const char* acn_input_name(void* handle, int index);

/* ndims[i] = -1 marks an unknown input shape, which is filled in; shapes holds
 * ACN_MAX_NDIM numbers an input. */
int acn_infer_shapes(void* handle, int count, int32_t* ndims, int64_t* shapes, int32_t* out_ndim, int64_t* out_shape);

/* req: 0 nothing, 1 write, 2 add. */
int acn_forward(void* handle, int count, const acn_tensor* inputs, int32_t req, const acn_tensor* output);
int acn_backward(void* handle, const acn_tensor* output_grad, int count, const acn_tensor* inputs, const int32_t* reqs,
                 const acn_tensor* input_grads);

/* 2, 3 or 4: the level of x86-64 whose kernels run here. Fails if
 * ACTIVE_CONVNETS_ISA names none of this machine. */
int acn_instruction_set(int* level);

int acn_num_threads(void);
void acn_set_num_threads(int count);
int64_t acn_workspace_bytes(void);
void acn_set_workspace_bytes(int64_t bytes);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
