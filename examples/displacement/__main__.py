# SPDX-License-Identifier: Apache-2.0
"""Trains networks to copy what is d pixels away, and shows up to which d each of them can.

    python -m examples.displacement [--steps 600] [--seeds 1 2 3] [--ablations] [--out displacement.png]

A dynamic filter (Wu et al. 2018, arXiv 1803.07624) with one sample sees as far as its taps, 1 pixel; with 3 x 3 samples
3 pixels apart 4, with 5 x 5 of them 7. Each is trained on the same pictures (`problem`), drawn anew at every step, and
measured on others. An error of 1 is that of a network that says 0 everywhere.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from tqdm import tqdm

from examples.arguments import count, picture
from examples.displacement.networks import ABLATIONS, NETWORKS
from examples.displacement.plot import draw
from examples.displacement.problem import REACH, Scenes, scenes

BATCH = 8
TESTED = 64  # scenes
RATE = 0.01


def main(arguments: list | None = None) -> dict[str, np.ndarray]:
    """Gives name -> errors (seeds, REACH + 3): by distance from 0 to REACH, then near borders and elsewhere, both of
    distances up to 7."""
    parser = argparse.ArgumentParser("python -m examples.displacement", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=count, default=600, help="of training, each on 8 pictures of 48 x 48")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ablations", action="store_true", help="also without each part of the block")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only networks whose names contain one of these")
    parser.add_argument("--out", type=picture, help="write a plot to this file")
    options = parser.parse_args(arguments)
    chosen = {
        name: make
        for name, make in {**NETWORKS, **(ABLATIONS if options.ablations else {})}.items()
        if not options.only or any(each in name for each in options.only)
    }
    if not chosen:
        parser.error(f"--only: no network is called so; networks: {', '.join({**NETWORKS, **ABLATIONS})}")
    print(f"{'error at distance':36}" + "".join(f"{d:6}" for d in range(REACH + 1)) + "   border  elsewhere")
    errors = {}
    for name, make in chosen.items():
        errors[name] = np.stack([_measured(name, make, seed, options.steps) for seed in options.seeds])
        mean = errors[name].mean(axis=0)
        numbers = sum(each.numel() for each in make().parameters())
        row = "".join(f"{e:6.2f}" for e in mean[:-2]) + "".join(f"{e:9.3f}" for e in mean[-2:])
        print(f"{f'{name} ({numbers:,})':36}{row}", flush=True)
    if options.out:
        whole = {name: errors[name] for name in NETWORKS if name in errors}
        parts = {name: errors[name] for name in ABLATIONS if name in errors}
        draw({"How far each can look": whole, "5 x 5 samples, without one part": parts}, options.out)
        print(f"wrote {options.out}")
    return errors


def _measured(name: str, make, seed: int, steps: int) -> np.ndarray:
    torch.manual_seed(seed)
    network, random = make(), np.random.default_rng((seed, 0))
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in tqdm(range(steps), desc=f"{name}, seed {seed}", leave=False, disable=None):
        given = scenes(random, BATCH)
        loss = (_seen(network, given) - torch.from_numpy(given.target)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        falling.step()
    return errors_of(network, scenes(np.random.default_rng((seed, 1)), TESTED))


def _seen(network, given: Scenes):
    return network(torch.from_numpy(given.noise), torch.from_numpy(given.code))


@torch.no_grad()
def errors_of(network, given: Scenes) -> np.ndarray:
    """Sums of square errors over those of the target, see `main`."""
    square, whole = (_seen(network, given).numpy() - given.target)[:, 0] ** 2, given.target[:, 0] ** 2
    near = given.distance < REACH
    places = [given.distance == d for d in range(REACH + 1)] + [near & given.border, near & ~given.border]
    return np.array([square[place].sum() / whole[place].sum() for place in places])


if __name__ == "__main__":
    main()
