# SPDX-License-Identifier: Apache-2.0
"""Sizes, texts and surroundings at their limits: refused by name, or served; never read past, never killed by."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import operators
from operators import library
from operators.checks import backends, catalogue
from operators.checks.inputs import draw_inputs, draw_out_grad
from operators.for_numpy import Operator
from operators.library import OperatorError

ROOT = Path(library.__file__).resolve().parents[1]
CONV = dict(kernel=(1, 1), num_filter=1)


@pytest.mark.parametrize("name", catalogue.names())
def test_no_image_of_a_huge_map_takes_no_memory(name):
    """A map of 2^30 pixels, packed, would be 128 GiB; here there is none."""
    case = catalogue.sample_of(name).with_batch(0)
    case = replace(case, data=(0, case.data[1], 1 << 15, 1 << 15))
    inputs, head = draw_inputs(case), draw_out_grad(case)
    out, grads = backends.for_numpy(case, inputs, head)
    assert out.size == 0
    for grad in grads.values():
        assert (grad == 0).all()


@pytest.mark.parametrize(
    "attributes, data, said",
    [
        ({"num_filter": 2**32 + 6}, (1, 1, 1, 1), "'num_filter' must be 1 to 2147483647, got 4294967302"),
        ({"num_group": 2**32}, (1, 1, 1, 1), "'num_group' must be 1 to 2147483647, got 4294967296"),
        ({"kernel": (2**20, 2**20)}, (1, 1, 1, 1), "fewer than 2^31 taps, got 1048576 x 1048576"),
        ({}, (1, 1, 2**20, 2**20), "fewer than 2^31 - 1 pixels"),
        ({}, (2**40, 2**40, 1, 1), "data of shape (1099511627776, 1099511627776, 1, 1) is too large"),
        ({}, (0, 2**62, 1, 2), "data of shape (0, 4611686018427387904, 1, 2) is too large"),
        ({"pad": (2**30, 2**30)}, (1, 1, 1, 1), "fewer than 2^31 - 1 positions"),
        (
            {"num_filter": 2**20, "num_offset_group": 2**20, "num_deformable_group": 2**20},
            (1, 2**20, 1, 1),
            "fewer than 2^31 - 1 offset sets times taps",
        ),
    ],
)
@pytest.mark.parametrize("name", [n for n, d in library.descriptions().items() if "num_group" in d.attributes])
def test_sizes_that_cannot_be_counted(name, attributes, data, said):
    with pytest.raises(OperatorError, match=re.escape(said)):
        Operator(name, **{**CONV, **attributes}).shapes(data)


def test_the_largest_maps_are_taken():
    assert Operator("Shift").shapes((0, 1, 1, 2**31 - 2))[1] == (0, 1, 1, 2**31 - 2)
    assert Operator("ActiveConvolution", **CONV).shapes((0, 1, 2, 2**30 - 1))[1] == (0, 1, 2, 2**30 - 1)
    with pytest.raises(OperatorError, match=r"maps of 1 to 2\^31 - 2 pixels"):
        Operator("Shift").shapes((0, 1, 1, 2**31 - 1))


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("shape", ctypes.c_void_p),
    ]


def forward(dtype=0, ndim=4, sizes=(1, 1, 2, 2), req=1) -> str:
    """What Shift's forward says through the C interface when its data is described so; "" if it is accepted."""
    lib, handle = library.library(), ctypes.c_void_p()
    assert lib.acn_create(b"Shift", 0, None, None, ctypes.byref(handle)) == 0
    shapes = [(ctypes.c_int64 * 8)(*sizes), (ctypes.c_int64 * 8)(1, 2), (ctypes.c_int64 * 8)(1, 1, 2, 2)]
    memory = [(ctypes.c_float * 4)() for _ in shapes]
    address = [ctypes.addressof(each) for each in memory]
    tensors = (Tensor * 3)(
        Tensor(address[0], dtype, ndim, ctypes.addressof(shapes[0])),
        Tensor(address[1], dtype, 2, ctypes.addressof(shapes[1])),
        Tensor(address[2], dtype, 4, ctypes.addressof(shapes[2])),
    )
    status = lib.acn_forward(handle, 2, tensors, req, ctypes.byref(tensors[2]))
    lib.acn_free(handle)
    return lib.acn_last_error().decode() if status else ""


