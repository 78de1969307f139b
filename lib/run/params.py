# SPDX-License-Identifier: Apache-2.0
"""MXNet's .params files without MXNet: pretrained networks and checkpoints as NumPy arrays.

The format is the one of src/ndarray/ndarray.cc, little endian. A file: u64 0x112, u64 0, u64 count, the arrays, u64
count, the names (u64 length and the bytes each). An array begins with a u32 that tells the layouts apart:

    V2      0xF993FAC9, i32 storage (0 dense), i32 ndim, i64 dimensions
    V1      0xF993FAC8, i32 ndim, i64 dimensions           (2016 to 2017)
    oldest  ndim itself, u32 dimensions                    (before)

and goes on with i32 device type, i32 device number, i32 type, the values. All three are read; V2 is written.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping

import numpy as np

from lib.run.atomic import write_bytes

FILE_MAGIC = 0x112
V2_MAGIC = 0xF993FAC9
V1_MAGIC = 0xF993FAC8
MAX_NDIM = 32
CPU = (1, 0)  # device type and number that written files carry
TYPES = {0: "<f4", 1: "<f8", 2: "<f2", 3: "|u1", 4: "<i4", 5: "|i1", 6: "<i8", 7: "|b1"}
BFLOAT16 = 12

Arrays = dict[str, np.ndarray]


def load(path: str | os.PathLike) -> tuple[Arrays, Arrays]:
    """(arguments, auxiliary states) of the file, by name without the `arg:` or `aux:` they carry there.

    Types are kept; bfloat16, which NumPy lacks, becomes the float32 of the same value.
    Raises ValueError naming the file and the byte where it stops being a .params file, or a name that is neither
    an argument nor an auxiliary state; OSError if the file cannot be read.
    """
    with open(path, "rb") as file:
        return loads(path, file.read())


def loads(path: str | os.PathLike, content: bytes) -> tuple[Arrays, Arrays]:
    """The same from the file's content; path: for errors."""
    parts: dict[str, Arrays] = {"arg": {}, "aux": {}}
    for key, value in _read_file(_Source(path, content)).items():
        kind, _, name = key.partition(":")
        if kind not in parts or not name:
            raise ValueError(f"{path}: the name {key!r} starts with neither 'arg:' nor 'aux:', so it is no checkpoint")
        parts[kind][name] = value
    return parts["arg"], parts["aux"]


def load_named(path: str | os.PathLike) -> Arrays:
    """Every array by the very name it has in the file. Raises as `load`, but takes any name."""
    with open(path, "rb") as file:
        return _read_file(_Source(path, file.read()))


