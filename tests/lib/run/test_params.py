# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import struct

import mxnet as mx
import numpy as np
import pytest

from lib.run import params

DTYPES = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"]
V2, V1 = 0xF993FAC9, 0xF993FAC8


def file_of(arrays: list[bytes], names: list[str]) -> bytes:
    """A .params file written by hand, field by field."""
    text = b"".join(struct.pack("<Q", len(name)) + name.encode() for name in names)
    head = struct.pack("<QQQ", 0x112, 0, len(arrays))
    return head + b"".join(arrays) + struct.pack("<Q", len(names)) + text


def v2(shape, values: bytes, flag=0, storage=0) -> bytes:
    dims = struct.pack(f"<{len(shape)}q", *shape)
    return struct.pack("<Iii", V2, storage, len(shape)) + dims + struct.pack("<iii", 1, 0, flag) + values


def v1(shape, values: bytes, flag=0) -> bytes:
    dims = struct.pack(f"<{len(shape)}q", *shape)
    return struct.pack("<Ii", V1, len(shape)) + dims + struct.pack("<iii", 2, 3, flag) + values


def oldest(shape, values: bytes, flag=0) -> bytes:
    return struct.pack(f"<I{len(shape)}I", len(shape), *shape) + struct.pack("<iii", 1, 0, flag) + values


def load_bytes(tmp_path, content: bytes):
    path = tmp_path / "made-0000.params"
    path.write_bytes(content)
    return params.load(path)


@pytest.mark.parametrize("layout", [v2, v1, oldest])
def test_every_layout_reads_hand_made_bytes_as_mxnet_does(tmp_path, layout):
    weight = struct.pack("<6f", 1, -2, 3.5, 4, 5, 1e-3)
    mean = struct.pack("<2d", 0.25, -1e300)
    content = file_of([layout((2, 1, 3), weight), layout((2,), mean, flag=1)], ["arg:w", "aux:bn_moving_mean"])
    arg, aux = load_bytes(tmp_path, content)
    assert list(arg) == ["w"] and list(aux) == ["bn_moving_mean"]
    assert arg["w"].dtype == np.float32 and aux["bn_moving_mean"].dtype == np.float64
    np.testing.assert_array_equal(arg["w"], np.float32([[[1, -2, 3.5]], [[4, 5, 1e-3]]]))
    np.testing.assert_array_equal(aux["bn_moving_mean"], [0.25, -1e300])
    arg["w"] += 1  # the caller owns a writable copy
    if layout is not v1:  # this one says it comes from a GPU, which MXNet insists on having
        theirs = mx.nd.load(str(tmp_path / "made-0000.params"))
        np.testing.assert_array_equal(theirs["arg:w"].asnumpy() + 1, arg["w"])


def test_layouts_may_be_mixed_in_a_file(tmp_path):
    value = struct.pack("<f", 7)
    content = file_of([v1((1,), value), oldest((1, 1), value), v2((1,), value)], ["arg:a", "arg:b", "arg:c"])
    arg, _ = load_bytes(tmp_path, content)
    assert {name: array.shape for name, array in arg.items()} == {"a": (1,), "b": (1, 1), "c": (1,)}
    assert all(array.ravel()[0] == 7 for array in arg.values())


def test_bfloat16_keeps_its_values(tmp_path):
    values = struct.pack("<6H", 0x3FC0, 0xC2F7, 0x0001, 0x7F80, 0x7FC0, 0x8000)
    arg, _ = load_bytes(tmp_path, file_of([v2((2, 3), values, flag=12)], ["arg:w"]))
    assert arg["w"].dtype == np.float32
    np.testing.assert_array_equal(arg["w"], np.float32([[1.5, -123.5, 2.0**-133], [np.inf, np.nan, -0.0]]))
    assert np.signbit(arg["w"][1, 2])


def test_bfloat16_that_mxnet_wrote(tmp_path):
    path = str(tmp_path / "m.params")
    source = mx.nd.array([1.5, -3.140625, 1e30])
    mx.nd.save(path, {"arg:w": mx.nd.amp_cast(source, dtype=np.dtype([("bfloat16", np.uint16)]))})
    arg, _ = params.load(path)
    np.testing.assert_allclose(arg["w"], source.asnumpy(), rtol=2**-8)
    np.testing.assert_array_equal(arg["w"][:2], [1.5, -3.140625])


@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip_with_mxnet_both_ways(tmp_path, dtype):
    random = np.random.default_rng(0)
    value = (random.uniform(-100, 100, (3, 1, 4, 2)) if dtype != "uint8" else random.uniform(0, 200, (3, 5))).astype(
        dtype
    )
    ours, theirs = str(tmp_path / "ours.params"), str(tmp_path / "theirs.params")
    params.save(ours, {"w": value}, {"m": value[:1]})
    read = mx.nd.load(ours)
    assert list(read) == ["arg:w", "aux:m"]
    assert read["arg:w"].dtype == value.dtype and read["arg:w"].shape == value.shape
    np.testing.assert_array_equal(read["arg:w"].asnumpy(), value)
    np.testing.assert_array_equal(read["aux:m"].asnumpy(), value[:1])

    mx.nd.save(theirs, {"arg:w": mx.nd.array(value, dtype=dtype), "aux:m": mx.nd.array(value[:1], dtype=dtype)})
    arg, aux = params.load(theirs)
    assert arg["w"].dtype == value.dtype
    np.testing.assert_array_equal(arg["w"], value)
    np.testing.assert_array_equal(aux["m"], value[:1])