def test_the_c_interface_checks_what_it_is_handed():
    assert forward() == ""
    assert "0 to 8 dimensions, got 9" in forward(ndim=9)
    assert "0 to 8 dimensions, got -1" in forward(ndim=-1)
    assert "must not be negative, got (1, -1, 2, 2)" in forward(sizes=(1, -1, 2, 2))
    assert "req must be 0 (nothing), 1 (write) or 2 (add), got 3" in forward(req=3)
    for dtype in (2, 3, 4, -1):  # float16 must not be read as float32
        assert "only float32 and float64" in forward(dtype=dtype)


@pytest.mark.parametrize("ndim", [9, 2**31 - 1])
def test_inferring_from_more_dimensions_than_there_are(ndim):
    lib, handle = library.library(), ctypes.c_void_p()
    assert lib.acn_create(b"Shift", 0, None, None, ctypes.byref(handle)) == 0
    ndims, sizes = (ctypes.c_int32 * 2)(ndim, -1), (ctypes.c_int64 * 16)(*[1] * 16)
    out_ndim, out = ctypes.c_int32(), (ctypes.c_int64 * 8)()
    assert lib.acn_infer_shapes(handle, 2, ndims, sizes, ctypes.byref(out_ndim), out) != 0
    assert f"0 to 8 dimensions, got {ndim}" in lib.acn_last_error().decode()
    lib.acn_free(handle)


def test_mxnet_is_given_no_size_that_it_cannot_hold():
    mxnet = pytest.importorskip("mxnet")
    from operators.for_mxnet import sym

    offset = dict(kernel=(40000, 40000), pad=(20000, 20000), num_filter=1, no_bias=True)
    symbol = sym.DeformableConvolution(mxnet.sym.Variable("data"), mxnet.sym.Variable("offset"), **offset)
    with pytest.raises(mxnet.MXNetError, match=r"MXNet holds sizes up to 2\^31 - 1, got shape .*3200000000"):
        symbol.infer_shape(data=(1, 1, 1, 1))


def test_settings_beyond_a_c_integer():
    for count in (2**32, 2**31, 1025):
        with pytest.raises(ValueError, match=f"count must be 0 .default. to 1024, got {count}"):
            operators.set_num_threads(count)
    with pytest.raises(ValueError, match="set_workspace_bytes"):
        operators.set_workspace_bytes(2**63)


def test_a_name_or_value_of_a_million_letters_is_cut_short_in_the_error():
    with pytest.raises(OperatorError, match=r"\(1000000 letters\)") as caught:
        Operator("Shift", **{"x" * 10**6: 1})
    assert len(str(caught.value)) < 1000 and "nearest" not in str(caught.value)
    with pytest.raises(OperatorError, match=r"\(1000000 letters\)") as caught:
        Operator("Shift", boundary="y" * 10**6)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("given, meant", [("dilat", "dilate"), ("kernal", "kernel"), ("cudnn_off", None), ("z", None)])
def test_only_a_name_that_is_like_it_is_suggested(given, meant):
    with pytest.raises(OperatorError, match=f"unknown attribute '{given}'") as caught:
        Operator("ActiveConvolution", **CONV, **{given: 1})
    assert ("nearest" in str(caught.value)) == (meant is not None) and (meant or "") in str(caught.value)


@pytest.mark.parametrize("text, value", [("0.5", 0.5), (" +0.5 ", 0.5), ("5e-1", 0.5), (".5", 0.5), ("1e-3", 1e-3)])
def test_numbers_as_text(text, value):
    assert numbers_text(text) == value


