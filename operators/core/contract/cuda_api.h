/* SPDX-License-Identifier: Apache-2.0 */
/* The CUDA library as C sees it: libactive_convnets_cuda.so, beside libactive_convnets.so, whose operator handles
   (acn_create of c_api.h) it takes. All arrays lie on one device; everything is queued on the given stream and nothing
   waits for it. Functions return 0 on success, and otherwise acn_cuda_last_error() tells why, in the calling thread,
   until its next call. Nothing is queued by a call that fails because of its arguments.

   dtype of acn_tensor: 0 float32, 1 float64, 2 float16, 3 bfloat16. Coordinates, weights of samples and sums are
   float32, and float64 for float64. */
#ifndef ACTIVE_CONVNETS_CUDA_API_H_
#define ACTIVE_CONVNETS_CUDA_API_H_

#include "c_api.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

const char* acn_cuda_last_error(void);

/* As acn_abi(), of the headers that this library was built from. Handles may be given to it only if both are equal. */
const char* acn_cuda_abi(void);

/* How many devices there are; 0, and no error, where there is no driver or no device. */
int acn_cuda_device_count(int* count);

/* What the library holds machine code (sm) and PTX (compute) for, as in "sm_80 sm_90 compute_90". */
const char* acn_cuda_architectures(void);

/* The version of the CUDA runtime inside the library, as 1000 * major + 10 * minor. */
int acn_cuda_runtime_version(void);

/* The scratch memory that a call with inputs of these shapes and dtypes needs (data pointers are not read): at most
   acn_workspace_bytes(), unless the smallest piece of work needs more. backward: 0 forward, 1 backward.
   deterministic: as the backward call will be told. May be 0. */
int acn_cuda_workspace_bytes(void* handle, int count, const acn_tensor* inputs, int backward, int deterministic,
                             int64_t* bytes);

/* req as in c_api.h. workspace: device memory of workspace_bytes bytes, at least as many as acn_cuda_workspace_bytes
   says, aligned to 256, untouched by others until the stream has passed this call. stream: a cudaStream_t (NULL: the
   default stream) of the device. The calling thread's current device is left as it was. */
int acn_cuda_forward(void* handle, int count, const acn_tensor* inputs, int32_t req, const acn_tensor* output,
                     void* workspace, int64_t workspace_bytes, int device, void* stream);

/* deterministic: 1 gives the same bits every time on the same device; 0 lets sums into the data gradient be made by
   atomic additions, in any order. Everything else is deterministic anyway. */
int acn_cuda_backward(void* handle, const acn_tensor* output_grad, int count, const acn_tensor* inputs,
                      const int32_t* reqs, const acn_tensor* input_grads, int deterministic, void* workspace,
                      int64_t workspace_bytes, int device, void* stream);

/* The same for a caller who has no streams and no scratch memory to give (MXNet): on a stream and in memory of the
   library's own, and back only when the work is done. Inputs that backward does not read may be without data, and,
   where their gradient is not wanted, without a shape (ndim -1). */
int acn_cuda_forward_and_wait(void* handle, int count, const acn_tensor* inputs, int32_t req, const acn_tensor* output,
                              int device);
int acn_cuda_backward_and_wait(void* handle, const acn_tensor* output_grad, int count, const acn_tensor* inputs,
                               const int32_t* reqs, const acn_tensor* input_grads, int deterministic, int device);

/* Wrong values can be seen on the device only (a batch index of a RoI out of range: that RoI gives NaN and no
   gradient). This fails, naming the operator, if work that the device has finished since the last check met one; call
   it after a synchronisation. acn_cuda_forward and acn_cuda_backward check first and fail likewise. */
int acn_cuda_check(int device);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
