# SPDX-License-Identifier: Apache-2.0
"""The launcher with small programs in place of MXNet's: whatever happens, it ends all of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import MARK, marked, wait_until

from lib.launch import __main__ as launch
from lib.launch.plan import PlanError, part_of, plan, read_hosts

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, sys
from lib.launch.plan import Job
from lib.launch.watch import watch
jobs = json.loads(sys.argv[1])
sys.exit(watch([Job(name, host, [sys.executable, "-S", "-c", code], {"X": name}, share)
                for name, host, code, share in jobs], sys.argv[2:]))
"""
FOREVER = "import time; print('here', flush=True); time.sleep(1000)"


def start(name, *jobs, hosts=(), ssh=(), share=1):
    """jobs: (name, code). hosts: of each job, if they are not here."""
    hosts = hosts or [""] * len(jobs)
    full = [(who, host, code, share * who.startswith("worker")) for (who, code), host in zip(jobs, hosts)]
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, MARK: name}
    command = [sys.executable, "-c", PROGRAM, json.dumps(full), *ssh]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def finish(process, name, status):
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, (out, err)
    assert not marked(name)
    return out, err


def test_output_is_passed_on_under_the_name_of_who_wrote_it():
    code = "import sys; print('one'); print('two', file=sys.stderr); print('half', end='')"
    out, err = finish(start("output", ("worker 0", code), ("server 0", "print(3)")), "output", 0)
    assert sorted(out.splitlines()) == ["[server 0] 3", "[worker 0] half", "[worker 0] one"]
    assert err == "[worker 0] two\n"


def test_a_reader_that_leaves_does_not_end_the_workers(tmp_path):
    code = (
        f"import time\nfor n in range(9): print(n, flush=True); time.sleep(0.05)\nopen({str(tmp_path / 'done')!r}, 'w')"
    )
    process = start("reader", ("worker 0", code))
    process.stdout.close()
    assert process.wait(60) == 0 and process.stderr.read() == "" and (tmp_path / "done").exists()


@pytest.mark.parametrize(("code", "status", "said"), [
    ("import sys; print('so it was'); sys.exit(3)", 3, "worker 1 ended with exit status 3. Its last lines:"),
    ("import os; print('so it was', flush=True); os.kill(os.getpid(), 9)", 137, "worker 1 was killed by SIGKILL."),
    ("import os; print('so it was', flush=True); os.abort()", 134, "worker 1 was killed by SIGABRT."),
])  # fmt: skip
def test_when_one_fails_all_end_and_it_is_told_which_and_how(code, status, said):
    jobs = [("scheduler", FOREVER), ("server 0", FOREVER), ("worker 0", FOREVER), ("worker 1", code)]
    _, err = finish(start("fails", *jobs), "fails", status)
    assert said in err and "launch:   so it was" in err and "ended the other 3 processes" in err


def test_a_server_that_fails_ends_the_group_too():
    _, err = finish(start("server", ("server 0", "raise SystemExit(2)"), ("worker 0", FOREVER)), "server", 2)
    assert "server 0 ended with exit status 2. It wrote nothing." in err


@pytest.mark.parametrize("given", [None, "7"])
def test_workers_of_a_machine_share_its_cores_unless_told(monkeypatch, given):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    code = "import os; print(os.environ['OMP_NUM_THREADS'])"
    out, _ = finish(start("share", ("worker 0", code), ("worker 1", code), share=2), "share", 0)
    expected = given or str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert sorted(out.splitlines()) == [f"[worker 0] {expected}", f"[worker 1] {expected}"]


def test_what_a_process_has_started_ends_with_it():
    spawns = f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {FOREVER!r}]); {FOREVER}"
    process = start("spawns", ("worker 0", spawns), ("worker 1", "import time; time.sleep(1); raise SystemExit(5)"))
    finish(process, "spawns", 5)


def test_servers_that_do_not_notice_the_end_of_all_workers_are_ended():
    finish(start("unnoticed", ("server 0", FOREVER), ("worker 0", "pass")), "unnoticed", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_asks_workers_to_end_and_waits_for_them(number):
    polite = "import signal, sys, time\ndef end(*_):\n print('finished this update', flush=True)\n sys.exit(130)\n"
    polite += f"signal.signal(signal.SIGTERM, end)\n{FOREVER}"
    process = start("asked", ("server 0", FOREVER), ("worker 0", polite), ("worker 1", polite))
    heard = [process.stdout.readline() for _ in range(3)]
    process.send_signal(number)
    out, err = finish(process, "asked", 130)
    assert len(heard) == 3 and out.count("finished this update") == 2 and "killed by" not in err


def test_second_interrupt_does_not_wait():
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}"
    process = start("deaf", ("worker 0", deaf))
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = finish(process, "deaf", 130)
    assert "interrupted twice" in err


def test_nothing_is_left_when_the_launcher_itself_is_killed():
    process = start("orphans", ("server 0", FOREVER), ("worker 0", FOREVER))
    for _ in range(2):
        process.stdout.readline()
    assert len(marked("orphans")) == 7  # the launcher, two leashes of two processes, two commands
    process.kill()
    process.communicate()
    wait_until(lambda: not marked("orphans"), 20, "processes gone")


@pytest.mark.parametrize("which", [min, max])  # its outer process, its inner one
def test_nothing_is_left_when_a_leash_is_killed(which):
    process = start("leash", ("worker 0", FOREVER), ("worker 1", FOREVER))
    for _ in range(2):
        process.stdout.readline()
    os.kill(which(pid for pid, (line, _) in marked("leash").items() if "leash.py" in line), signal.SIGKILL)
    finish(process, "leash", 137)


