# SPDX-License-Identifier: Apache-2.0
"""Converts an ImageNet network: python -m lib.weights.convert FILE OUT_PREFIX"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lib.run.program import program, tell
from lib.run.threads import use_threads


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    parser = argparse.ArgumentParser(
        "python -m lib.weights.convert",
        description="Write the ResNet-18, 34, 50 or 101 of a torchvision or timm state dict (.pth, .safetensors), of "
        "DeepLabV2's PyTorch version (.pth) or of Gluon's model zoo (.params) as OUT_PREFIX-0000.params for "
        "network.pretrained, and the settings it needs as OUT_PREFIX-0000.yaml. Nothing in the file is executed.",
    )
    parser.add_argument("file", type=Path, help=".pth, .pt, .bin, .safetensors or .params")
    parser.add_argument("prefix", type=Path, metavar="OUT_PREFIX", help="for example model/pretrained_model/resnet50")
    parser.add_argument("--key", default="", help="entry of a PyTorch checkpoint that holds the network")
    parser.add_argument("--stride", choices=["1x1", "3x3"], help="of bottlenecks; default: 3x3 (v1.5) for "
                        "torchvision's, 1x1 (v1) for the others")  # fmt: skip
    parser.add_argument(
        "--mean", help="red,green,blue in 0..1; default: ImageNet's 0.485,0.456,0.406, DeepLabV2's its own"
    )
    parser.add_argument("--std", help="red,green,blue in 0..1; default: ImageNet's 0.229,0.224,0.225, DeepLabV2's none")
    parser.add_argument(
        "--order", choices=["RGB", "BGR"], help="channels that the network expects; default: RGB, DeepLabV2's BGR"
    )
    parser.add_argument("--eps", type=float, help="of batch norm (default: 1e-5)")
    parser.add_argument("--module", metavar="PART", help="for a network that is a torch module (DeepLabv3+): keep the "
                        "file's names, behind this: 'backbone.' for a classifier, '' for a whole network")  # fmt: skip
    options = parser.parse_args(arguments)
    use_threads(0)
    return _convert(options)


def _convert(options) -> int:
    from lib.run import params
    from lib.weights.convert.module import as_module
    from lib.weights.convert.resnet import convert
    from lib.weights.convert.settings import HABITS, numbers, pixels, settings, write
    from lib.weights.convert.sources import read

    given: dict[str, Any] = {
        key: numbers(text, f"--{key}") for key in ("mean", "std") if (text := getattr(options, key)) is not None
    }
    given |= {key: value for key in ("stride", "order", "eps") if (value := getattr(options, key)) is not None}
    if min(given.get("std", (1,))) <= 0 or not 0 < given.get("eps", 0.5) < 1:
        raise ValueError(
            f"--std, --eps: expected numbers above 0 (eps below 1), got {given.get('std')} and {options.eps}"
        )
    source = read(options.file, options.key)
    if options.module is None:
        network = convert(source)
        arg, aux, unused, what = (
            {**network.arg, **network.extra},
            network.aux,
            network.unused,
            f"ResNet-{network.depth}",
        )
        values = settings(network, replace(HABITS[network.kind], **given))
    else:
        (arg, aux, unused), what = as_module(source, options.module), f"module {options.module}*"
        values = pixels(replace(HABITS["torch"], **given))
    paths = [Path(f"{options.prefix}-0000.{suffix}") for suffix in ("params", "yaml")]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    write(paths[1], source, values)  # first: weights without their settings would be taken for the original's
    params.save(paths[0], arg, aux)
    tell(f"{source.path.name}: {what}, SHA-256 {source.sha256}")
    if unused:
        tell(f"not used: {', '.join(unused)}")
    for path in paths:
        tell(str(path))
    told = [f"network.pretrained={options.prefix}", "network.pretrained_epoch=0"]
    told += [f"{section}.{key}={_text(each)}" for section, keys in values.items() for key, each in keys.items()]
    tell(" ".join(["train with:", *told]))
    return 0


def _text(value) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.exit(main())
