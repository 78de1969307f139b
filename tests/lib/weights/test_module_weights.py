# SPDX-License-Identifier: Apache-2.0
"""A state dict becomes what a torch module of this project begins with, by its own names."""

from __future__ import annotations

import pytest
from trainings import config, engine_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from lib.config import ConfigError  # noqa: E402
from lib.modules.deeplab_v3_plus import DeepLabV3Plus  # noqa: E402
from lib.modules.resnet import resnet  # noqa: E402
from lib.weights.convert.__main__ import main  # noqa: E402
from lib.weights.pretrained import take_pretrained  # noqa: E402


def test_a_classifier_becomes_a_backbone(tmp_path, capsys):
    classifier = resnet(10, width=4, num_classes=7)
    classifier.bn1.running_mean += 1
    torch.save(classifier.state_dict(), tmp_path / "net.pth")
    assert main([str(tmp_path / "net.pth"), str(tmp_path / "backbone"), "--module", "backbone."]) == 0
    said = capsys.readouterr().out
    assert "not used: bn1.num_batches_tracked, fc.bias, fc.weight" in said and "net.pixel_stds=[57.375," in said
    pretrained = f"network.pretrained={tmp_path / 'backbone'}"
    with pytest.raises(ConfigError, match="net.pixel_stds: .* needs"):
        take_pretrained(config("quick_v3plus", pretrained), engine_of(config("quick_v3plus")))
    cfg = config("quick_v3plus", pretrained, "net.pixel_stds=[57.375,57.12,58.395]",
                 "network.PIXEL_MEANS=[103.53,116.28,123.675]")  # fmt: skip
    engine = engine_of(cfg)
    before = engine.parameters()[0]
    take_pretrained(cfg, engine)
    arg, aux = engine.parameters()
    for name, value in classifier.state_dict().items():
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked"):
            assert ({**arg, **aux}[f"backbone.{name}"] == value.numpy()).all(), name
    assert all((arg[name] == before[name]).all() for name in arg if not name.startswith("backbone") or "extra" in name)


def test_a_whole_checkpoint_is_tested(tmp_path):
    cfg = config("quick_v3plus", "net.v3plus.deform=''")
    whole = DeepLabV3Plus(**cfg.net.v3plus.settings(cfg.net, 19))
    torch.save({"epoch": 3, "state_dict": whole.state_dict()}, tmp_path / "checkpoint.pth")
    assert main([str(tmp_path / "checkpoint.pth"), str(tmp_path / "net"), "--module", ""]) == 0
    from lib.run import params

    engine = engine_of(cfg, False, *params.load(tmp_path / "net-0000.params"))
    picture = torch.randn(1, 3, 64, 96)
    found = engine.compute({"data": picture.numpy()}, ["scores_output"])["scores_output"]
    torch.testing.assert_close(torch.from_numpy(found), whole.eval()(picture)["scores_output"], rtol=1e-5, atol=1e-5)


def test_what_is_no_modules_is_refused(tmp_path, capsys):
    torch.save({"step": torch.tensor(1.0)}, tmp_path / "net.pth")
    assert main([str(tmp_path / "net.pth"), str(tmp_path / "net"), "--module", ""]) == 1
    assert "expected arrays by the names of a module" in capsys.readouterr().err
    assert not (tmp_path / "net-0000.params").exists()
