# SPDX-License-Identifier: Apache-2.0
"""Writes a trained network as an .onnx file: python -m lib.weights.onnx CONFIG-or-RUN [--out FILE] [key=value ...]"""

from __future__ import annotations

import sys

from lib.commands.arguments import no_files, parse, parser, path, read_config_or_run
from lib.run.program import program, tell
from lib.run.threads import use_threads
from operators.extras import need


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser(
        "lib.weights.onnx",
        "Write the network as it predicts as an .onnx file of standard operators, and compare its scores in ONNX "
        "Runtime with those of the configuration's engine.",
        "CONFIG-or-RUN",
    )
    made.add_argument("--out", type=path, metavar="FILE", help="default: the parameters' name, ending in .onnx")
    made.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    made.add_argument("--params", type=path, help="a .params file of whatever origin, not one of the run's epochs")
    options = parse(made, arguments)
    no_files(made, options)
    need("onnx", "torch", "onnx", "onnxscript")
    system, cfg, _ = read_config_or_run(options)
    use_threads(cfg.run.threads)
    return _write(system, cfg, options)


def _write(system, cfg, options) -> int:
    from lib.predictors import predictor
    from lib.run.atomic import replacing
    from lib.weights.onnx.check import compare
    from lib.weights.onnx.export import exported, tell_sizes

    made = predictor(system, cfg, options.epoch, file=options.params)
    engine, out = made.engine, options.out or made.path.with_suffix(".onnx")
    arg, aux = engine.parameters()
    model = exported(system.test_graph(cfg), arg, aux, engine.network.inputs)
    model.doc_string = f"{cfg.symbol} of {cfg.run.name}: {made.path.name}, SHA-256 {made.digest}"
    with replacing(out) as new:  # a file that is not right takes nobody's place
        new.write_bytes(model.SerializeToString())
        told = compare(new, engine)
    tell(str(out))
    for each in (*model.graph.input, *model.graph.output):
        tell(tell_sizes(each))
    tell(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
