# SPDX-License-Identifier: Apache-2.0
"""Streams that are not there or that nobody reads: every program tells or goes on, and writes into no other file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.run.program import program
from operators.extras import need

ROOT = Path(__file__).resolve().parents[3]
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive"}
PROGRAMS = [f"lib.commands.{name}" for name in "train test predict inspect summary check_data config".split()]
PROGRAMS += ["lib.weights.convert", "lib.weights.caffe", "lib.weights.caffe.positions", "lib.weights.onnx"]
PROGRAMS += ["lib.data.streets"]


def shell(script: str, **more) -> subprocess.CompletedProcess:
    """Bash with PY as this interpreter; the status of a pipe is that of the program, not of its reader."""
    command = ["bash", "-c", f"set -o pipefail; {script}"]
    return subprocess.run(command, cwd=ROOT, env={**ENV, "PY": sys.executable}, capture_output=True, text=True, **more)


# Every program in one process, each asked for help and given a mistake; the statuses go to a file.
ALL = """$PY - "$STATUSES" <<'END' {streams}
import importlib, sys
statuses, *names = sys.argv[1], *%r
found = []
for name in names:
    module = importlib.import_module(name if "weights" not in name or "positions" in name else name + ".__main__")
    for arguments in (["--help"], ["--no-such-option"]):
        try:
            found.append(module.main(arguments))
        except SystemExit as error:
            found.append(error.code)
open(statuses, "w").write(" ".join(map(str, found)))
END""" % [name if name != "lib.data.streets" else "lib.data.streets.__main__" for name in PROGRAMS]


@pytest.mark.parametrize("streams", ["| true", "2>&- | true", ">&-", "2>&-", ">&- 2>&-", "2>&1 | true"])
def test_help_and_a_mistake_of_every_program(streams, tmp_path):
    done = shell(ALL.replace("{streams}", streams).replace("$STATUSES", str(tmp_path / "statuses")))
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert (tmp_path / "statuses").read_text().split() == ["0", "2"] * len(PROGRAMS) and done.returncode == 0


def test_config_survives_head_and_tells_a_full_disk():
    for script in ("$PY -m lib.commands.config | head -1", "$PY -m lib.commands.config | true"):
        done = shell(script)
        assert (done.returncode, done.stderr) == (0, "")
    done = shell("$PY -m lib.commands.config > /dev/full")
    assert done.returncode == 1 and "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert done.stderr.startswith("error: ") and "No space left" in done.stderr


def test_what_is_printed_after_the_reader_left_does_not_end_the_work(tmp_path):
    """The work of a program goes on behind `| true`: what it writes is there."""
    script = f"""$PY - <<'END' | true
import time
from pathlib import Path
from lib.run.program import program, tell

@program
def main(arguments):
    for number in range(3):
        tell("x" * 70000)
        time.sleep(0.1)
    Path("{tmp_path}/done").write_text("")
    return 0

raise SystemExit(main())
END"""
    done = shell(script)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "done").exists()


def test_a_closed_stream_s_number_goes_to_no_file(tmp_path):
    """What a library writes to the number of standard error must not end up in a checkpoint."""
    script = f"""$PY - 2>&- <<'END'
import os
from lib.run.program import program

@program
def main(arguments):
    with open("{tmp_path}/file", "w") as file:
        assert file.fileno() > 2, file.fileno()
        os.write(2, b"a library's warning")
    return 0

raise SystemExit(main())
END"""
    assert shell(script).returncode == 0
    assert (tmp_path / "file").read_text() == ""


def test_streets_with_closed_streams_and_a_reader_that_left(tmp_path):
    command = f"$PY -m lib.data.streets {tmp_path}/NAME --train 2 --val 1 --size 64x96"
    for name, tail in (("a", ">&- 2>&-"), ("b", "2>&1 | true")):
        done = shell(f"{command.replace('NAME', name)} {tail}")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(list((tmp_path / name).rglob("*.png"))) == 6
    checked = shell(f"$PY -m lib.commands.check_data {tmp_path}/a | head -1")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_setting_given_twice_is_told(tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text("symbol: resnet_v1_101_deeplab\n")
    done = shell(f"$PY -m lib.commands.check_data {base} run.seed=1 run.seed=2 gpus= gpus= dataset.dataset_path=/no")
    assert "run.seed is given 2 times, '1', then '2': the last counts" in done.stderr and "gpus" not in done.stderr
    long = shell(f"$PY -m lib.commands.train {base} run.name={'x' * 300}")
    assert long.returncode == 1 and long.stderr.startswith("error: ") and "run.name: expected at most" in long.stderr


def test_a_missing_extra_is_a_sentence(capsys):
    @program
    def asks(arguments):
        need("kitti", "no_such_module")
        return 0

    @program
    def broken(arguments):
        raise ImportError("cannot import name 'a' from 'b'")  # a fault of the program keeps its trace

    assert asks([]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: no_such_module not installed: pip install 'active-convnets[kitti]'")
    assert "Traceback" not in told
    with pytest.raises(ImportError, match="cannot import name"):
        broken([])


def test_a_network_that_gives_no_numbers_is_a_sentence(capsys):
    @program
    def follows(arguments):
        raise FloatingPointError("the network's scores or boxes are not finite")

    assert follows([]) == 1
    assert capsys.readouterr().err == "error: the network's scores or boxes are not finite\n"
