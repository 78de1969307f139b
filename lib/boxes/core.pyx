# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Overlaps and non-maximum suppression. lib.boxes.definition says in NumPy what they compute, to the last bit."""

import numpy as np


cdef inline double _overlap(const double* a, const double* b, double area_a, double area_b) noexcept nogil:
    cdef double w = min(a[2], b[2]) - max(a[0], b[0]) + 1.0
    cdef double h = min(a[3], b[3]) - max(a[1], b[1]) + 1.0
    if w <= 0.0 or h <= 0.0 or area_a <= 0.0 or area_b <= 0.0:
        return 0.0
    return w * h / (area_a + area_b - w * h)


cdef void _areas(const double[:, ::1] boxes, double[::1] areas) noexcept nogil:
    cdef Py_ssize_t i
    cdef double w, h
    for i in range(boxes.shape[0]):
        w = boxes[i, 2] - boxes[i, 0] + 1.0
        h = boxes[i, 3] - boxes[i, 1] + 1.0
        areas[i] = w * h if w > 0.0 and h > 0.0 else 0.0


def iou(const double[:, ::1] boxes, const double[:, ::1] others):
    """float64 (N, M)."""
    cdef Py_ssize_t i, j, n = boxes.shape[0], m = others.shape[0]
    made = np.zeros((n, m))
    cdef double[:, ::1] out = made
    cdef double[::1] first = np.empty(n), second = np.empty(m)
    if n == 0 or m == 0:
        return made
    with nogil:
        _areas(boxes, first)
        _areas(others, second)
        for i in range(n):
            for j in range(m):
                out[i, j] = _overlap(&boxes[i, 0], &others[j, 0], first[i], second[j])
    return made


def nms(const double[:, ::1] boxes, double threshold, Py_ssize_t count):
    """int64 (K,): of boxes in falling order of their scores, the first `count` that overlap no kept one by more than
    the threshold."""
    cdef Py_ssize_t i, j, found = 0, n = boxes.shape[0]
    made = np.empty(min(n, count), np.int64)
    cdef long long[::1] kept = made
    cdef double[::1] areas = np.empty(n)
    cdef bint free
    if n == 0 or count <= 0:
        return made
    with nogil:
        _areas(boxes, areas)
        for i in range(n):
            free = True
            for j in range(found):
                if _overlap(&boxes[kept[j], 0], &boxes[i, 0], areas[kept[j]], areas[i]) > threshold:
                    free = False
                    break
            if free:
                kept[found] = i
                found += 1
                if found == count:
                    break
    return made[:found]
