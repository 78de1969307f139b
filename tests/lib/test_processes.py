# SPDX-License-Identifier: Apache-2.0
"""Commands on a leash: whatever ends their holder or the leash itself, nothing that they have started is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from lib.run.processes import PIPE, Command, Crew, Leashed, Work

ROOT = Path(__file__).parents[2]
MARK = "LEASH_TEST"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
POLITE = "import signal, sys, time\ndef end(*_):\n print('asked', flush=True)\n time.sleep(0.3)\n sys.exit(3)\n"
POLITE += "signal.signal(signal.SIGTERM, end); print('here', flush=True); time.sleep(600)"
# A child in the command's group, and a grandchild that has left it: a daemon.
FAMILY = "import os, time\nif not os.fork():\n if not os.fork():\n  os.setsid()\n  print('here', flush=True)\n"
FAMILY += " time.sleep(600)\n"
HOLDER = """
import sys, time
from lib.run.processes import Command, Leashed
kept = Leashed(Command([sys.executable, "-S", "-c", sys.argv[1]], grace=float(sys.argv[2])))
time.sleep(600)
"""


def python(code: str, **more) -> Command:
    return Command([sys.executable, "-S", "-c", code], **more)


def marked(name: str) -> dict[int, str]:
    """{process: command line} of those whose environment has LEASH_TEST=name."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words, line = (path / "environ").read_bytes().split(b"\0"), (path / "cmdline").read_text()
        except (OSError, ProcessLookupError):
            continue  # it has just ended, or is another user's
        if f"{MARK}={name}".encode() in words and line:  # one that waits for its parent has no command line
            found[int(path.name)] = line.replace("\0", " ")
    return found


def wait_until(condition, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still not: {what}"
        time.sleep(0.02)


def heard(leashed) -> str:
    return leashed.stdout.readline().decode().strip()


@pytest.mark.parametrize(("code", "status", "words"), [
    ("pass", 0, "ended with exit status 0"),
    ("raise SystemExit(7)", 7, "ended with exit status 7"),
    ("import os; os.kill(os.getpid(), 9)", 137, "was killed by SIGKILL"),
])  # fmt: skip
def test_status_is_that_of_the_command(code, status, words):
    with Leashed(python(code)) as one:
        assert one.wait(30) == status and one.ending == words


def test_command_that_cannot_start_is_told(tmp_path):
    with Leashed(Command([str(tmp_path / "nothing")]), stderr=PIPE) as one:
        assert one.wait(30) == 127
        assert one.stderr.read().decode() == f"cannot start {tmp_path}/nothing: No such file or directory\n"


def test_folder_environment_and_input_are_the_commands_own(tmp_path):
    ours, its = os.pipe()[::-1]
    code = "import os, sys; print(os.getcwd(), os.environ['A'], os.environ['OMP_WAIT_POLICY'], sys.stdin.readline())"
    env = {"A": "x y", "OMP_WAIT_POLICY": "active"}
    one = Leashed(python(code, cwd=str(tmp_path), env=env), stdin=its, stdout=PIPE)
    os.close(its)
    os.write(ours, b"typed\n")
    assert heard(one) == f"{tmp_path} x y active typed" and one.wait(30) == 0
    one.close()
    os.close(ours)


@pytest.mark.parametrize(("share", "policy"), [(0, "None"), (1, "None"), (2, "passive")])
def test_commands_that_share_the_cores_divide_them_and_sleep_while_they_wait(monkeypatch, share, policy):
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    code = "import os; print(os.environ.get('OMP_NUM_THREADS'), os.environ.get('OMP_WAIT_POLICY'))"
    with Leashed(python(code, share=share), stdout=PIPE) as one:
        cores = len(os.sched_getaffinity(0))
        assert heard(one) == f"{max(1, cores // share) if share else None} {policy}"


def test_asked_it_ends_in_its_own_time():
    with Leashed(python(POLITE), stdout=PIPE) as one:
        assert heard(one) == "here"
        one.ask()
        assert heard(one) == "asked" and one.status is None and one.wait(30) == 3


@pytest.mark.parametrize(("grace", "said"), [(0.0, ""), (30.0, "asked")])
def test_let_go_of_it_is_asked_if_it_has_a_grace(grace, said):
    one = Leashed(python(POLITE, grace=grace), stdout=PIPE)
    assert heard(one) == "here"
    one.let_go()
    assert heard(one) == said and one.wait(30) == (3 if grace else 137)
    one.close()


def test_who_does_not_listen_is_killed_after_the_grace():
    one = Leashed(python(DEAF, grace=0.5), stdout=PIPE)
    assert heard(one) == "here"
    one.let_go()
    assert one.wait(0.2) is None and one.wait(30) == 137
    one.close()


def test_what_it_has_started_goes_with_it_even_a_daemon():
    with Leashed(python(FAMILY + "time.sleep(0.3)", env={MARK: "family"}), stdout=PIPE) as one:
        assert heard(one) == "here"
        wait_until(lambda: len(marked("family")) >= 3, "a command, its child and a daemon")
        assert one.wait(30) == 0 and not marked("family")


@pytest.mark.parametrize("code", [FAMILY + "time.sleep(600)", DEAF])
@pytest.mark.parametrize("victims", [["holder"], ["holder", "outer"], ["outer"], ["inner"], ["holder", "inner"]])
def test_nothing_is_left_whoever_is_killed(code, victims, monkeypatch):
    name = "killed " + " ".join(victims)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), MARK: name}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, code, "0.2"], env=environment, stdout=PIPE, text=True)
    assert holder.stdout.readline() == "here\n"
    outer, inner = sorted(pid for pid, line in marked(name).items() if "leash.py" in line)
    for victim in victims:
        os.kill({"holder": holder.pid, "outer": outer, "inner": inner}[victim], signal.SIGKILL)
    if "holder" not in victims:
        wait_until(lambda: "outer" in victims or not Path(f"/proc/{inner}").exists(), "the inner process gone")
        holder.kill()
    wait_until(lambda: not marked(name), "all gone")
    holder.communicate()


