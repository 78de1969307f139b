# SPDX-License-Identifier: Apache-2.0
"""Reads a network of another framework: every learned array by the name it has there."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.run import params
from lib.weights.convert import torch_file

WRAPPINGS = ("state_dict", "model")
"""Under which of its keys a training checkpoint may hold the network."""


class ConvertError(ValueError):
    """A file cannot be converted. The text names the file, what is there and what was expected."""


@dataclass(frozen=True)
class Source:
    """framework: 'torch' (torchvision, timm) or 'gluon'. arrays: by its names. sha256: of the file."""

    path: Path
    framework: str
    arrays: dict[str, np.ndarray]
    sha256: str


def read(path: str | Path, key: str = "") -> Source:
    """Reads .pth, .pt, .bin (PyTorch), .safetensors or .params (Gluon), told apart by the file's name.

    key: which entry of a PyTorch checkpoint holds the network; '': the file itself, or an entry of WRAPPINGS.
    Raises ConvertError, also if the name carries a checksum ('resnet50-0676ba61.pth') that is not the file's.
    """
    path = Path(path)
    readers = {".pth": "torch", ".pt": "torch", ".bin": "torch", ".safetensors": "torch", ".params": "gluon"}
    if path.suffix not in readers:
        raise ConvertError(f"{path}: do not know this kind of file, expected {', '.join(readers)}")
    if key and path.suffix in (".params", ".safetensors"):
        raise ConvertError(f"{path}: --key {key}: only a PyTorch checkpoint has entries, this is a {path.suffix} file")
    digest = _digest(path)
    if path.suffix == ".params":
        arrays = params.load_named(path)
    elif path.suffix == ".safetensors":
        arrays = _safetensors(path)
    else:
        arrays = _network(path, torch_file.load(path), key)
    return Source(path, readers[path.suffix], arrays, digest)


def as_float32(source: Source, name: str, array: np.ndarray) -> np.ndarray:
    """The array, by its name in torchvision's terms. Raises ConvertError for what is no finite number in it, or cannot
    be a variance."""
    if not np.issubdtype(array.dtype, np.floating):
        raise ConvertError(
            f"{source.path}: {name} has type {array.dtype}, expected floating-point numbers (quantized networks and "
            "masks are not converted)"
        )
    with np.errstate(over="ignore"):
        numbers = np.asarray(array, np.float32, order="C")
    if not (finite := np.isfinite(numbers)).all():
        raise ConvertError(f"{source.path}: {name} has {(~finite).sum()} of {numbers.size} numbers that are no float32")
    if name.endswith("running_var") and numbers.size and numbers.min() < 0:
        raise ConvertError(f"{source.path}: {name} has a variance of {numbers.min():g}, expected none below 0")
    return numbers


def _digest(path: Path) -> str:
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    named = re.search(r"-([0-9a-f]{8})$", path.stem)  # PyTorch's habit; MXNet's model zoo takes SHA-1
    if named and named[1] not in (sha256[:8], hashlib.sha1(content).hexdigest()[:8]):
        raise ConvertError(
            f"{path}: its name promises the checksum {named[1]}, its SHA-256 is {sha256}: the download is damaged or "
            "another file; rename it if this is what you want"
        )
    return sha256


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, TypeError, KeyError) as error:  # the last two: a type that NumPy lacks
        raise ConvertError(f"{path}: not a readable .safetensors file: {error}") from None


def _network(path: Path, content, key: str) -> dict[str, np.ndarray]:
    if not isinstance(content, dict):
        raise ConvertError(f"{path}: holds a {type(content).__name__}, expected a state dict")
    if key and key not in content:
        raise ConvertError(f"{path}: has no entry {key!r}; it has {', '.join(map(str, list(content)[:20]))}")
    wrapped = [key] if key else [each for each in WRAPPINGS if isinstance(content.get(each), dict)]
    arrays = content[wrapped[0]] if wrapped else content
    named = isinstance(arrays, dict) and all(isinstance(name, str) for name in arrays)
    if not named or not all(isinstance(each, np.ndarray) for each in arrays.values()):
        raise ConvertError(f"{path}: not only tensors in it; it has {', '.join(map(str, list(content)[:20]))} (--key)")
    if arrays and all(name.startswith("module.") for name in arrays):  # torch.nn.DataParallel
        arrays = {name[len("module.") :]: each for name, each in arrays.items()}
    return arrays
