# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3
"""The compiled CPU kernels on NumPy arrays. The GIL is released while they run."""

from libc.stdint cimport int32_t, int64_t, intptr_t
from libc.stdlib cimport free, malloc

import operator as python_operator

import numpy as np

from operators import library as _library

cdef extern from "c_api.h" nogil:
    ctypedef struct acn_tensor:
        void* data
        int32_t dtype
        int32_t ndim
        const int64_t* shape
    enum:
        ACN_MAX_NDIM
    const char* acn_last_error()
    int acn_create(const char* name, int count, const char** keys, const char** values, void** handle)
    void acn_free(void* handle)
    int acn_infer_shapes(void* handle, int count, int32_t* ndims, int64_t* shapes, int32_t* out_ndim, int64_t* out_shape)
    int acn_forward(void* handle, int count, const acn_tensor* inputs, int32_t req, const acn_tensor* output)
    int acn_backward(void* handle, const acn_tensor* output_grad, int count, const acn_tensor* inputs,
                     const int32_t* reqs, const acn_tensor* input_grads)

_library.library()  # loads it, or says how to build it
_DTYPES = {"float32": 0, "float64": 1}
_REQS = {"null": 0, "write": 1, "add": 2}
cdef enum:
    MAX_INPUTS = 8


cdef class _Views:
    """acn_tensor views of contiguous arrays, which it keeps alive."""
    cdef acn_tensor tensors[MAX_INPUTS]
    cdef int64_t shapes[MAX_INPUTS][ACN_MAX_NDIM]
    cdef list arrays
    cdef int count

    def __init__(self, str operator, arrays, names, writable=False):
        self.arrays, self.count = list(arrays), len(arrays)
        for i, array in enumerate(self.arrays):
            self.tensors[i].data = NULL
            if array is None:
                self.tensors[i].ndim = 0
                self.tensors[i].dtype = 0
                self.tensors[i].shape = self.shapes[i]
                continue
            _check_array(operator, names[i], array)
            if writable and not (array.flags.c_contiguous and array.flags.writeable):
                raise _library.OperatorError(f"{operator}: {names[i]} must be a writable C-contiguous array")
            self.arrays[i] = array = np.ascontiguousarray(array).reshape(array.shape)
            self.tensors[i].data = <void*><intptr_t>array.ctypes.data
            self.tensors[i].dtype = _DTYPES[array.dtype.name]
            self.tensors[i].ndim = array.ndim
            for j in range(array.ndim):
                self.shapes[i][j] = array.shape[j]
            self.tensors[i].shape = self.shapes[i]


def _check_array(str operator, str name, array):
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{operator}: {name} must be a numpy array, got {type(array).__name__}")
    if array.dtype.name not in _DTYPES or not array.dtype.isnative or array.ndim > ACN_MAX_NDIM:
        raise _library.OperatorError(
            f"{operator}: {name} must be float32 or float64 of this machine's byte order with at most {ACN_MAX_NDIM} "
            f"dimensions, got {array.dtype.str} of shape {array.shape}")


cdef int32_t _mode(str operator, word) except -1:
    if word not in _REQS:
        raise _library.OperatorError(f"{operator}: req must be one of {', '.join(_REQS)}, got {word!r}")
    return _REQS[word]


def _check_apart(str operator, results, result_names, arrays, names):
    """A kernel may write a result before it has read all of an input."""
    others = list(zip(names, arrays)) + list(zip(result_names, results))
    for i, result in enumerate(results):
        for name, other in others[:len(arrays) + i]:
            if result is not None and other is not None and np.may_share_memory(result, other):
                raise _library.OperatorError(f"{operator}: {result_names[i]} shares memory with {name}")