def test_second_command_waits_for_the_lock_and_for_nothing_once_it_is_let_go(tmp_path):
    lock = str(tmp_path / "lock")
    with Leashed(python(POLITE, lock=lock), stdout=PIPE) as first:
        assert heard(first) == "here"
        second, third = (Leashed(python("print('mine')", lock=lock), stdout=PIPE) for _ in range(2))
        assert second.wait(0.5) is None
        third.close()
        assert third.status == 143
        first.ask()
        assert heard(second) == "mine" and first.wait(30) == 3 and second.wait(30) == 0
        second.close()


# --- crews


def test_crew_does_so_many_at_a_time_one_command_after_the_other(tmp_path):
    def work(name: str, *codes: str) -> Work:
        return Work(name, lambda place: [python(code, env={"PLACE": str(place)}) for code in codes], tmp_path / name)

    busy = "import os, time; print(os.environ['PLACE'], time.time()); time.sleep(0.5); print(time.time())"
    looks, said = [], []
    crew = Crew(2, look=lambda: looks.append(1), said=said.append)
    failed = crew.do(
        [*(work(f"busy{n}", busy) for n in range(4)), work("bad", "raise SystemExit('no')", "print('never')")]
    )
    assert len(failed) == 1 and failed[0].startswith("bad: ") and failed[0].endswith(f"status 1, see {tmp_path}/bad")
    assert (tmp_path / "bad").read_text() == "no\n"
    assert sorted(said[:4]) == [f"busy{n}: done" for n in range(4)] and len(looks) > 4
    spans = [(tmp_path / f"busy{n}").read_text().split() for n in range(4)]
    assert sorted(place for place, *_ in spans) == ["0", "0", "1", "1"]
    for place in "01":
        (_, _, end), (_, begin, _) = [span for span in spans if span[0] == place]
        assert float(begin) > float(end)
    assert work("two", "print(1)", "print(2)") and Crew(1).do([work("two", "print(1)", "print(2)")]) == []
    assert (tmp_path / "two").read_text() == "1\n2\n"


CREW = """
import sys
from pathlib import Path
from lib.run.processes import Command, Crew, Work
code, folder = sys.argv[1], Path(sys.argv[2])
def commands(place): return [Command([sys.executable, "-S", "-c", code], grace=5)]
works = [Work(str(number), commands, folder / str(number)) for number in range(5)]
try:
    Crew(2).do(works)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_crew_asks_its_commands_to_end_and_starts_no_more(number, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), MARK: f"crew {number}"}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background job would not hear Ctrl-C
    crew = subprocess.Popen([sys.executable, "-c", CREW, POLITE, str(tmp_path)], env=environment, preexec_fn=heard)
    logs = [tmp_path / "0", tmp_path / "1"]
    wait_until(lambda: all(log.exists() and log.read_text() for log in logs), "two running")
    crew.send_signal(number)
    assert crew.wait(30) == (130 if number != signal.SIGKILL else -9)
    wait_until(lambda: not marked(f"crew {number}"), "all gone", 10 if number == signal.SIGKILL else 0)
    assert [log.read_text() for log in logs] == ["here\nasked\n"] * 2 and not (tmp_path / "2").exists()
