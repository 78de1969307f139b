# SPDX-License-Identifier: Apache-2.0
"""Shows what a trained network sees in pictures: python -m deeplab.predict CONFIG IMAGE... [--out FOLDER]"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deeplab.config import ConfigError, load
from deeplab.core.threads import use_threads


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    parser = argparse.ArgumentParser("python -m deeplab.predict", description="Colour pictures by predicted class.")
    parser.add_argument("config", help="YAML file of the trained network")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="pictures of any size")
    parser.add_argument("--out", type=Path, help="folder for the overlays; default: the run's folder, predictions/")
    parser.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="a setting; may be repeated")
    options = parser.parse_args(arguments)
    try:
        cfg = load(options.config, options.set)
        use_threads(cfg.run.threads)
        return _predict(cfg, options)
    except (ConfigError, OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _predict(cfg, options) -> int:
    from deeplab.core.folder import run_folder
    from deeplab.core.overlay import overlay
    from deeplab.core.predictor import Predictor
    from deeplab.dataset import kind_of, pictures

    names = [Path(each) for each in options.images]
    overlays = outputs(names)
    kind = kind_of(cfg)
    predictor = Predictor(cfg, options.epoch)
    out = options.out or run_folder(cfg, cfg.dataset.test_image_set) / "predictions"
    out.mkdir(parents=True, exist_ok=True)
    for name, overlaid in zip(names, overlays):
        image = pictures.read_image(name)
        path = out / overlaid
        overlay(image, predictor.picture(image), kind.class_names, kind.palette).save(path)
        print(path)
    return 0


def outputs(images: list[Path]) -> list[str]:
    """File names of the overlays. Raises ValueError if two pictures would be written to one file."""
    made: dict[str, Path] = {}
    for image in images:
        name = f"{image.stem}_overlay.png"
        if name in made:
            raise ValueError(f"{made[name]} and {image} would both become {name}; run them apart, each with its --out")
        made[name] = image
    return list(made)


if __name__ == "__main__":
    sys.exit(main())
