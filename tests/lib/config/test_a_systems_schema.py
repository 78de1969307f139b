# SPDX-License-Identifier: Apache-2.0
"""A system hands in its sections, ranges and sentences; the mechanism knows none of its keys."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from lib.config import ConfigError, Ranges, Schema, as_dict, load, load_dict, sections


@dataclass
class Train(sections.Train):
    weight: float = 1.0


@dataclass
class Boxes:
    scales: list[int] = field(default_factory=lambda: [8, 16])
    kind: str = "square"


@dataclass
class Config(sections.Common):
    dataset: sections.Dataset = field(default_factory=sections.Dataset)
    TRAIN: Train = field(default_factory=Train)
    TEST: sections.Test = field(default_factory=sections.Test)
    boxes: Boxes = field(default_factory=Boxes)


SCHEMA = Schema(
    Config,
    Ranges(choices={"boxes.kind": ("square", "round")}, why={"boxes.kind": "others have no sides"},
           at_least={"TRAIN.weight": 0.5}),
    lambda cfg: [] if cfg.boxes.scales else ["boxes.scales: expected at least one, got none"],
)  # fmt: skip


def made(tmp_path, text, *overrides):
    (tmp_path / "some.yaml").write_text(text)
    return load(SCHEMA, tmp_path / "some.yaml", overrides)


def test_its_own_sections_stand_beside_the_common_ones(tmp_path):
    cfg = made(tmp_path, "boxes: {scales: [4]}\nTRAIN: {lr: 1e-3}", "run.seed=3")
    assert isinstance(cfg, Config) and cfg.boxes == Boxes([4], "square")
    assert (cfg.TRAIN.lr, cfg.TRAIN.weight, cfg.run.seed, cfg.run.name, cfg.engine) == (1e-3, 1.0, 3, "some", "mxnet")


@pytest.mark.parametrize(("text", "said"), [
    ("boxes: {scale: 3}", "some.yaml: unknown key boxes.scale; did you mean boxes.scales?"),
    ("net: {depth: 18}", "some.yaml: unknown key net"),
    ("boxes: {kind: oval}", "boxes.kind: expected one of 'square', 'round', got 'oval' (others have no sides)"),
    ("TRAIN: {weight: 0.25}", "TRAIN.weight: expected at least 0.5, got 0.25"),
    ("boxes: {scales: []}", "some.yaml: boxes.scales: expected at least one, got none"),
    ("engine: caffe", "engine: expected one of 'mxnet', 'torch', got 'caffe'"),
    ("TRAIN: {lr: -1}", "TRAIN.lr: expected at least 0, got -1"),
    ("TRAIN: {weight: .inf}", "TRAIN.weight: expected a finite number, got inf"),
    ("TRAIN: {weight: .nan}", "TRAIN.weight: expected a finite number, got nan"),
    ("run: {precision: bfloat16}", "run.precision: 'bfloat16' is PyTorch's autocast and needs engine 'torch'"),
])  # fmt: skip
def test_mistakes_are_named_by_its_keys(tmp_path, text, said):
    with pytest.raises(ConfigError) as error:
        made(tmp_path, text)
    assert said in str(error.value)


def test_what_a_run_keeps_comes_back(tmp_path):
    cfg = made(tmp_path, "boxes: {kind: round}", "TRAIN.weight=2")
    kept = as_dict(cfg)
    assert load_dict(SCHEMA, kept, "run.json") == cfg
    assert load_dict(SCHEMA, kept, "run.json", ["TRAIN.weight=3"]).TRAIN.weight == 3
    kept["boxes"]["sides"] = 4
    with pytest.raises(ConfigError, match="run.json: unknown key boxes.sides"):
        load_dict(SCHEMA, kept, "run.json")
