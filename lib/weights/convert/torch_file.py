# SPDX-License-Identifier: Apache-2.0
"""PyTorch's .pth files as NumPy arrays, without PyTorch and without executing anything that is in them.

A .pth file is a pickle, and a pickle may call any function. Here it may name a handful of harmless things, listed in
`_ALLOWED`; any other name is refused before anything is called. Both layouts are read: the zip archive (PyTorch 1.6 and
later: <root>/data.pkl, and <root>/data/<key> with the raw numbers) and the stream before it (five pickles, then every
storage as an i64 count and its numbers).
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np

STREAM_MAGIC, STREAM_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
BFLOAT16 = "bfloat16"
_TYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BFloat16Storage": BFLOAT16,
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1", "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}  # fmt: skip


class TorchFileError(ValueError):
    """A .pth file cannot be read. The text names the file, what is there and what was expected."""


def load(path: str | os.PathLike):
    """What torch.save has written: dictionaries and lists of NumPy arrays (bfloat16 as float32) and plain values.

    Raises TorchFileError for a pickle that names anything but tensors and containers, a damaged file or one that is no
    .pth file; OSError if it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(4)
    try:
        content = _load_zip(path) if head == b"PK\x03\x04" else _load_stream(path)
    except (TorchFileError, OSError):
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise TorchFileError(f"{path}: not a .pth file, or damaged: {type(error).__name__}: {error}") from error
    return _plain(content)


class _Storage:
    """Numbers that tensors look at; in a stream they come after the tensors."""

    def __init__(self, kind: str, count: int):
        self.kind, self.count = kind, int(count)
        self.dtype = np.dtype("<u2" if kind == BFLOAT16 else kind)
        self.values: np.ndarray | None = None

    def fill(self, content: bytes) -> None:
        if len(content) != self.count * self.dtype.itemsize:
            raise TorchFileError(
                f"a storage of {self.count} {self.dtype} has {len(content)} bytes: the file is damaged"
            )
        self.values = np.frombuffer(content, self.dtype)


class _Tensor:
    """A window into a storage, in PyTorch's terms: offset, sizes and strides count numbers."""

    def __init__(self, storage: _Storage, offset: int, size: tuple, stride: tuple, *_):
        last = offset + sum((length - 1) * step for length, step in zip(size, stride))
        inside = len(size) == len(stride) and min((offset, *size, *stride)) >= 0 and last < storage.count
        if not inside and 0 not in size:
            raise TorchFileError(
                f"a tensor of size {size}, strides {stride} from {offset} leaves its storage of {storage.count} numbers"
            )
        self.storage, self.offset, self.size, self.stride = storage, offset, tuple(size), tuple(stride)

    def array(self) -> np.ndarray:
        if 0 in self.size:
            return np.zeros(self.size, np.float32 if self.storage.kind == BFLOAT16 else self.storage.dtype)
        assert self.storage.values is not None  # both loaders have filled it, or raised
        steps = [step * self.storage.dtype.itemsize for step in self.stride]
        values = self.storage.values[self.offset :]
        window = np.ascontiguousarray(np.lib.stride_tricks.as_strided(values, self.size, steps, writeable=False))
        window = window.reshape(self.size)  # ascontiguousarray gives a scalar one axis
        if self.storage.kind == BFLOAT16:  # the upper half of a float32
            return (window.astype(np.uint32) << 16).view(np.float32)
        return window


def _parameter(data, *_):
    return data


_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
    **{("torch", name): kind for name, kind in _TYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, path, file, storage):
        super().__init__(file, encoding="utf-8")
        self._path, self._storage = path, storage

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise TorchFileError(
                f"{self._path}: the pickle in it wants {module}.{name}; only tensors in dictionaries are read, nothing "
                "is ever called. Save the bare network: torch.save(model.state_dict(), FILE)"
            )
        return _ALLOWED[module, name]

    def persistent_load(self, pid):
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or pid[1] not in _TYPES.values():
            raise TorchFileError(f"{self._path}: found the reference {str(pid)[:80]}, expected a storage")
        return self._storage(*pid[1:])


def _load_zip(path):
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1 or any(name.endswith("/constants.pkl") for name in names):
            what = "a TorchScript program" if pickles else "a zip archive without <name>/data.pkl"
            raise TorchFileError(f"{path}: {what}, expected what torch.save writes of a state dict")
        root = pickles[0][: -len("data.pkl")]
        if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
            raise TorchFileError(f"{path}: written on a big-endian machine, expected little-endian numbers")
        storages: dict[str, _Storage] = {}

        def storage(kind, key, location, count, *_):
            if key not in storages:
                storages[key] = _Storage(kind, count)
                storages[key].fill(archive.read(f"{root}data/{key}"))
            return storages[key]

        return _Unpickler(path, io.BytesIO(archive.read(pickles[0])), storage).load()


def _load_stream(path):
    storages: dict[str, _Storage] = {}

    def storage(kind, key, location, count, view=None):
        if view is not None:
            raise TorchFileError(f"{path}: written by a PyTorch before 0.4 (views of storages); save it anew")
        return storages.setdefault(key, _Storage(kind, count))

    with open(path, "rb") as file:
        head = [_Unpickler(path, file, storage).load() for _ in range(3)]  # magic, protocol, facts of the machine
        if head[:2] != [STREAM_MAGIC, STREAM_PROTOCOL] or not head[2].get("little_endian", True):
            raise TorchFileError(f"{path}: begins with {head[:2]}, expected a little-endian .pth file")
        content = _Unpickler(path, file, storage).load()
        for key in _Unpickler(path, file, storage).load():
            (count,) = struct.unpack("<q", file.read(8))
            if count != storages[key].count:
                raise TorchFileError(f"{path}: storage {key} has {count} numbers, expected {storages[key].count}")
            storages[key].fill(file.read(count * storages[key].dtype.itemsize))
    if missing := [key for key, each in storages.items() if each.values is None]:
        raise TorchFileError(f"{path}: {len(missing)} storages are missing: the file is cut off")
    return content


def _plain(content):
    if isinstance(content, _Tensor):
        return content.array()
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return content