def test_what_we_write_is_what_mxnet_writes(tmp_path):
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    params.save(tmp_path / "ours.params", {"w": value}, {"m": value[0]})
    mx.nd.save(str(tmp_path / "theirs.params"), {"arg:w": mx.nd.array(value), "aux:m": mx.nd.array(value[0])})
    assert (tmp_path / "ours.params").read_bytes() == (tmp_path / "theirs.params").read_bytes()


@pytest.mark.parametrize("value", [np.arange(24.0).reshape(4, 6)[::2, ::-1], np.arange(3, dtype=">f4")])
def test_strided_and_big_endian_arrays_are_saved_by_value(tmp_path, value):
    params.save(tmp_path / "a.params", {"w": value}, {})
    np.testing.assert_array_equal(params.load(tmp_path / "a.params")[0]["w"], value)


def test_empty_file_empty_array_and_names_outside_ascii(tmp_path):
    path = tmp_path / "a.params"
    params.save(path, {}, {})
    assert params.load(path) == ({}, {})
    params.save(path, {"größe": np.zeros((0, 3), np.float32)}, {})
    assert params.load(path)[0]["größe"].shape == (0, 3)


def test_every_cut_of_a_file_is_an_error_that_names_file_and_byte(tmp_path):
    content = file_of([v2((2, 2), bytes(16)), v1((1,), bytes(4)), oldest((1,), bytes(4))], ["arg:a", "arg:b", "aux:c"])
    load_bytes(tmp_path, content)
    for length in range(len(content)):
        with pytest.raises(
            ValueError, match=r"made-0000\.params: at byte \d+: .* bytes, \d+ are left: the file is cut"
        ):
            load_bytes(tmp_path, content[:length])


one = bytes(4)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "at byte 0: found 0xa1a0a0d474e5089, expected 0x112: this is not"),
        (file_of([v2((1,), one, storage=1)], ["arg:w"]), r"at byte 28: array 0 of 1 has storage 1 \(sparse\)"),
        (
            file_of([v2((1,), one, flag=99)], ["arg:w"]),
            "at byte 52: array 0 of 1 has type number 99, expected one of 0,",
        ),
        (file_of([v2((), b"")], ["arg:w"]), "at byte 32: array 0 of 1 has 0 .* axes, expected 1 to 32"),
        (file_of([oldest((1,) * 40, one)], ["arg:w"]), "at byte 24: array 0 of 1 has 40 .* axes"),
        (file_of([v2((-1, 2), one)], ["arg:w"]), r"at byte 36: array 0 of 1 has shape \(-1, 2\)"),
        (file_of([v2((2**40, 2**40), one)], ["arg:w"]), r"shape \(1099511627776, 1099511627776\) needs 4835"),
        (file_of([v2((1,), one)], []), "found 0 names for 1 arrays"),
        (file_of([v2((1,), one)] * 2, ["arg:w"] * 2), "the name 'arg:w' stands there twice"),
        (file_of([v2((1,), one)], ["arg:w"]) + b"xy", "at byte 81: 2 more bytes after the last name"),
        (file_of([v2((1,), one)], ["conv0_weight"]), "the name 'conv0_weight' starts with neither 'arg:' nor 'aux:'"),
        (file_of([v2((1,), one)], ["arg:"]), "the name 'arg:' starts with neither"),
        (
            file_of([v2((1,), one)], ["arg:w"]).replace(b"arg:w", b"arg:\xff"),
            "found b'arg:.xff', expected a name in UTF-8",
        ),
    ],
)
def test_foreign_or_damaged_files_are_errors_that_say_what_was_found(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"made-0000\.params: .*{message}"):
        load_bytes(tmp_path, content)


@pytest.mark.parametrize(
    "value, message",
    [
        (np.zeros(2, np.uint16), "arg:w has type uint16, expected one of float32, float64, float16, uint8"),
        (np.zeros(2, np.complex64), "arg:w has type complex64"),
        (np.array([None]), "arg:w has type object"),
        (np.float32(1), "arg:w is a scalar, expected at least one axis"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_before_anything_is_written(tmp_path, value, message):
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "a.params")) + f": {message}"):
        params.save(tmp_path / "a.params", {"w": value}, {})
    assert os.listdir(tmp_path) == []


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.params"
    params.save(path, {"w": np.ones(1)}, {})

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        params.save(path, {"w": np.zeros(1)}, {})
    assert os.listdir(tmp_path) == ["a.params"]
    assert params.load(path)[0]["w"] == 1


def test_a_missing_file_or_folder_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.params"):
        params.load(tmp_path / "gone.params")
    with pytest.raises(FileNotFoundError):
        params.save(tmp_path / "no" / "a.params", {}, {})
