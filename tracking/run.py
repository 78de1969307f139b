# SPDX-License-Identifier: Apache-2.0
"""Follows a target through a film: python -m tracking.run VIDEO-OR-FOLDER --box x,y,w,h [--run CONFIG-or-RUN]

It writes, each file completely or not at all:

    boxes.txt      x,y,width,height of every frame, pixels from 1, as the VOT challenges have them
    scores.txt     the network's probability of every box; the first frame's is 1
    tracked.gif    the film with the boxes, every --every th frame, at most 300 of them
    strip.png      eight frames of it
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

import numpy as np
from tqdm import tqdm

from lib.commands.arguments import path, read_config_or_run
from lib.data.sequences import write_regions
from lib.data.video import frames
from lib.run.atomic import write_bytes, write_text, write_with
from lib.run.program import program, tell
from lib.run.threads import use_threads
from tracking.pictures import FOUND, beside, clip, framed, places_of

LONGEST, STRIP = 300, 8


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = argparse.ArgumentParser("python -m tracking.run", description="Follow a target through a film.")
    made.add_argument("film", type=path, help="a folder of pictures, or a video file (extra: video)")
    made.add_argument("--box", required=True, help="the target in the first frame: x,y,width,height, pixels from 0")
    made.add_argument("--run", dest="config", default="quick_tracker", help="a trained run, or its configuration")
    made.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    made.add_argument("--params", type=path, help="a .params file of whatever origin, not one of the run's epochs")
    made.add_argument("--out", type=path, help="folder; default: the run's folder, tracked/<name of the film>")
    made.add_argument("--every", type=int, default=1, help="frames between two of the clip")
    made.add_argument("settings", nargs="*", metavar="key=value", help="settings that replace those of the run")
    options = made.parse_intermixed_args(_joined(sys.argv[1:] if arguments is None else arguments))
    if options.every < 1:
        made.error(f"--every: expected a number from 1 on, got {options.every}")
    box = parse_box(options.box)
    shown = frames(options.film)
    system, cfg, _ = read_config_or_run(options, of="tracking")
    use_threads(cfg.run.threads)
    return _run(system, cfg, options, shown, box)


def _joined(words: list[str]) -> list[str]:
    """`--box -5,2,9,9` as one word, a target that reaches out of the frame: argparse takes -5,2,9,9 for an option."""
    made = list(words)
    for place in reversed(range(len(made) - 1)):
        if made[place] == "--box":
            made[place : place + 2] = [f"--box={made[place + 1]}"]
    return made


def parse_box(text: str) -> np.ndarray:
    """[x, y, width, height] of `--box`. Raises ValueError if it is none, or has no area."""
    try:
        box = np.array([float(each) for each in text.split(",")])
    except ValueError:
        box = np.zeros(0)
    if box.shape != (4,) or not np.isfinite(box).all() or box[2:].min() <= 0:
        raise ValueError(f"--box {text}: expected x,y,width,height such as 40,30,24,32, with width and height above 0")
    return box


def _run(system, cfg, options, film, box: np.ndarray) -> int:
    from lib.predictors import predictor
    from lib.run.folder import run_folder

    made = predictor(system, cfg, options.epoch, file=options.params)
    out = options.out or run_folder(cfg, cfg.dataset.test_image_set) / "tracked" / options.film.stem
    out.mkdir(parents=True, exist_ok=True)  # where that cannot be, no film is followed in vain
    boxes, scores, kept = follow(made.tracker(), film, box, options.every)
    write_text(out / "boxes.txt", write_regions(boxes))
    write_text(out / "scores.txt", "".join(f"{each:.4f}\n" for each in scores))
    write_bytes(out / "tracked.gif", clip(kept))
    strip = beside([kept[number] for number in places_of(len(kept), STRIP)])
    write_with(out / "strip.png", partial(strip.save, format="PNG"))
    for name in ("boxes.txt", "scores.txt", "tracked.gif", "strip.png"):
        tell(str(out / name))
    return 0


def follow(tracker, film, box: np.ndarray, every: int = 1):
    """(boxes (frames, 4), scores (frames,), every so many th frame with its box as PIL images, LONGEST at most).

    Raises ValueError if the film has no frame, or the box lies outside the first one.
    """
    boxes, scores, kept = [], [], []
    for number, image in enumerate(tqdm(film, desc="tracking", unit="frame", disable=None)):
        if number:
            found = tracker.step(image)
            boxes.append(found.box)
            scores.append(found.score)
        else:
            height, width = image.shape[:2]
            if box[0] >= width or box[1] >= height or box[0] + box[2] <= 0 or box[1] + box[3] <= 0:
                raise ValueError(f"--box {box.tolist()}: lies outside the first frame, {width} x {height}")
            tracker.start(image, box)
            boxes.append(box)
            scores.append(1.0)
        if number % every == 0 and len(kept) < LONGEST:
            kept.append(framed(image, {FOUND: boxes[-1]}))
    if not boxes:
        raise ValueError("the film has no frames")
    return np.array(boxes), np.array(scores), kept


if __name__ == "__main__":
    sys.exit(main())
