# SPDX-License-Identifier: Apache-2.0
"""Which processes a training consists of, and what each of them must know."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from lib.config.text_file import read_text

# What a remote process is given of this environment; a local one has all of it.
PASSED_ON = ("ACTIVE_CONVNETS_", "DNNL_", "MXNET_", "OMP_", "PS_", "PYTHONPATH")


class PlanError(ValueError):
    """The processes that were asked for cannot be placed; the text names the option."""


@dataclass(frozen=True)
class Job:
    """One process. host: '' is this machine. share: how many workers its machine has (0: not a worker)."""

    name: str
    host: str
    argv: list[str]
    env: dict[str, str]
    share: int = 0


def plan(
    train: list[str], gpus: str, workers: int, servers: int, hosts: list[str], address: str = "", engine: str = "mxnet"
) -> list[Job]:
    """For MXNet the scheduler, then the servers, then the workers by rank; PyTorch has workers alone.

    train: arguments of lib.commands.train. gpus: cfg.gpus, of one machine; its workers divide them. hosts: names or
    IPv4 addresses; [] is this machine. The scheduler always runs on this machine, at `address` ('' = the one from which
    the first host is reached); PyTorch's workers meet at the first host. Raises PlanError.
    """
    places = hosts or [""]
    if workers < 1 or servers < 1:
        raise PlanError(f"--workers, --servers: expected at least 1 of each, got {workers} and {servers}")
    if workers % len(places):
        raise PlanError(f"--workers: {workers} do not divide evenly among the {len(places)} hosts")
    share = workers // len(places)
    numbers = [_address(host) for host in hosts] or ["127.0.0.1"]
    root = address or _way_to(numbers[0])
    if len(set(places)) != len(places):
        raise PlanError(f"--hosts: a host stands twice among {', '.join(places)}; --workers says how many each has")
    loopback = [host for host, number in zip(hosts, numbers) if ipaddress.ip_address(number).is_loopback]
    if loopback and len(hosts) > 1:
        raise PlanError(f"--hosts: {loopback[0]} is a loopback address here, unknown to the others; write its own one")
    passed = {key: value for key, value in os.environ.items() if key.startswith(PASSED_ON)} if hosts else {}
    common = {**passed, "PYTHONUNBUFFERED": "1"}
    port = str(_free_port(root))
    if engine == "torch":
        first = {"MASTER_ADDR": numbers[0], "MASTER_PORT": port, "WORLD_SIZE": str(workers)}
        common.update(first if hosts else {**first, "GLOO_SOCKET_IFNAME": "lo"})
        jobs = []
    else:
        common.update(DMLC_PS_ROOT_URI=root, DMLC_PS_ROOT_PORT=port, DMLC_NUM_WORKER=str(workers),
                      DMLC_NUM_SERVER=str(servers))  # fmt: skip
        jobs = _servers(common, servers, places, numbers)
    for rank in range(workers):
        place = rank // share
        own = [f"gpus={part_of(gpus, rank % share, share)}"] if gpus.strip() else []
        argv = [sys.executable, "-m", "lib.commands.train", *train, *own]
        worker = {"DMLC_ROLE": "worker", "DEEPLAB_RANK": str(rank), "DMLC_NODE_HOST": numbers[place]}
        worker = {"RANK": str(rank)} if engine == "torch" else worker
        jobs.append(Job(f"worker {rank}", places[place], argv, {**common, **worker}, share))
    return jobs


def _servers(common: dict[str, str], servers: int, places: list[str], numbers: list[str]) -> list[Job]:
    """MXNet's scheduler and servers."""
    role = [sys.executable, "-m", "lib.launch.role"]
    root = {"DMLC_ROLE": "scheduler", "DMLC_NODE_HOST": common["DMLC_PS_ROOT_URI"]}
    jobs = [Job("scheduler", "", role, {**common, **root})]
    for number in range(servers):
        place = number % len(places)
        server = {"DMLC_ROLE": "server", "DMLC_NODE_HOST": numbers[place]}
        jobs.append(Job(f"server {number}", places[place], role, {**common, **server}))
    return jobs


def part_of(gpus: str, number: int, share: int) -> str:
    """The devices of worker `number` of the `share` on its machine."""
    devices = [part.strip() for part in gpus.split(",")]
    if len(devices) % share:
        raise PlanError(f"gpus: the {len(devices)} of {gpus!r} do not divide among the {share} workers of a machine")
    each = len(devices) // share
    return ",".join(devices[number * each : (number + 1) * each])


def read_hosts(path: Path) -> list[str]:
    """One host a line; what follows a # does not count. Raises PlanError if there is none."""
    lines = [line.partition("#")[0].split() for line in read_text(path).splitlines()]
    wrong = [line for line in lines if len(line) > 1]
    if wrong:
        raise PlanError(f"{path}: expected one host a line, got {' '.join(wrong[0])!r}")
    hosts = [line[0] for line in lines if line]
    if not hosts:
        raise PlanError(f"{path}: no host in it")
    return hosts


def _address(host: str) -> str:
    """MXNet listens at numbers only."""
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise PlanError(f"--hosts: {host}: {error}") from None


def _way_to(number: str) -> str:
    """This machine's address on the way to another one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect((number, 9))
        return way.getsockname()[0]


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise PlanError(f"--address: {address} is not an address of this machine: {error}") from None
        return probe.getsockname()[1]
