# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from small_detection import Drawn, batch_of, small

from detection import anchors
from detection.batches import Batches, padded
from lib.boxes.geometry import decode, iou
from lib.data.boxes import BoxRecord, objects
from lib.data.images import DatasetError


def batches(cfg, data, batch=2, seed=1, part=(0, 1)) -> Batches:
    return Batches(data, cfg, seed, batch, part)


def shape_of(made: Batches, sample) -> bool:
    height, width = made.records[sample.index].size
    return width >= height


@pytest.mark.parametrize("count", [4, 7, 8])
def test_every_picture_once_and_as_few_mixed_batches_as_can_be(count):
    cfg = small("rpn")
    cfg.TRAIN.SHUFFLE = cfg.TRAIN.ASPECT_GROUPING = True
    made = batches(cfg, Drawn(count), batch=4)
    plan = made.plan(0)
    assert len(plan) == made.images // 4 == 2 * count // 4
    taken = [(each.index, each.mirrored) for batch in plan for each in batch]
    assert len(set(taken)) == len(taken) == len(plan) * 4
    mixed = [batch for batch in plan if len({shape_of(made, each) for each in batch}) > 1]
    assert len(mixed) <= 1


def test_batches_are_shuffled_also_where_the_list_divides_evenly():
    """In the original, then, all wide pictures come before all high ones."""
    cfg = small("rpn")
    cfg.TRAIN.SHUFFLE = cfg.TRAIN.ASPECT_GROUPING = True
    made = batches(cfg, Drawn(32), batch=4)
    kinds = [shape_of(made, batch[0]) for batch in made.plan(3)]
    assert sorted(kinds) != kinds and sorted(kinds)[::-1] != kinds
    assert made.plan(3) == made.plan(3) and made.plan(3) != made.plan(4)


def test_parts_make_the_batch():
    cfg = small("rcnn")
    whole = batches(cfg, Drawn(4))
    parts = [next(iter(batches(cfg, Drawn(4), part=(k, 2)).epoch(0))) for k in (0, 1)]
    together = next(iter(whole.epoch(0)))
    for name in ("im_info", "draw"):
        assert np.array_equal(np.concatenate([each[name] for each in parts]), together[name])


def test_inputs_of_pictures_of_both_shapes():
    cfg = small("rcnn")
    cfg.network.IMAGE_STRIDE = 64
    batch = batch_of(cfg)
    assert batch["data"].shape == (2, 3, 128, 128)  # 96 x 96, padded
    assert batch["im_info"].tolist() == [[64, 96, 1], [96, 64, 1]]
    assert not batch["data"][0, :, 64:].any() and not batch["data"][1, :, :, 64:].any()
    assert batch["gt_boxes"].tolist() == [[[8, 10, 40, 41, 1], [0] * 5], [[9, 10, 40, 41, 2], [30, 30, 52, 60, 3]]]
    assert np.array_equal(batch["draw"], np.round(batch["draw"])) and batch["draw"].max() < 2**24


def test_the_targets_lead_to_the_objects():
    cfg = small("rpn")
    batch = batch_of(cfg)
    height, width = anchors.map_size(cfg, *batch["data"].shape[2:])
    every = anchors.grid(cfg, height, width)
    for number, boxes in enumerate(([[8, 10, 40, 41]], [[9, 10, 40, 41], [30, 30, 52, 60]])):
        label = batch["label"][number].reshape(4, height, width).transpose(1, 2, 0).ravel()
        deltas = batch["bbox_target"][number].reshape(4, 4, height, width).transpose(2, 3, 0, 1).reshape(-1, 4)
        chosen = label > 0
        assert chosen.any() and set(label[chosen]) <= ({1} if number == 0 else {2, 3})
        overlap = iou(decode(every[chosen], deltas[chosen]), np.array(boxes, float))
        assert np.allclose(overlap.max(1), 1, atol=1e-5)
        weight = batch["bbox_weight"][number].reshape(4, 4, height, width).transpose(2, 3, 0, 1).reshape(-1, 4)
        assert np.array_equal(weight.any(1), chosen)


def test_classes_matter_to_a_class_aware_network_alone():
    assert set(np.unique(batch_of(small("rfcn"))["label"])) == {-1, 0, 1}
    assert np.unique(batch_of(small("rpn"))["label"]).max() > 1


def test_mirrored_pictures_and_boxes_and_the_scale():
    cfg = small("rfcn")
    cfg.SCALES, cfg.TRAIN.BATCH_IMAGES = [[128, 192]], 1
    plain, mirrored = batches(cfg, Drawn(1), 1).epoch(0)
    assert plain["im_info"].tolist() == [[128, 192, 2]]
    assert plain["gt_boxes"][0].tolist() == [[16, 20, 80, 82, 1]]
    assert mirrored["gt_boxes"][0].tolist() == [[111, 20, 175, 82, 1]]
    assert np.array_equal(mirrored["data"], plain["data"][..., ::-1])


def test_pictures_without_objects_are_left_out_and_none_at_all_is_told():
    data = Drawn(2)
    data.records.append(BoxRecord(None, "9", (64, 96), objects([])))
    data.records.append(BoxRecord(None, "10", (64, 96), objects([((1, 1, 9, 9), 1, True)])))
    assert len(batches(small("rpn"), data).records) == 2
    data.records = data.records[2:]
    with pytest.raises(DatasetError, match="none of its 2 pictures has an object to train on"):
        batches(small("rpn"), data)
    with pytest.raises(DatasetError, match="4 pictures .* make no batch of 5"):
        batches(small("rpn"), Drawn(2), batch=5)


def test_padding():
    assert padded((600, 1000), 32).tolist() == [608, 1024] and padded((600, 1000), 0).tolist() == [600, 1000]