@pytest.mark.parametrize("text", ["", "0,5", "0x1p-1", "nan", "inf", "1e400", "0.5f", "+-1", "0.5 1"])
def test_texts_that_are_no_number(text):
    with pytest.raises(OperatorError, match="'offset_lr_rate' must be a number"):
        numbers_text(text)


def numbers_text(text: str) -> float:
    """The rate that ActiveConvolution makes of a text: the gradient of an offset whose plain gradient is 1."""
    operator = Operator("ActiveConvolution", **CONV, no_bias=True, offset_lr_rate=text)
    data = np.array([[[[0.0, 1.0], [0.0, 1.0]]]])
    arrays = data, np.full((1, 1, 1, 1, 2), 0.25), np.ones((1, 1, 1, 1))
    head = np.array([[[[1.0, 0.0], [0.0, 0.0]]]])
    return operator.backward(head, *arrays)[1][0, 0, 0, 0, 1]


def run(program: str, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_decimal_comma_changes_nothing(tmp_path):
    """Programs with windows ask for the user's locale; in German 0.5 is 0,5."""
    if not shutil.which("localedef"):
        pytest.skip("there is no localedef to make a German locale with")
    made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", tmp_path / "de_DE.UTF-8"], capture_output=True)
    if not (tmp_path / "de_DE.UTF-8").exists():
        pytest.skip(f"localedef has no German locale: {made.stderr.decode().strip()}")
    program = """
import ctypes, locale
locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
buffer = ctypes.create_string_buffer(8)
ctypes.CDLL(None).snprintf(buffer, 8, b"%.1f", ctypes.c_double(0.5))
assert buffer.value == b"0,5", buffer.value
from operators.for_numpy import Operator
Operator("PSROIPooling", spatial_scale=0.5, output_dim=1, pooled_size=2)
from operators import library
assert library.descriptions()["DeformablePSROIPooling"].attributes["trans_std"]["default"] == "0"
"""
    run(program, LOCPATH=str(tmp_path))


def test_fewer_threads_than_wanted_do_the_work():
    """A limit on processes, as containers set them, is no error: the calling thread takes what others would."""
    program = """
import os, resource, threading
import numpy as np
import operators
from operators.for_numpy import Operator
operator = Operator("DeformableConvolution", kernel=(3, 3), num_filter=6, pad=(1, 1))
shapes, out = operator.shapes((2, 40, 11, 13))
arrays = [np.random.default_rng(0).standard_normal(shape) for shape in shapes]
operators.set_num_threads(1)
want = operator.forward(*arrays)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)  # root has no such limit
try:
    threading.Thread(target=lambda: None).start()
except RuntimeError:
    print("limited")
operators.set_num_threads(4)
assert (operator.forward(*arrays) == want).all()
assert len(operator.backward(np.ones(out), *arrays)) == 4
"""
    if run(program).strip() != "limited":
        pytest.skip("the system sets this process no limit on threads")


def test_points_are_rounded_alike_whatever_the_compiler_may_do(tmp_path):
    """setup.py's flag keeps a * b + c two operations, though the machine has one for both."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    flag = re.search(r'^EXACT = \["(\S+)"\]$', (ROOT / "setup.py").read_text(), re.MULTILINE).group(1)
    (tmp_path / "main.cc").write_text(
        f'#include "{ROOT}/operators/core/roi/roi.h"\n'
        "int main() { volatile double a = 1 + 0x1p-30, c = -1 - 0x1p-29;\n"
        "  return acn::rounded_multiply_add(double{a}, double{a}, double{c}) == 0 ? 0 : 1; }\n"
    )
    command = [compiler, "-std=c++17", "-O3", "-march=native", tmp_path / "main.cc", "-o", tmp_path / "main"]
    subprocess.run([*command, flag], check=True)
    assert subprocess.run([tmp_path / "main"]).returncode == 0
