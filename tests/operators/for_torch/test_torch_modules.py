# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402

from operators import for_torch  # noqa: E402
from operators.library import OperatorError  # noqa: E402

LAYERS = [for_torch.ActiveConv2d, for_torch.DeformConv2d, for_torch.ModulatedDeformConv2d]
each = pytest.mark.parametrize("layer", LAYERS)


@each
def test_starts_as_the_ordinary_convolution(layer):
    arguments = dict(stride=2, padding=2, dilation=2, groups=2)
    torch.manual_seed(3)
    ordinary = nn.Conv2d(4, 6, 3, **arguments)
    torch.manual_seed(3)
    ours = layer(4, 6, 3, **arguments)
    ours.load_state_dict(ordinary.state_dict(), strict=False)
    x = torch.randn(2, 4, 9, 8)
    torch.testing.assert_close(ours(x), ordinary(x))
    ours.reset_parameters()
    torch.testing.assert_close(ours.weight.std(), ordinary.weight.std(), rtol=0.3, atol=0)
    assert not any(parameter.any() for parameter in ours.offset_parameters())


@each
def test_learns_where_to_look(layer):
    """The target is a plain convolution read two rows further down; only the offsets are trained."""
    torch.manual_seed(0)
    x = torch.nn.functional.avg_pool2d(torch.randn(2, 1, 20, 20), 5, 1, 2)
    net = layer(1, 1, 1, bias=False)
    nn.init.ones_(net.weight)
    target = torch.roll(x, -1, 2)
    optimizer = torch.optim.Adam(net.offset_parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        loss = (net(x) - target)[:, :, :-2].square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_names_in_the_state_dict():
    assert list(for_torch.ActiveConv2d(2, 3, 3).state_dict()) == ["weight", "bias", "offset"]
    names = ["weight", "conv_offset.weight", "conv_offset.bias"]
    assert list(for_torch.DeformConv2d(2, 3, 3, bias=False).state_dict()) == names
    assert list(for_torch.ModulatedDeformConv2d(2, 3, 3, bias=False).state_dict()) == names
    assert list(for_torch.Shift(3).state_dict()) == ["offset"]
    assert for_torch.ActiveConv2d(4, 6, 3, filter_offset_groups=6, deformable_groups=2).offset.shape == (6, 2, 3, 3, 2)
    assert for_torch.ModulatedDeformConv2d(4, 6, 3, deformable_groups=2).conv_offset.out_channels == 54


def test_mask_scale():
    net = for_torch.ModulatedDeformConv2d(2, 3, 3, padding=1, bias=False, mask_scale=1.0)
    plain = nn.functional.conv2d(x := torch.randn(1, 2, 5, 5), net.weight, padding=1)
    torch.testing.assert_close(net(x), plain / 2)


@pytest.mark.parametrize("dilation, offset_dilation", [(2, 1), (1, 2), ((2, 3), (1, 1))])
def test_the_branch_may_look_nearer_or_further(dilation, offset_dilation):
    net = for_torch.DeformConv2d(2, 3, 3, padding=3, dilation=dilation, offset_dilation=offset_dilation)
    plain = nn.Conv2d(2, 3, 3, padding=3, dilation=dilation)
    x = torch.randn(1, 2, 9, 9)
    assert net(x).shape == plain(x).shape
    with pytest.raises(OperatorError, match="DeformConv2d: with offset_dilation"):
        for_torch.DeformConv2d(2, 3, 2, dilation=2, offset_dilation=1)


def test_parameter_groups():
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        for_torch.ActiveConv2d(4, 4, 3, offset_lr_mult=0.01),
        for_torch.ModulatedDeformConv2d(4, 4, 3),
        for_torch.Shift(4),
    )
    net.append(net[0])  # shared: stands in one group, once
    groups = for_torch.param_groups(net, lr=0.5, weight_decay=1e-4)
    found = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    assert sum(len(group["params"]) for group in groups) == len(found) == len(list(net.parameters()))
    assert found[id(net[0].weight)] == found[id(net[1].weight)] == found[id(net[2].bias)] == (0.5, 1e-4)
    assert found[id(net[1].offset)] == (0.005, 0.0)
    assert found[id(net[3].offset)] == (0.5, 0.0)
    assert found[id(net[2].conv_offset.weight)] == found[id(net[2].conv_offset.bias)] == (0.05, 1e-4)
    torch.optim.SGD(groups, lr=0.5)


def test_pooling_layers_are_their_functions():
    x, boxes = torch.randn(1, 18, 8, 8), torch.tensor([[0.0, 1, 1, 12, 13]])
    layer = for_torch.PSRoIPool(3, 0.5)
    assert torch.equal(layer(x, boxes), for_torch.ps_roi_pool(x, boxes, 3, 0.5))
    layer, trans = for_torch.DeformPSRoIPool(3, 0.5, group_size=3), torch.randn(1, 2, 3, 3)
    assert torch.equal(layer(x, boxes, trans), for_torch.deform_ps_roi_pool(x, boxes, trans, 3, 0.5, 3))
    assert "spatial_scale=0.5" in repr(layer)


@each
def test_repr_and_pickle_and_deepcopy(layer):
    import copy
    import pickle

    net = layer(4, 6, 3, padding=1, groups=2)
    assert "4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=2, boundary='zero'" in repr(net)
    x = torch.randn(1, 4, 5, 5)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(x), net(x))


@each
def test_wrong_groups_are_refused(layer):
    with pytest.raises(OperatorError, match="in_channels must be a multiple of groups, got 4 and 3"):
        layer(4, 6, 3, groups=3)


def test_dtype_and_device():
    net = for_torch.ModulatedDeformConv2d(2, 3, 3, dtype=torch.float64)
    assert net(torch.randn(1, 2, 5, 5, dtype=torch.float64)).dtype is torch.float64
    assert for_torch.ActiveConv2d(2, 3, 3, device="meta").weight.is_meta
