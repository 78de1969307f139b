# SPDX-License-Identifier: Apache-2.0
"""Reading a file of ours, or one that pretends to be, never runs code: no pickle is read or written."""

import ast
import io
import os
import pickle
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lib.run import checkpoint, params
from lib.run.damage import read_arrays

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ("lib", "deeplab", "experiments", "operators", "benchmarks", "scripts", "examples")
# Reads nothing but tensors out of a .pth file, by an unpickler that knows a handful of names.
READER = "lib/weights/convert/torch_file.py"
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Functions of NumPy, torch, MXNet and YAML that make or take a pickle, or build any object.
CALLS = {"save_optimizer_states", "load_optimizer_states", "dump_optimizer_states", "save_states", "load_states",
         "set_optimizer", "get_states", "set_states", "unsafe_load", "full_load", "gather_object",
         "all_gather_object", "broadcast_object_list", "scatter_object_list"}  # fmt: skip


def sources() -> list[str]:
    listed = subprocess.run(["git", "ls-files", *PRODUCT], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.splitlines() if name.endswith(".py")]
    if listed.returncode or not names:
        pytest.skip("no Git checkout, so which files are the project's is not known")
    return names


def found(text: str) -> list[str]:
    """What of the kind stands in a program."""
    wrong = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            wrong += [name for name in names if name.partition(".")[0] in MODULES]
        if not isinstance(node, ast.Call):
            continue
        call = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = ast.unparse(node.func)
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if call in CALLS or given.get("allow_pickle", "False") != "False":
            wrong.append(ast.unparse(node))
        if owner in ("torch.save", "jit.save", "torch.jit.load") or (
            owner == "torch.load" and given.get("weights_only") != "True"
        ):
            wrong.append(ast.unparse(node))
        if owner == "yaml.load" and not given.get("Loader", "").endswith("SafeLoader"):
            wrong.append(ast.unparse(node))
    return wrong


def test_no_pickle_is_read_or_written():
    wrong = {name: found((ROOT / name).read_text()) for name in sources() if name != READER}
    assert {name: what for name, what in wrong.items() if what} == {}


@pytest.mark.parametrize("text", [
    "import pickle", "from pickle import loads", "import joblib.numpy_pickle", "np.load(path, allow_pickle=True)",
    "torch.load(path)", "torch.save(net, path)", "store.save_optimizer_states(path)", "yaml.load(text, Loader=Loader)",
    "updater.get_states()", "dist.all_gather_object(out, thing)",
])  # fmt: skip
def test_the_search_finds(text):
    assert found(text)


class Evil:
    """What a pickle would run: makes a folder."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def archive_of(content: bytes) -> bytes:
    """An .npz with one array of objects in it, whose values are the pickle `content`."""
    head, out = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("weight.npy", head.getvalue() + content)
    return out.getvalue()


@pytest.fixture
def trace(tmp_path):
    """The folder that appears where a pickle is run, which is seen once to happen."""
    trace = tmp_path / "ran"
    pickle.loads(pickle.dumps(Evil(trace)))
    trace.rmdir()
    yield trace
    assert not trace.exists(), "a file's content was run"


@pytest.mark.parametrize("wrapped", [bytes, archive_of], ids=["bare", "in an archive"])
def test_a_malicious_file_executes_nothing(trace, tmp_path, wrapped):
    content = wrapped(pickle.dumps(Evil(trace), protocol=2))
    prefix = tmp_path / "net"
    for ending in ("params", "momentum.npz", "npz", "json", "states"):
        (tmp_path / f"net-0001.{ending}").write_bytes(content)
    with pytest.raises(ValueError, match=r"net-0001\.params"):
        params.load(tmp_path / "net-0001.params")
    with pytest.raises(ValueError, match=r"net-0001\.momentum\.npz"):
        checkpoint.read_momentum(prefix, 1)
    with pytest.raises(ValueError, match=r"net-0001\.npz"):
        checkpoint.read_offsets(prefix, 1)
    with pytest.raises(ValueError, match=r"net-0001\.json"):
        checkpoint.read_state(prefix, 1)
    with pytest.raises(ValueError, match=r"net-0001\.npz"):
        read_arrays(tmp_path / "net-0001.npz", "remove it")
    (tmp_path / "net-0001.momentum.npz").unlink()
    with pytest.raises(ValueError, match=r"net-0001\.states: an earlier version's momentum, a pickle"):
        checkpoint.read_momentum(prefix, 1)
