# SPDX-License-Identifier: Apache-2.0
"""Writes what a trained network proposes, a file for `dataset.proposal` of another one:

python -m detection.propose CONFIG-or-RUN FILE.npz [--sets 2012_train+2012_val] [--epoch N] [key=value ...]

The network is a class-aware RPN, or an R-FCN or Faster R-CNN that proposes; how many boxes, and which, is said by its
TEST.RPN_PRE_NMS_TOP_N, RPN_POST_NMS_TOP_N, RPN_NMS_THRESH and RPN_MIN_SIZE.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from tqdm import tqdm

from lib.commands.arguments import parse, parser, path, read_config_or_run
from lib.run.program import program, tell
from lib.run.threads import use_threads


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser("detection.propose", "Write the boxes that a trained network proposes.", "CONFIG-or-RUN", more=True)
    made.add_argument("--sets", help="of pictures, joined by +; default: those of training and of testing")
    made.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    made.add_argument("--params", type=path, help="a .params file of whatever origin, not one of the run's epochs")
    options = parse(made, arguments)
    if len(options.files) != 1 or not options.files[0].endswith(".npz"):
        made.error(f"expected one file to write, FILE.npz, got {' '.join(options.files) or 'none'}")
    system, cfg, _ = read_config_or_run(options, of="detection")
    use_threads(cfg.run.threads)  # before anything imports a framework
    from detection.data import load_dataset
    from detection.proposals import check_names
    from lib.predictors import predictor
    from lib.run.atomic import check_writable, write_with

    target = path(options.files[0])
    check_writable(target)  # before the work
    network = predictor(system, cfg, options.epoch, file=options.params)
    names = options.sets.split("+") if options.sets else [cfg.dataset.image_set, cfg.dataset.test_image_set]
    sets = {name: load_dataset(cfg, name) for name in dict.fromkeys(names)}
    check_names([record for data in sets.values() for record in data.records])
    found: dict[str, np.ndarray] = {}
    for name, data in sets.items():
        for record in tqdm(data.records, desc=name, unit="image", dynamic_ncols=True, disable=None):
            found[record.name] = proposed(cfg, network, data.image(record))
    write_with(target, partial(np.savez_compressed, **found))
    tell(f"{target}: {sum(map(len, found.values()))} boxes of {len(found)} pictures")
    return 0


def proposed(cfg, network, image: np.ndarray) -> np.ndarray:
    """float32 (n, 5), [x1, y1, x2, y2, score] in pixels of `image`, uint8 (h, w, 3) RGB, the best first.

    network: `detection.predictor.Predictor`. A score is one minus the probability of the background.
    """
    from detection import anchors
    from detection.batches import network_inputs
    from lib.boxes.anchors import per_anchor, scores_per_anchor
    from lib.boxes.proposals import ProposalRule, proposals

    _, scale, inputs = network_inputs(cfg, image)
    wanted = ["rpn_cls_prob_reshape_output", "rpn_bbox_pred_output"]
    probability, deltas = (each[0] for each in network.engine.compute(inputs, wanted).values())
    count, test = cfg.network.NUM_ANCHORS, cfg.TEST
    boxes, scores = proposals(
        anchors.grid(cfg, *probability.shape[1:]),
        per_anchor(deltas, count),
        1 - scores_per_anchor(probability, count)[:, 0].astype(np.float64),
        (*inputs["data"].shape[2:], scale),
        ProposalRule(test.RPN_PRE_NMS_TOP_N, test.RPN_POST_NMS_TOP_N, test.RPN_NMS_THRESH, test.RPN_MIN_SIZE),
    )
    return np.concatenate([boxes / scale, scores[:, None]], axis=1).astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