def test_remote_process_ends_with_the_way_to_it(tmp_path):
    """A stand-in for ssh: no environment, the command as one text for a shell."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nhost=$1; shift\nexec env -i {MARK}=remote VIA=$host PATH="$PATH" sh -c "$*"\n')
    ssh.chmod(0o755)
    tells = "import os; print(os.environ['VIA'], os.environ['X'], os.getcwd(), flush=True); import time; time.sleep(99)"
    process = start("remote", ("worker 0", tells), ("worker 1", tells), hosts=("near", "far"), ssh=(str(ssh),))
    lines = sorted(process.stdout.readline().strip() for _ in range(2))
    here = os.getcwd()
    assert lines == [f"[worker 0] near worker 0 {here}", f"[worker 1] far worker 1 {here}"]
    pid = next(pid for pid, (line, its) in marked("remote").items() if its.get("VIA") == "far" and "leash" not in line)
    os.kill(pid, signal.SIGKILL)
    _, err = finish(process, "remote", 137)
    assert "worker 1 on far was killed by SIGKILL" in err


# --- the plan


def test_plan_on_one_machine(monkeypatch):
    jobs = plan(["--cfg", "a.yaml"], "", workers=2, servers=1, hosts=[])
    assert [job.name for job in jobs] == ["scheduler", "server 0", "worker 0", "worker 1"]
    assert [job.env["DMLC_ROLE"] for job in jobs] == ["scheduler", "server", "worker", "worker"]
    assert {job.env["DMLC_PS_ROOT_URI"] for job in jobs} == {"127.0.0.1"} and not any(job.host for job in jobs)
    assert len({job.env["DMLC_PS_ROOT_PORT"] for job in jobs}) == 1
    assert [job.env.get("DEEPLAB_RANK") for job in jobs] == [None, None, "0", "1"]
    assert jobs[3].argv[1:] == ["-m", "lib.commands.train", "--cfg", "a.yaml"] and jobs[3].share == 2


def test_plan_on_two_machines_divides_workers_and_their_devices():
    hosts = ["192.0.2.5", "192.0.2.7"]
    jobs = plan([], "0, 1", workers=4, servers=2, hosts=hosts, address="127.0.0.1")
    assert [(job.host, job.argv[-1]) for job in jobs[3:]] == [
        *[("192.0.2.5", "gpus=0"), ("192.0.2.5", "gpus=1")],
        *[("192.0.2.7", "gpus=0"), ("192.0.2.7", "gpus=1")],
    ]
    assert [job.env["DMLC_NODE_HOST"] for job in jobs[1:3]] == hosts and jobs[0].host == ""


@pytest.mark.parametrize(("change", "said"), [
    ({"workers": 0}, "--workers, --servers: expected at least 1"),
    ({"hosts": ["192.0.2.5", "192.0.2.7"], "workers": 3}, "3 do not divide evenly among the 2 hosts"),
    ({"hosts": ["192.0.2.5", "192.0.2.5"]}, "a host stands twice"),
    ({"hosts": ["192.0.2.5", "127.0.0.1"]}, "127.0.0.1 is a loopback address"),
    ({"hosts": ["no such host"], "workers": 1}, "--hosts: no such host: "),
    ({"address": "192.0.2.99"}, "192.0.2.99 is not an address of this machine"),
    ({"gpus": "0,1,2"}, "the 3 of '0,1,2' do not divide among the 2 workers"),
])  # fmt: skip
def test_plan_that_does_not_work_is_refused(change, said):
    asked = {"gpus": "", "workers": 2, "servers": 1, "hosts": [], "address": "127.0.0.1", **change}
    with pytest.raises(PlanError) as error:
        plan([], **asked)
    assert said in str(error.value)


def test_devices_of_a_worker():
    assert [part_of("0,1,2,3", number, 2) for number in (0, 1)] == ["0,1", "2,3"]


def test_hosts_file(tmp_path):
    path = tmp_path / "hosts"
    path.write_text("# two\nnode1\n\nnode2  # the slow one\n")
    assert read_hosts(path) == ["node1", "node2"]
    path.write_text("node1 slots=4\n")
    with pytest.raises(PlanError, match="one host a line, got 'node1 slots=4'"):
        read_hosts(path)
    path.write_text("\n")
    with pytest.raises(PlanError, match="no host in it"):
        read_hosts(path)


def test_mistake_in_the_configuration_is_told_before_anything_starts(tmp_path):
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])
    (tmp_path / "a.yaml").write_text("{symbol: resnet_v1_101_deeplab, TRAIN: {lrr: 1}}")
    command = [sys.executable, "-m", "lib.launch", "--cfg", "a.yaml", "--workers", "2"]
    run = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.startswith("error: a.yaml: unknown key TRAIN.lrr")


def test_what_several_workers_cannot_do_is_told_before_anything_starts(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launch, "watch", lambda *_: pytest.fail("processes were started"))
    (tmp_path / "a.yaml").write_text("{symbol: resnet_v1_101_deeplab, run: {on_explosion: rollback}}")
    assert launch.main(["--cfg", str(tmp_path / "a.yaml"), "--workers", "2"]) == 1
    assert "run.on_explosion: several workers cannot go back together" in capsys.readouterr().err
