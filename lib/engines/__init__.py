# SPDX-License-Identifier: Apache-2.0
"""Training and prediction with a framework. `open_engine` gives the one that a configuration names; nothing else in
lib, and no system, knows a framework."""

from __future__ import annotations

from lib.config import ConfigError
from lib.engines.engine import Engine, Settings


def open_engine(cfg, training: bool = False) -> Engine:
    """The engine of cfg.engine on the devices of cfg, without a network yet.

    training: joins the workers that train together; else it is alone, on the first device.
    Raises ConfigError for a framework, version or device that is not there.
    """
    train = cfg.TRAIN
    settings = Settings(train.momentum, train.wd, cfg.run.precision, train.optimizer, train.momentum2)
    gpus = cfg.gpus if training else cfg.gpus.split(",")[0]
    kvstore, cpus = (cfg.default.kvstore, cfg.run.cpus) if training else ("device", 1)
    if cfg.engine == "torch":
        _need("torch", "scripts/setup.sh torch")
        from lib.engines.torch.engine import TorchEngine

        return TorchEngine(settings, gpus, cpus, kvstore)
    _need("mxnet", "scripts/setup.sh mxnet")
    from lib.engines.mxnet.devices import check_version
    from lib.engines.mxnet.engine import MXNetEngine

    check_version(cfg.MXNET_VERSION)
    return MXNetEngine(settings, gpus, cpus, kvstore)


def _need(package: str, how: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        other = "torch" if package == "mxnet" else "mxnet"
        raise ConfigError(
            f"engine: {package} is not installed ({how}); engine={other} would run on the other framework"
        )
