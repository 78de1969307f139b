# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Overlaps and non-maximum suppression. lib.boxes.definition says in NumPy what they compute, to the last bit.

Arrays come as their addresses: typed views of them are not in Python's limited API before 3.11, and one library is to
serve every version.
"""

import numpy as np
from libc.stdint cimport int64_t, intptr_t


cdef const double* _numbers(array) except NULL:
    """Where the float64 (N, 4) of `array`, contiguous, begin; it must outlive the pointer."""
    if array.dtype != np.float64 or array.ndim != 2 or array.shape[1] != 4 or not array.flags.c_contiguous:
        raise ValueError(f"expected contiguous float64 (N, 4), got {array.dtype} {array.shape}")
    return <const double*><intptr_t>array.ctypes.data


cdef inline double _overlap(const double* a, const double* b, double area_a, double area_b) noexcept nogil:
    cdef double w = min(a[2], b[2]) - max(a[0], b[0]) + 1.0
    cdef double h = min(a[3], b[3]) - max(a[1], b[1]) + 1.0
    if w <= 0.0 or h <= 0.0 or area_a <= 0.0 or area_b <= 0.0:
        return 0.0
    return w * h / (area_a + area_b - w * h)


cdef double* _areas(const double* boxes, Py_ssize_t count, areas):
    """Fills float64 (count,) and gives where it begins."""
    cdef double* found = <double*><intptr_t>areas.ctypes.data
    cdef Py_ssize_t i
    cdef double w, h
    for i in range(count):
        w = boxes[4 * i + 2] - boxes[4 * i] + 1.0
        h = boxes[4 * i + 3] - boxes[4 * i + 1] + 1.0
        found[i] = w * h if w > 0.0 and h > 0.0 else 0.0
    return found


def iou(boxes, others):
    """float64 (N, M) of float64 (N, 4) and (M, 4), contiguous."""
    cdef Py_ssize_t i, j, n = len(boxes), m = len(others)
    made, first, second = np.zeros((n, m)), np.empty(n), np.empty(m)
    if n == 0 or m == 0:
        return made
    cdef const double* a = _numbers(boxes)
    cdef const double* b = _numbers(others)
    cdef double* area_a = _areas(a, n, first)
    cdef double* area_b = _areas(b, m, second)
    cdef double* out = <double*><intptr_t>made.ctypes.data
    with nogil:
        for i in range(n):
            for j in range(m):
                out[i * m + j] = _overlap(a + 4 * i, b + 4 * j, area_a[i], area_b[j])
    return made


def nms(boxes, double threshold, Py_ssize_t count):
    """int64 (K,): of boxes, contiguous float64 (N, 4) in falling order of their scores, the first `count` that overlap
    no kept one by more than the threshold."""
    cdef Py_ssize_t i, j, found = 0, n = len(boxes)
    if n == 0 or count <= 0:
        return np.empty(0, np.int64)
    made, room = np.empty(min(n, count), np.int64), np.empty(n)
    cdef const double* a = _numbers(boxes)
    cdef double* areas = _areas(a, n, room)
    cdef int64_t* kept = <int64_t*><intptr_t>made.ctypes.data
    cdef bint free
    with nogil:
        for i in range(n):
            free = True
            for j in range(found):
                if _overlap(a + 4 * kept[j], a + 4 * i, areas[kept[j]], areas[i]) > threshold:
                    free = False
                    break
            if free:
                kept[found] = i
                found += 1
                if found == count:
                    break
    return made[:found]