cdef class Operator:
    """One configured operator.

    Parameters
    ----------
    name : str
        A public operator name, such as "ActiveConvolution".
    **attributes
        Its attributes, as in MXNet. Raises OperatorError for a wrong one.
    """
    cdef void* handle
    cdef readonly str name
    cdef readonly tuple inputs

    def __cinit__(self, str name, **attributes):
        texts = {key: _library.attribute_text(value) for key, value in attributes.items()}
        self.name = name
        self.inputs = _library.inputs_for(name, texts)
        keys, values = [k.encode() for k in texts], [v.encode() for v in texts.values()]
        cdef int count = len(keys)
        cdef const char** key_array = <const char**>malloc((count + 1) * sizeof(char*))
        cdef const char** value_array = <const char**>malloc((count + 1) * sizeof(char*))
        try:
            for i in range(count):
                key_array[i] = keys[i]
                value_array[i] = values[i]
            encoded = name.encode()
            _check(acn_create(encoded, count, key_array, value_array, &self.handle))
        finally:
            free(key_array)
            free(value_array)

    def __dealloc__(self):
        acn_free(self.handle)

    def shapes(self, *shapes):
        """All input shapes and the output shape, from those of the inputs that are known (None for unknown)."""
        cdef int32_t ndims[MAX_INPUTS]
        cdef int64_t sizes[MAX_INPUTS * ACN_MAX_NDIM]
        cdef int32_t out_ndim = 0
        cdef int64_t out[ACN_MAX_NDIM]
        cdef int count = len(self.inputs)
        self._count(shapes, "shapes", least=1)
        given = [None if shape is None else self._shape(i, shape) for i, shape in enumerate(shapes)]
        given += [None] * (count - len(shapes))
        for i in range(count):
            ndims[i] = -1 if given[i] is None else len(given[i])
            for j in range(max(ndims[i], 0)):
                sizes[i * ACN_MAX_NDIM + j] = given[i][j]
        _check(acn_infer_shapes(self.handle, count, ndims, sizes, &out_ndim, out))
        found = [tuple([sizes[i * ACN_MAX_NDIM + j] for j in range(ndims[i])]) for i in range(count)]
        return found, tuple([out[j] for j in range(out_ndim)])

    def forward(self, *arrays, out=None, str req="write"):
        """The output for these input arrays (in the order of `inputs`), written or added to `out` where that is given."""
        self._check_inputs(arrays)
        if out is None:
            _, shape = self.shapes(*[a.shape for a in arrays])
            out = np.zeros(shape, arrays[0].dtype)
        cdef _Views inputs = _Views(self.name, arrays, self.inputs)
        cdef _Views output = _Views(self.name, [out], ["out"], writable=True)
        cdef int32_t mode = _mode(self.name, req)
        cdef int status
        _check_apart(self.name, [out], ["out"], arrays, self.inputs)
        with nogil:
            status = acn_forward(self.handle, inputs.count, inputs.tensors, mode, output.tensors)
        _check(status)
        return out

    def backward(self, out_grad, *arrays, req="write", grads=None):
        """The gradient of every input, for the gradient of the output.

        req : "write", "add" or "null", or one of these per input. grads : arrays to write or add to; new ones otherwise.
        Returns a list with None where req is "null".
        """
        self._check_inputs(arrays)
        _check_array(self.name, "out_grad", out_grad)
        reqs = [req] * len(arrays) if isinstance(req, str) else list(req)
        if len(reqs) != len(arrays):
            raise _library.OperatorError(f"{self.name}: req must be one word or {len(arrays)} of them, got {reqs}")
        if grads is not None and len(grads) != len(arrays):
            raise _library.OperatorError(
                f"{self.name}: grads must hold {len(arrays)} arrays (None where req is null), got {len(grads)}")
        if grads is None:
            grads = [None if r == "null" else np.zeros(a.shape, a.dtype) for a, r in zip(arrays, reqs)]
        grads = [None if r == "null" else g for g, r in zip(grads, reqs)]
        cdef _Views inputs = _Views(self.name, arrays, self.inputs)
        names = [f"the gradient of {i}" for i in self.inputs]
        for name, r, g in zip(names, reqs, grads):
            if _mode(self.name, r) and g is None:
                raise _library.OperatorError(f"{self.name}: {name} is missing, but its req is {r}")
        cdef _Views results = _Views(self.name, grads, names, writable=True)
        _check_apart(self.name, grads, names, [*arrays, out_grad], [*self.inputs, "out_grad"])
        cdef _Views head = _Views(self.name, [out_grad], ["out_grad"])
        cdef int32_t modes[MAX_INPUTS]
        for i, r in enumerate(reqs):
            modes[i] = _mode(self.name, r)
        cdef int status
        with nogil:
            status = acn_backward(self.handle, head.tensors, inputs.count, inputs.tensors, modes, results.tensors)
        _check(status)
        return grads

    def _shape(self, place, shape):
        """Of the input at this place, a tuple of ints."""
        try:
            sizes = tuple([python_operator.index(size) for size in shape])
        except TypeError:
            sizes = None
        if sizes is None or len(sizes) > ACN_MAX_NDIM or any([not 0 <= size < 2**63 for size in sizes]):
            came = shape if sizes is None else sizes
            raise _library.OperatorError(
                f"{self.name}: the shape of {self.inputs[place]} must have at most {ACN_MAX_NDIM} dimensions, whole "
                f"numbers from 0 to 2**63 - 1, got {came!r}")
        return sizes

    def _count(self, given, what, least):
        if not least <= len(given) <= len(self.inputs):
            raise _library.OperatorError(
                f"{self.name}: {len(self.inputs)} {what} are expected ({', '.join(self.inputs)}), got {len(given)}")

    def _check_inputs(self, arrays):
        self._count(arrays, "arrays", least=len(self.inputs))
        for name, array in zip(self.inputs, arrays):
            _check_array(self.name, name, array)


cdef _check(int status):
    if status:
        raise _library.OperatorError(acn_last_error().decode())
