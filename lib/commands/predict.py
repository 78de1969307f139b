# SPDX-License-Identifier: Apache-2.0
"""Shows what a trained network sees in pictures: python -m lib.commands.predict CONFIG-or-RUN IMAGE..."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from lib.commands.arguments import parse, parser, path, read_config_or_run
from lib.run.atomic import write_with
from lib.run.program import program, tell
from lib.run.threads import use_threads


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser(
        "lib.commands.predict", "Draw over pictures what a trained network sees in them.", "CONFIG-or-RUN", True
    )
    made.add_argument("--out", type=path, help="folder for the overlays; default: the run's folder, predictions/")
    made.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    made.add_argument("--params", type=path, help="a .params file of whatever origin, not one of the run's epochs")
    made.add_argument("--set", action="append", default=[], metavar="key=value", help="a setting, the older form")
    options = parse(made, arguments)
    options.settings += options.set
    if not options.files:
        made.error("expected at least one picture")
    system, cfg, _ = read_config_or_run(options)
    use_threads(cfg.run.threads)
    return _predict(system, cfg, options)


def _predict(system, cfg, options) -> int:
    from lib.data import images
    from lib.predictors import predictor
    from lib.run.folder import run_folder

    names = [Path(each) for each in options.files]
    overlays = outputs(names)
    missing = [name for name in names if not name.is_file()]
    if missing:
        what = "is a folder" if missing[0].is_dir() else "no such file"
        raise FileNotFoundError(f"{missing[0]}: {what}; expected pictures")
    made = predictor(system, cfg, options.epoch, file=options.params)
    out = options.out or run_folder(cfg, cfg.dataset.test_image_set) / "predictions"
    out.mkdir(parents=True, exist_ok=True)
    for name, overlaid in tqdm(list(zip(names, overlays)), unit="picture", disable=None):
        image = images.read_image(name)
        try:
            drawn = system.draw(cfg, made, image)
        except (ValueError, RuntimeError) as error:  # a network tells a layer, and nothing of the picture
            raise RuntimeError(f"{name}: {error}") from error
        write_with(out / overlaid, partial(drawn.save, format="PNG"))
        tell(str(out / overlaid))
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
