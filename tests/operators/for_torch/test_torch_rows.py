# SPDX-License-Identifier: Apache-2.0
"""Every row of a table of docs/pytorch.md is a test: those that stand here, and where the others stand."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402

from operators import for_torch  # noqa: E402
from operators.for_torch import mmcv  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "pytorch.md").read_text(encoding="utf-8")
needs_torchvision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed beside this torch"
)

# How a row begins: file and name of the test. Files are those of this folder unless they name another one.
FUNCTIONS = ("`active_conv2d(", "`deform_conv2d(", "`shift2d(", "`ps_roi_pool(", "`deform_ps_roi_pool(",
             "`dynamic_filter2d(")  # fmt: skip
TESTS = {
    **dict.fromkeys(FUNCTIONS, "test_torch_docs.py::test_the_functions_have_the_parameters_of_the_table"),
    "`deform_conv2d` and its layers, boundary": "test_torch_onnx.py::test_export",
    "the other deformable convolutions, `active_conv2d`": "test_torch_onnx.py::test_export",
    "`ps_roi_pool`, `deform_ps_roi_pool`": "test_torch_onnx.py::test_export",
    "`dynamic_filter2d` | standard": "test_torch_onnx.py::test_export",
    **dict.fromkeys(
        ("`ActiveConv2d` |", "`DeformConv2d`, `Modulated", "`Shift` |"),
        "test_torch_modules.py::test_names_in_the_state_dict",
    ),
    "any program that uses torchvision's": "test_torch_dropins.py::test_install_runs_torchvision_on_our_kernels",
    "`from torchvision.ops import": "test_torch_dropins.py::test_the_module_is_torchvisions",
    "`from mmcv.ops import": "test_torch_dropins.py::test_mmcvs_layers_have_its_order_defaults_and_names",
    "`DCNv2(cin": "test_torch_rows.py::test_a_forks_layer_that_is_given_offset_and_mask",
    "`DCN(...)` of a fork": "test_torch_dropins.py::test_checkpoints_give_the_same_numbers",
    "`DeformConv2dPack` as a layer of ours": "test_torch_rows.py::test_a_checkpoint_of_deform_conv2d_pack",
    "`ModulatedDeformConv2dPack` as a layer": "test_torch_dropins.py::test_checkpoints_give_the_same_numbers",
    "`DeformRoIPool(size": "test_torch_rows.py::test_corners_are_rounded_and_samples_outside_do_not_count",
    "values and gradients of `deform_conv2d`": "test_torch_oracles.py::test_torchvision",
    "`boundary`": "test_torch_agreement.py::test_equals_reference",
    "coordinates of float16": "test_torch_rows.py::test_coordinates_of_float16_inputs",
    "bfloat16 |": "test_torch_rows.py::test_what_torchvision_does_not_do",
    "forward mode, derivatives": "test_torch_rows.py::test_what_torchvision_does_not_do",
    "`ps_roi_pool` | rounds": "test_torch_rows.py::test_who_reads_the_last_row",
    "deformable RoI pooling": "test_torch_agreement.py::test_equals_reference",
    "deterministic backward on CUDA": "tests/operators/cuda/test_torch_on_host.py::test_the_deterministic_switch",
    "offset sets over the channels": "test_torch_oracles.py::test_torchvision",
    "offset sets over the filters": "test_torch_onnx.py::test_export",
    "one deformable convolution, float32": "tests/examples/test_two_frameworks.py::test_both_frameworks_do",
    "digits, float64": "tests/examples/test_two_frameworks.py::test_both_frameworks_do",
    "digits, float32": "tests/examples/test_two_frameworks.py::test_both_frameworks_do",
}


def rows() -> list:
    """The rows of all tables, without the heads."""
    lines, found = PAGE.splitlines(), []
    for before, line in zip(lines, lines[1:]):
        if line.startswith("| ") and (before.startswith("|---") or (found and before == found[-1])):
            found.append(line)
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[2:32])
def test_a_row_has_a_test(row):
    named = [test for begin, test in TESTS.items() if row.startswith(f"| {begin}")]
    assert len(named) == 1, f"docs/pytorch.md has a row without a test: {row}"
    file, _, test = named[0].partition("::")
    path = (ROOT if "/" in file else Path(__file__).parent) / file
    assert re.search(rf"^def {test}", path.read_text(encoding="utf-8"), re.MULTILINE), named[0]


def test_no_test_is_of_a_row_that_is_gone():
    assert len(rows()) == len(TESTS)


def test_a_forks_layer_that_is_given_offset_and_mask():
    net = mmcv.ModulatedDeformConv2d(6, 4, 3, 1, 1, 1, deform_groups=2)
    x, offset, mask = torch.randn(2, 6, 7, 8), torch.randn(2, 36, 7, 8), torch.rand(2, 18, 7, 8)
    assert torch.equal(
        net(x, offset, mask), for_torch.deform_conv2d(x, offset, net.weight, net.bias, padding=1, mask=mask)
    )


def test_a_checkpoint_of_deform_conv2d_pack():
    theirs = mmcv.DeformConv2dPack(6, 4, 3, padding=1)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.2)
    ours = for_torch.DeformConv2d(6, 4, 3, padding=1, bias=False)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 6, 7, 8)
    assert theirs.conv_offset(x).std() > 0.1
    torch.testing.assert_close(ours(x), theirs(x))


def test_corners_are_rounded_and_samples_outside_do_not_count():
    pool = for_torch.DeformPSRoIPool(2, 1.0, sample_per_part=3, trans_std=0.1)
    ramp = torch.arange(64.0).view(1, 1, 8, 8)
    whole, broken = torch.tensor([[0.0, 1, 2, 4, 5]]), torch.tensor([[0.0, 1.4, 1.6, 3.7, 5.3]])
    assert torch.equal(pool(ramp, whole), pool(ramp, broken))
    # Both corners belong to the box: a single pixel is one wide, from half a pixel before it to half a pixel after.
    # Of 6 samples along it the first stand at its corner and a sixth further each.
    single = pool(ramp, torch.tensor([[0.0, 3, 3, 3, 3]]))
    steps = torch.tensor([[0.0, 1, 2], [3, 4, 5]]).mean(1) / 6 - 0.5
    torch.testing.assert_close(single[0, 0], 27 + 8 * steps.view(2, 1) + steps)
    # Two of three samples of the second bins are outside: the mean is that of the third.
    beyond = pool(torch.ones(1, 1, 8, 8), torch.tensor([[0.0, 4, 4, 11, 11]]))
    assert torch.equal(beyond, torch.ones(1, 1, 2, 2))


def test_coordinates_of_float16_inputs():
    """Half precision has whole numbers only from 1024 on, and even ones from 2048."""
    x = torch.zeros(1, 1, 1, 3000, dtype=torch.float16)
    x[..., 2501] = 1
    offset = torch.tensor([0.0, 0.25], dtype=torch.float16).view(1, 2, 1, 1).expand(1, 2, 1, 3000)
    out = for_torch.deform_conv2d(x, offset, torch.ones(1, 1, 1, 1, dtype=torch.float16))
    assert out[0, 0, 0, 2500:2503].tolist() == [0.25, 0.75, 0.0]


@needs_torchvision
def test_what_torchvision_does_not_do():
    """If this fails, torchvision has learned something and the table is to be changed."""
    from torchvision.ops import deform_conv2d

    x, offset, weight = torch.randn(1, 2, 4, 4), torch.randn(1, 18, 4, 4), torch.randn(3, 2, 3, 3)
    for function, does in ((for_torch.deform_conv2d, True), (deform_conv2d, False)):
        half = [tensor.bfloat16() for tensor in (x, offset, weight)]
        tries = [
            lambda function=function, half=half: function(*half, padding=1),
            lambda function=function: torch.autograd.functional.hessian(
                lambda x: function(x, offset, weight, padding=1).square().sum(), x
            ),
        ]
        for attempt in tries:
            if does:
                attempt()
            else:
                with pytest.raises((RuntimeError, NotImplementedError)):
                    attempt()
        _, forward = torch.func.jvp(lambda x, function=function: function(x, offset, weight, padding=1), (x,), (x,))
        want = for_torch.deform_conv2d(x, offset, weight, padding=1) if does else torch.zeros(1, 3, 4, 4)
        torch.testing.assert_close(forward, want)  # it is linear in x


@needs_torchvision
def test_who_reads_the_last_row():
    from torchvision.ops import ps_roi_pool

    x = torch.zeros(1, 1, 6, 6)
    x[..., 5, :] = 1
    box = torch.tensor([[0.0, 0, 0, 5, 5]])
    assert for_torch.ps_roi_pool(x, box, 1).item() == pytest.approx(1 / 6)
    assert ps_roi_pool(x, box, 1).item() == 0
