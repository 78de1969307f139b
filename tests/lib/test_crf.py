# SPDX-License-Identifier: Apache-2.0
"""The dense CRF against mean field with every pair of pixels."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from lib.config.crf import Crf
from lib.crf import refine

with_library = pytest.mark.skipif(
    find_spec("pydensecrf") is None, reason="pydensecrf2 is not installed: scripts/setup.sh crf"
)


def exact(probability, image, crf: Crf) -> np.ndarray:
    """Mean field without a shortcut: O(pixels^2). Kernels are normalised on both sides, as the library does."""
    classes, height, width = probability.shape
    place = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1).reshape(-1, 2)
    colour = image.reshape(-1, 3).astype(float)

    def kernel(*features) -> np.ndarray:
        distance = sum((((each[:, None] - each) / std) ** 2).sum(-1) for each, std in features)
        made = np.exp(-distance / 2)
        scale = 1 / np.sqrt(made.sum(1))
        np.fill_diagonal(made, 0)
        return scale[:, None] * made * scale

    smooth = kernel((place, crf.smooth_std))
    alike = kernel((place, crf.position_std), (colour, crf.colour_std))
    unary = np.log(probability.reshape(classes, -1))
    found = probability.reshape(classes, -1)
    for _ in range(crf.iterations):
        score = unary + crf.smooth_weight * (found @ smooth) + crf.colour_weight * (found @ alike)
        found = np.exp(score - score.max(0))
        found /= found.sum(0)
    return found.reshape(probability.shape)


def picture(seed: int = 0):
    """A disc of another colour, and probabilities that know it only roughly. (truth, probability, image)"""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :40]
    truth = ((y - 15) ** 2 + (x - 22) ** 2 < 90).astype(int)
    image = np.where(truth[..., None] == 1, [200, 60, 40], [40, 90, 160]) + random.integers(-3, 4, (32, 40, 3))
    score = np.stack([truth == each for each in range(3)]) * 1.0 + random.normal(0, 0.8, (3, 32, 40))
    probability = np.exp(score) / np.exp(score).sum(0)
    return truth, probability, image.astype(np.uint8)


@with_library
@pytest.mark.parametrize("crf", [Crf(iterations=5, position_std=10, colour_std=13), Crf(iterations=10)])
def test_it_is_the_mean_field_of_all_pairs(crf):
    truth, probability, image = picture()
    ours, theirs = refine(probability, image, crf), exact(probability, image, crf)
    assert ours.shape == theirs.shape and np.abs(ours.sum(0) - 1).max() < 1e-4
    assert (ours.argmax(0) == theirs.argmax(0)).mean() > 0.97
    assert np.abs(ours - theirs).mean() < 0.05


@with_library
def test_it_follows_the_edges_of_the_picture():
    truth, probability, image = picture(1)
    before = (probability.argmax(0) == truth).mean()
    after = (refine(probability, image, Crf(iterations=10, position_std=20, colour_std=10)).argmax(0) == truth).mean()
    assert before < 0.85 and after > 0.98


@with_library
def test_without_weights_it_changes_nothing():
    _, probability, image = picture(2)
    ours = refine(probability, image, Crf(iterations=3, smooth_weight=0, colour_weight=0))
    np.testing.assert_allclose(ours, probability, atol=1e-5)


@with_library
def test_a_picture_of_another_size_is_refused():
    _, probability, image = picture(2)
    with pytest.raises(ValueError, match=r"expected uint8 \(32, 40, 3\) as the probabilities, got uint8 \(31, 40, 3\)"):
        refine(probability, image[1:], Crf(iterations=1))


@pytest.mark.skipif(find_spec("pydensecrf") is not None, reason="pydensecrf2 is installed")
def test_without_the_library_it_says_how_to_get_it():
    _, probability, image = picture(2)
    with pytest.raises(ImportError, match="setup.sh crf"):
        refine(probability, image, Crf(iterations=1))