def check_numbers(path: str | os.PathLike, arg: Mapping[str, np.ndarray], aux: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError, naming the file, for parameters that are no floating-point numbers, or not finite."""
    wrong = []
    for name, value in {**arg, **aux}.items():
        if not np.issubdtype(value.dtype, np.floating):
            wrong.append(f"{name} has type {value.dtype}, expected floating-point numbers")
        elif not (finite := np.isfinite(value)).all():
            wrong.append(f"{name} has {(~finite).sum()} of {value.size} numbers that are not finite")
    if wrong:
        more = f"; and {len(wrong) - 4} more" if len(wrong) > 4 else ""
        raise ValueError(f"{path}: no parameters to compute with: {'; '.join(wrong[:4])}{more}")


def save(path: str | os.PathLike, arg: Mapping[str, np.ndarray], aux: Mapping[str, np.ndarray]) -> None:
    """Write both to `path` at once: whoever reads it sees the old file or the complete new one, also after a crash.

    Raises ValueError for an array that the format cannot hold (a type outside float16/32/64, uint8, int8/32/64 and
    bool, or one without axes), before anything is written.
    """
    named = {f"arg:{name}": np.asarray(value) for name, value in arg.items()}
    named.update({f"aux:{name}": np.asarray(value) for name, value in aux.items()})
    chunks = [struct.pack("<QQQ", FILE_MAGIC, 0, len(named))]
    for key, value in named.items():
        chunks += _pack_array(path, key, value)
    chunks.append(struct.pack("<Q", len(named)))
    for key in named:
        text = key.encode()
        chunks += [struct.pack("<Q", len(text)), text]
    write_bytes(os.fspath(path), chunks)


def check_fit(
    shapes: Mapping[str, tuple], states: Iterable[str], arg: Mapping[str, np.ndarray], aux: Mapping[str, np.ndarray]
) -> None:
    """Raises ValueError that lists every parameter which is missing, unknown, or of another shape."""
    states = set(states)
    given = {name: (aux if name in states else arg).get(name) for name in shapes}
    problems = [f"{name} is missing" for name, value in given.items() if value is None]
    problems += [
        f"{name} has shape {tuple(value.shape)}, expected {tuple(shapes[name])}"
        for name, value in given.items()
        if value is not None and tuple(value.shape) != tuple(shapes[name])
    ]
    unknown = (set(arg) - (set(shapes) - states)) | (set(aux) - states)
    problems += [f"{name} is not a parameter of this network" for name in sorted(unknown)]
    if problems:
        raise ValueError(f"these parameters are not of this network: {'; '.join(problems)}")


def _pack_array(path, key, value):
    types = {np.dtype(code): flag for flag, code in TYPES.items()}
    dtype = value.dtype.newbyteorder("<")
    if dtype not in types:
        raise ValueError(f"{path}: {key} has type {value.dtype}, expected one of {', '.join(t.name for t in types)}")
    if value.ndim == 0:
        raise ValueError(f"{path}: {key} is a scalar, expected at least one axis (the format has no scalars)")
    head = struct.pack(f"<Iii{value.ndim}q", V2_MAGIC, 0, value.ndim, *value.shape)
    values = np.ascontiguousarray(value, dtype).reshape(-1).view(np.uint8).data
    return [head, struct.pack("<iii", *CPU, types[dtype]), values]


class _Source:
    """The bytes of a file and a position in them."""

    def __init__(self, path, content):
        self.path, self.content, self.position = path, memoryview(content), 0

    def take(self, size: int, what: str) -> memoryview:
        left = len(self.content) - self.position
        if size > left:
            raise self.error(f"{what} needs {size} bytes, {left} are left: the file is cut off or damaged")
        piece = self.content[self.position : self.position + size]
        self.position += size
        return piece

    def numbers(self, layout: str, what: str) -> tuple:
        layout = "<" + layout
        return struct.unpack(layout, self.take(struct.calcsize(layout), what))

    def error(self, message: str, back: int = 0) -> ValueError:
        return ValueError(f"{self.path}: at byte {self.position - back}: {message}")


def _read_file(source: _Source) -> Arrays:
    magic, _, count = source.numbers("QQQ", "the head of a .params file")
    if magic != FILE_MAGIC:
        raise source.error(f"found {magic:#x}, expected {FILE_MAGIC:#x}: this is not a .params file", back=24)
    arrays = []
    for index in range(count):
        arrays.append(_read_array(source, f"array {index} of {count}"))
    (names,) = source.numbers("Q", "the number of names")
    if names != count:
        raise source.error(f"found {names} names for {count} arrays", back=8)
    named: Arrays = {}
    for array in arrays:
        name = _read_name(source)
        if name in named:
            raise source.error(f"the name {name!r} stands there twice", back=len(name.encode()))
        named[name] = array
    if source.position != len(source.content):
        raise source.error(f"{len(source.content) - source.position} more bytes after the last name")
    return named


def _read_name(source):
    (length,) = source.numbers("Q", "the length of a name")
    text = bytes(source.take(length, "a name"))
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise source.error(f"found {text[:40]!r}, expected a name in UTF-8", back=length) from error


def _read_array(source, what):
    shape = _read_shape(source, what)
    _, _, flag = source.numbers("iii", f"device and type of {what}")
    if flag != BFLOAT16 and flag not in TYPES:
        known = ", ".join(map(str, [*TYPES, BFLOAT16]))
        raise source.error(f"{what} has type number {flag}, expected one of {known}", back=4)
    dtype = np.dtype("<u2" if flag == BFLOAT16 else TYPES[flag])
    size = dtype.itemsize
    for axis in shape:
        size *= axis  # Python integers: a damaged shape must not wrap around
    values = np.frombuffer(source.take(size, f"{what} of shape {shape}"), dtype).reshape(shape)
    if flag == BFLOAT16:
        return (values.astype(np.uint32) << 16).view(np.float32)  # bfloat16 is the upper half of a float32
    return values.astype(dtype.newbyteorder("="))


def _read_shape(source, what):
    (magic,) = source.numbers("I", f"the head of {what}")
    if magic == V2_MAGIC:
        (storage,) = source.numbers("i", f"the storage of {what}")
        if storage != 0:
            raise source.error(f"{what} has storage {storage} (sparse), expected 0 (dense)", back=4)
    if magic in (V2_MAGIC, V1_MAGIC):
        (ndim,), code = source.numbers("i", f"the number of axes of {what}"), "q"
    else:
        ndim, code = magic, "I"
    if not 1 <= ndim <= MAX_NDIM:
        raise source.error(f"{what} has {ndim} ({ndim & 0xFFFFFFFF:#x}) axes, expected 1 to {MAX_NDIM}", back=4)
    shape = source.numbers(f"{ndim}{code}", f"the shape of {what}")
    if min(shape) < 0:
        raise source.error(
            f"{what} has shape {shape}, expected no negative axis", back=struct.calcsize(f"<{ndim}{code}")
        )
    return shape
