# SPDX-License-Identifier: Apache-2.0
"""The flow between two pictures: python -m flow.predict FIRST SECOND [--run CONFIG-or-RUN] [key=value ...]

Writes FIRST_flow.flo and FIRST_flow.png, a picture of it. Pictures may have any size that both have; a network knows
motions up to those that it was trained on.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

from lib.commands.arguments import parse, parser, path, read_config_or_run
from lib.run.atomic import write_with
from lib.run.program import program, tell
from lib.run.threads import use_threads

DEFAULT = "flow/quick_flow"


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser("flow.predict", "The flow between two pictures.", "FIRST SECOND", True)
    made.add_argument("--run", default=DEFAULT, help=f"a configuration or a run; default: {DEFAULT}")
    made.add_argument("--out", type=path, help="folder; default: the run's folder, predictions/")
    made.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    made.add_argument("--params", type=path, help="a .params file of whatever origin, not one of the run's epochs")
    options = parse(made, arguments)
    pictures = [Path(each) for each in (options.config, *options.files)]
    if len(pictures) != 2:
        made.error(f"expected two pictures, got {len(pictures)}")
    options.config = options.run
    system, cfg, _ = read_config_or_run(options, of="flow")
    use_threads(cfg.run.threads)
    return _predict(system, cfg, options, pictures)


def _predict(system, cfg, options, names: list[Path]) -> int:
    from flow.pictures import told
    from lib.data.flow_files import write_flow
    from lib.data.images import read_image
    from lib.predictors import predictor
    from lib.run.folder import run_folder

    first, second = map(read_image, names)
    flow = predictor(system, cfg, options.epoch, file=options.params).flows([(first, second)])[0]
    out = options.out or run_folder(cfg, cfg.dataset.test_image_set) / "predictions"
    out.mkdir(parents=True, exist_ok=True)
    file, drawn = out / f"{names[0].stem}_flow.flo", out / f"{names[0].stem}_flow.png"
    write_flow(file, flow)
    write_with(drawn, partial(told(first, second, flow).save, format="PNG"))
    length = np.hypot(flow[..., 0], flow[..., 1])
    tell(f"pixels move by {length.mean():.2f} on average, {length.max():.2f} at most")
    tell(str(file))
    tell(str(drawn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
