# SPDX-License-Identifier: Apache-2.0
"""Runs trials on Ray Tune: on this machine, or on a Ray cluster that is there.

Ray places the trials where CPUs and GPUs are free. What is finished and what goes on from where is not Ray's to
remember: the trials' own files say it, which survive any end of the sweep.
"""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import asdict
from pathlib import Path

# Before Ray is imported: no message to its makers, no result files of its own, time to start on a busy machine.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AIR_NEW_OUTPUT="0",
    RAY_raylet_start_wait_time_s="180",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    TUNE_PRINT_ALL_TRIAL_ERRORS="0",
)

import ray  # noqa: E402
from ray import tune  # noqa: E402

from experiments.sweeping.plan import Sweep, Trial  # noqa: E402
from experiments.sweeping.work import run_trial  # noqa: E402
from lib.system import ROOT  # noqa: E402

OBJECT_STORE = 80 << 20  # bytes; trials hand over a few numbers only


def run(sweep: Sweep, trials: list[Trial], board, address: str = "") -> None:
    """Runs `trials`, as many at a time as there is room for; a failed one does not stop the others.

    board: told `started(name)`, `progress(name, numbers)`, `finished(name, numbers)` and `failed(name, text)`.
    address: of a Ray cluster whose machines see this project's folder under the same path; '' starts Ray here.
    Raises RuntimeError if no machine has the resources that one trial asks for.
    """
    here = {"include_dashboard": False, "object_store_memory": OBJECT_STORE, "num_cpus": len(os.sched_getaffinity(0))}
    where = {"address": address} if address else {"address": "local", **here}  # else Ray would join any that it finds
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    ray.init(**where, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": {"PYTHONPATH": paths}})
    logging.getLogger("ray").setLevel(logging.CRITICAL)  # the board tells what fails, once
    scratch = sweep.folder / ".ray"
    try:
        _check_room(sweep)
        shutil.rmtree(scratch, ignore_errors=True)
        tune.Tuner(
            tune.with_resources(_work, {"cpu": sweep.cpus, "gpu": sweep.gpus}),
            param_space={"trial": tune.grid_search([asdict(trial) for trial in trials])},
            run_config=tune.RunConfig(
                name="tune", storage_path=str(scratch), verbose=0, callbacks=[_Teller(board)],
                failure_config=tune.FailureConfig(max_failures=sweep.retries),
            ),
            tune_config=tune.TuneConfig(reuse_actors=True, trial_dirname_creator=lambda trial: trial.trial_id),
        ).fit()  # fmt: skip
    finally:
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


def _work(config: dict) -> None:
    """In a Ray worker. Ray has set OMP_NUM_THREADS to the trial's CPUs and CUDA_VISIBLE_DEVICES to its GPUs."""
    tune.report({"numbers": run_trial(Trial(**config["trial"]), lambda now: tune.report({"progress": now}))})


class _Teller(tune.Callback):
    """Passes on what Ray Tune says of its trials, by the sweep's names."""

    def __init__(self, board):
        self._board = board

    def __getstate__(self):  # Tune pickles its callbacks, to restore a run that this program never restores
        return {}

    def on_trial_start(self, iteration, trials, trial, **_):
        self._board.started(_name(trial))

    def on_trial_result(self, iteration, trials, trial, result, **_):
        if "numbers" in result:
            self._board.finished(_name(trial), result["numbers"])
        elif "progress" in result:
            self._board.progress(_name(trial), result["progress"])

    def on_trial_error(self, iteration, trials, trial, **_):
        path = Path(trial.error_file or "")
        text = path.read_text(encoding="utf-8") if path.is_file() else "no reason known"
        self._board.failed(_name(trial), text[max(0, text.rfind("RuntimeError: ")) :])  # without Ray's frames


def _name(trial) -> str:
    return trial.config["trial"]["name"]


def _check_room(sweep: Sweep) -> None:
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(one.get("CPU", 0) >= sweep.cpus and one.get("GPU", 0) >= sweep.gpus for one in machines):
        have = "; ".join(f"{one.get('CPU', 0):g} CPUs, {one.get('GPU', 0):g} GPUs" for one in machines)
        raise RuntimeError(
            f"resources: a trial asks for {sweep.cpus} CPUs and {sweep.gpus} GPUs; the machines have {have}"
        )
