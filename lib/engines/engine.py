# SPDX-License-Identifier: Apache-2.0
"""What the loop, the evaluation and the pictures may ask of an engine, whichever framework it uses.

An engine holds one network on its devices. Arrays that come in and go out are NumPy's; parameters are named as in the
graph. Updates are those of MXNet's optimisers; the gradient g is the sum over all devices of all workers:

sgd     v = momentum * v - rate * lr_mult * (g + wd * wd_mult * w); w = w + v
adam    g = g + wd * wd_mult * w; m = momentum * m + (1 - momentum) * g; v = momentum2 * v + (1 - momentum2) * g * g
        w = w - rate * lr_mult * sqrt(1 - momentum2^t) / (1 - momentum^t) * m / (sqrt(v) + 1e-8) in its t-th update
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lib.run.carry import Carried
from lib.run.group import Group
from lib.run.params import check_fit as check_fit  # what `build` and `load` hold parameters to
from lib.run.task import Batch, Network, Place

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Settings:
    """How a network is trained. precision: float32, float64 or bfloat16. optimizer: sgd or adam; momentum2: of adam."""

    momentum: float = 0.0
    wd: float = 0.0
    precision: str = "float32"
    optimizer: str = "sgd"
    momentum2: float = 0.999


class EngineError(RuntimeError):
    """A device or a setting that this engine cannot serve; the text names the setting."""


class Engine(ABC):
    """group: the workers. devices: their names here. network: what `build` was given."""

    name: str
    group: Group
    devices: tuple[str, ...]
    network: Network
    _carried: Carried

    @property
    def place(self) -> Place:
        return Place(self.group.rank, self.group.size, len(self.devices))

    @abstractmethod
    def facts(self) -> dict:
        """Plain data for provenance: versions, operator_threads, instruction_set."""

    @abstractmethod
    def build(self, network: Network, arg: Mapping | None = None, aux: Mapping | None = None) -> None:
        """Takes a network; its parameters begin with the values given, or as its rules say.

        Raises ValueError, as `load` does, for parameters that do not fit.
        """

    @abstractmethod
    def shapes(self, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Shape of every argument, state and internal output for inputs of these shapes."""

    @abstractmethod
    def update(self, batch: Batch, rate: float, *more: Batch) -> list[Arrays]:
        """One step of training on this worker's part of a batch. Gives network.outputs of each device.

        more: further batches of the same step, computed one after another; the gradients of all are averaged. Gives
        the outputs of the first batch's devices, then those of the second's, and so on.
        """

    @abstractmethod
    def compute(self, inputs: Batch, outputs: Sequence[str]) -> Arrays:
        """Internal outputs, by name, as the network computes them when it is not training, on the first device."""

    @abstractmethod
    def parameters(self, names: Iterable[str] | None = None) -> tuple[Arrays, Arrays]:
        """Copies of (arguments, states), all or those named; states that differ between devices are averaged."""

    @abstractmethod
    def load(self, arg: Mapping[str, np.ndarray], aux: Mapping[str, np.ndarray]) -> None:
        """Takes values of these parameters and states. Names and shapes must be those of the network."""

    @abstractmethod
    def momentum(self) -> Arrays:
        """The optimiser's state of every parameter that has one: sgd's momentum by the parameter's name; of adam
        `NAME.mean`, `NAME.variance` and `NAME.updates`, a number (`lib.run.optimiser`)."""

    @abstractmethod
    def load_momentum(self, values: Mapping[str, np.ndarray]) -> None:
        """Takes what `momentum` gave, of this engine or another one."""

    def carried(self) -> Arrays:
        """What the devices of all workers carry from one update into the next (`lib.run.carry`), (replicas, ...) by
        parameter; {} where nothing is, or nothing has been yet. All workers must call it together."""
        every = {name: (value, self.group.by_rank(np.asarray(value, np.float64).ravel()))
                 for name, value in self._carried.state().items()}  # fmt: skip
        return {name: all_of_them.reshape(-1, *value.shape[1:]).astype(value.dtype)
                for name, (value, all_of_them) in every.items()}  # fmt: skip

    def load_carried(self, values: Mapping[str, np.ndarray]) -> None:
        """Takes what `carried` gave, of this engine or another one. Raises ValueError for another number of devices."""
        for name, value in values.items():
            if len(value) != self.place.replicas:
                raise ValueError(f"{name}: its gradients were carried by {len(value)} devices of all workers together, "
                                 f"there are {self.place.replicas} now")  # fmt: skip
        first, count = self.group.rank * len(self.devices), len(self.devices)
        self._carried.load({name: value[first : first + count] for name, value in values.items()})

    @abstractmethod
    def hold(self, names: Iterable[str], held: bool) -> None:
        """Parameters that are held get no gradient and no momentum; the others follow their rules."""

    @abstractmethod
    def slow(self, names: Iterable[str], factor: float) -> None:
        """Multiplies the learning rate of these parameters."""

    @abstractmethod
    def clip(self, names: Iterable[str], bound: float) -> None:
        """Puts every value of these parameters back into [-bound, bound]; NaN stays NaN."""

    @property
    @abstractmethod
    def states(self) -> Sequence[str]:
        """Names of the auxiliary states, which no gradient reaches."""

    def share_statistics(self) -> None:
        """Gives the states of every device of every worker their common mean.

        Each device's batch normalisation follows the statistics of its own images. What is saved must stand for all,
        and a run that goes on from it must have what the uninterrupted one has.
        """
        if not self.states or self.place.replicas == 1:
            return
        _, aux = self.parameters(self.states)
        total = self.group.total(np.concatenate([value.ravel() for value in aux.values()]))
        pieces = np.split(total / self.group.size, np.cumsum([value.size for value in aux.values()])[:-1])
        self.load({}, {name: piece.reshape(value.shape) for (name, value), piece in zip(aux.items(), pieces)})

    @abstractmethod
    def seed(self, number: int) -> None:
        """Of what is random inside the network, such as dropout."""

    @abstractmethod
    def close(self, failed: bool = False) -> None:
        """Leaves the group. failed: this process ends because of an error, and must not wait for the others."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace) -> None:
        # An end by KeyboardInterrupt is common to all workers, as the loop makes it.
        self.close(failed=error is not None and not isinstance(error, KeyboardInterrupt))
