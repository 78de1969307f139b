# SPDX-License-Identifier: Apache-2.0
"""Evaluates a trained network: end-point errors as a whole and where flow is hard, beside those of no network."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np

from flow import looker
from flow.data import load_dataset
from lib.data.flow_files import known
from lib.data.flow_pairs import FlowPairs, Pair
from lib.data.picture_file import DatasetError
from lib.data.prefetch import prefetch
from lib.metrics.end_point_error import Sums, best_affine, end_point_error, near_edges
from lib.run.folder import forget

MAGNITUDES = (0, 5, 10, 20, np.inf)  # pixels
REACH = 3  # pixels from an edge of the flow
SHOWN = 4  # pairs


def evaluate(cfg, predictor, place: Path, ignore_cache: bool, log) -> dict:
    """Predicts all test pairs; nothing is cached, for that takes less time than to tell whether it may be used.

    place: folder for the flows of the pairs that are shown. Gives metric, value (the mean over all pixels whose flow is
    known), images, parts (errors by the length of the true flow, near its edges, away from them, and of pixels that the
    second picture shows, where the data says so) and floors: the same for a flow of 0 (`zero`), and for the best
    constant (`mean`) and the best affine flow of each pair (`affine`), which know the truth. Raises DatasetError if no
    pixel's flow is known.
    """
    data, sums = load_dataset(cfg, cfg.dataset.test_image_set), {}
    place.mkdir(parents=True, exist_ok=True)
    forget(place, "pair_*.npz")
    records, kept = data.records, shown(data)
    size = cfg.TEST.BATCH_IMAGES
    groups = [records[first : first + size] for first in range(0, len(records), size)]
    for pairs in prefetch(lambda: (same for group in groups for same in _of_one_size(map(data.pair, group)))):
        for pair, flow in zip(pairs, predictor.flows([(pair.first, pair.second) for pair in pairs])):
            masks, there = masks_of(pair), known(pair.flow)
            for name, guess in {"network": flow, **floors(pair.flow, there)}.items():
                errors = end_point_error(guess, pair.flow)
                for part, mask in masks.items():
                    sums.setdefault(name, Sums()).add(part, errors, mask)
            if pair.name in kept:
                looker.save_pair(place, pair, flow)
    if cfg.net.kind == "lsdfn":
        looker.save(place / looker.EDGE, looker.look(predictor, data.pair(kept[0])))
    means = {name: each.means() for name, each in sums.items()}
    own = means.pop("network")
    if "all" not in own:
        raise DatasetError(f"{data.root}: expected flow to measure by, got {len(data)} pairs of {data.image_set} "
                           "without a pixel whose flow is known")  # fmt: skip
    value = own.pop("all")
    for name, each in means.items():
        log.info("end-point error of the floor %s: %.3f px", name, each["all"])
    log.info("end-point error %.3f px, %d pairs", value, len(data))
    log.info("by part: %s", ", ".join(f"{name} {each:.3f}" for name, each in own.items()))
    return {"metric": "EPE", "value": value, "images": len(data), "parts": own, "floors": means, **by_name(own)}


def _of_one_size(pairs) -> list[list[Pair]]:
    """Neighbours of one size together: KITTI's pictures differ by a few pixels."""
    return [list(same) for _, same in groupby(pairs, lambda pair: pair.first.shape)]


def shown(data: FlowPairs) -> list[str]:
    """Names of the test pairs that the summary shows."""
    places = np.linspace(0, len(data) - 1, min(SHOWN, len(data))).astype(int)
    return [data.records[place] for place in places]


def floors(truth: np.ndarray, there: np.ndarray) -> dict[str, np.ndarray]:
    """What is no network's work: flows (h, w, 2) that see no picture."""
    # Of a million pixels, a sum in float32 is off by percents.
    mean = np.broadcast_to(truth[there].mean(0, np.float64), truth.shape) if there.any() else np.zeros_like(truth)
    return {"zero": np.zeros_like(truth), "mean": mean, "affine": best_affine(truth, there)}


def masks_of(pair: Pair) -> dict[str, np.ndarray]:
    """{part: bool (h, w)} of pixels whose flow is known."""
    there = known(pair.flow)
    length = np.where(there, np.hypot(*np.moveaxis(np.where(there[..., None], pair.flow, 0), -1, 0)), -1)
    near = near_edges(pair.flow, there, REACH)
    found = {"all": there}
    for low, high in zip(MAGNITUDES, MAGNITUDES[1:]):
        found[f"{low}-{high:.0f} px" if np.isfinite(high) else f"{low} px and more"] = (length >= low) & (length < high)
    found.update({"near edges": there & near, "away from edges": there & ~near})
    if pair.occluded is not None:
        found.update({"unoccluded": there & ~pair.occluded, "occluded": there & pair.occluded})
    return found


def by_name(parts: dict[str, float]) -> dict[str, float]:
    """Those that the ledger's tables show, under plain names."""
    names = {"edges": "near edges", "large": f"{MAGNITUDES[-2]} px and more", "unoccluded": "unoccluded"}
    return {name: parts[part] for name, part in names.items() if part in parts}
