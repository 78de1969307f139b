# SPDX-License-Identifier: Apache-2.0
"""python -m operators doctor, on this machine and on ones that are made up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operators import doctor, gpu_driver

ROOT = Path(__file__).resolve().parents[2]


def run(root=ROOT, code="import sys; from operators.__main__ import main; sys.exit(main(['doctor']))", **environment):
    environment = {**os.environ, "CUDA_HOME": "", "PYTHONPATH": str(root), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, timeout=1200
    )


def only(check: str) -> str:
    """A program that makes one check alone, and whose status counts what is wrong."""
    code = f"import sys; from operators import doctor; found = doctor.{check}(); print(*found, sep=chr(10))"
    return f"{code}; sys.exit(sum(finding.wrong for finding in found))"


def fake_nvcc(folder: Path, script: str) -> str:
    path = folder / "nvcc"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(folder)


def test_this_installation_is_well():
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "Everything that should work does."
    for topic in ("active-convnets", "Python", "numpy", "operator library", "instructions", "threads",
                  "NumPy front (Cython)", "MXNet", "PyTorch", "nvcc", "GPU driver", "devices served"):  # fmt: skip
        assert sum(line[7:].startswith(f"{topic}: ") for line in lines) == 1, topic
    assert "PSROIPooling" in done.stdout


def test_a_library_that_is_missing_and_one_that_is_cut_short(tmp_path):
    for path in (ROOT / "operators").rglob("*.py"):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    done = run(tmp_path)
    library = tmp_path / "operators" / "core" / "libactive_convnets.so"
    assert done.returncode == 1
    assert f"WRONG  operator library: {library} is missing\n         -> build it" in done.stdout
    assert "WRONG  NumPy front (Cython): does not work" in done.stdout
    assert done.stdout.endswith(" problems\n") and "Traceback" not in done.stdout + done.stderr
    library.write_bytes(Path(doctor.LIBRARY_PATH).read_bytes()[:5000])
    done = run(tmp_path, only("check_library"))
    assert done.returncode == 1 and f"WRONG  operator library: {library} does not load: " in done.stdout


def test_instructions_that_this_machine_does_not_have():
    done = run(
        code=only("check_library"), ACTIVE_CONVNETS_ISA="v9", OMP_NUM_THREADS="3", ACTIVE_CONVNETS_NUM_THREADS=""
    )
    assert done.returncode == 1
    assert "WRONG  instructions: ACTIVE_CONVNETS_ISA must name a level of this machine" in done.stdout
    assert "threads: 3, from OMP_NUM_THREADS" in done.stdout


@pytest.fixture
def cpu_only(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "CUDA_LIBRARY_PATH", str(tmp_path / "libactive_convnets_cuda.so"))
    monkeypatch.setattr(doctor, "_driver", lambda: (0, None))
    monkeypatch.delenv("CUDA_HOME", raising=False)


def test_without_nvcc(cpu_only, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    nvcc, driver, devices = doctor.check_cuda()
    assert nvcc == doctor.Finding("nvcc", "not found in PATH or CUDA_HOME")
    assert driver.text == "not found (libcuda.so.1)"
    assert devices.text.startswith("CPU. this is a CPU-only build: no CUDA compiler was found when it was built")
    assert "install the CUDA toolkit" in devices.advice
    assert not any(finding.wrong for finding in (nvcc, driver, devices))


@pytest.mark.parametrize(("script", "said"), [
    (b"", "Exec format error"),
    (b"#!/nowhere/sh\n", "No such file or directory"),
    (b"#!/bin/sh\nexec sleep 9\n", "no answer within 0.2 s"),
    (b"#!/bin/sh\nprintf '\377' >&2; exit 3\n", "\N{REPLACEMENT CHARACTER}"),
])  # fmt: skip
def test_an_nvcc_that_cannot_be_run_is_told(monkeypatch, tmp_path, script, said):
    monkeypatch.setattr(doctor, "_SECONDS", 0.2 if b"sleep" in script else 60)
    nvcc = tmp_path / "nvcc"
    nvcc.write_bytes(script)
    nvcc.chmod(0o755)
    found = doctor._about_nvcc(str(nvcc))
    assert found.wrong and found.text == f"{nvcc} does not run: {said}"


def test_a_reader_that_leaves_and_a_full_disk(tmp_path):
    code = "import sys; from operators import doctor; from operators.__main__ import main;"
    code += "doctor.CHECKS = (doctor.check_python,) * 2; sys.exit(main(['doctor']))"
    for way, status, said in (
        ("| true", 141, ""),
        ("> /dev/full", 1, "error: standard output: No space left on device\n"),
    ):
        command = f'sleep 0.1; {sys.executable} -c "{code}" {way}; exit ${{PIPESTATUS[0]}}'
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stderr) == (status, said)


def test_with_nvcc(cpu_only, monkeypatch, tmp_path):
    folder = fake_nvcc(tmp_path, 'echo "nvcc: NVIDIA"; echo "Cuda compilation tools, release 12.8, V12.8.1"')
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    nvcc, _, devices = doctor.check_cuda()
    assert nvcc.text == f"{folder}/nvcc, Cuda compilation tools, release 12.8, V12.8.1"
    assert "CPU-only build" in devices.text and "ACTIVE_CONVNETS_CUDA=1" in devices.advice
    monkeypatch.setattr(doctor, "_driver", lambda: (13000, [("A100", (8, 0))]))
    assert "nvcc is here now: build again" in doctor.check_cuda()[-1].advice


def test_an_nvcc_that_does_not_run(cpu_only, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", fake_nvcc(tmp_path, "echo no such thing >&2; exit 3"))
    nvcc = doctor.check_cuda()[0]
    assert nvcc.wrong and nvcc.text.endswith("nvcc does not run: no such thing") and nvcc.advice


def test_a_cuda_library_that_does_not_load(cpu_only, monkeypatch):
    Path(doctor.CUDA_LIBRARY_PATH).write_text("nothing")
    library = doctor.check_cuda()[-1]
    assert library.wrong and "does not load" in library.text and "build it again" in library.advice


@pytest.mark.parametrize(
    "built, gpu, serves",
    [
        ("sm_80 sm_90", (8, 0), True),
        ("sm_80 sm_90", (8, 6), True),
        ("sm_86", (8, 0), False),
        ("sm_80", (9, 0), False),
        ("sm_80 compute_80", (9, 0), True),
        ("compute_90", (8, 9), False),
        ("sm_90a", (9, 0), True),
        ("sm_120 compute_120", (12, 0), True),
    ],
)
def test_which_gpus_an_architecture_serves(built, gpu, serves):
    assert gpu_driver.serves(built.split(), *gpu) == serves


def test_a_new_gpu_beside_mxnets_gpu_wheel(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda *names: {n: "1.9.1" for n in names if n == "mxnet-cu117"})
    (finding,) = doctor._about_mxnet_gpus([("H200", (9, 0)), ("A10", (8, 6)), ("L4", (8, 9))])
    assert "up to compute capability 8.x and no PTX: it cannot use H200" in finding.text
    assert "L4" not in finding.text
    assert "PyTorch front" in finding.advice
    assert doctor._about_mxnet_gpus([("A10", (8, 6))]) == doctor._about_mxnet_gpus(None) == []


class FakeDriver:
    def __init__(self, version, init=0):
        self.version, self.init = version, init

    def cuDriverGetVersion(self, version):
        version._obj.value = self.version
        return 0 if self.version else 1

    def cuInit(self, flags):
        return self.init

    def cuDeviceGetCount(self, count):
        count._obj.value = 1
        return 0

    def cuDeviceGetName(self, name, length, device):
        name.value = b"H200"

    def cuDeviceGetAttribute(self, value, attribute, device):
        value._obj.value = {75: 9, 76: 0}[attribute]


def test_what_the_driver_says():
    assert gpu_driver.facts(FakeDriver(12080)) == {"version": 12080, "gpus": [["H200", [9, 0]]]}
    assert gpu_driver.facts(FakeDriver(0, init=100)) == {"version": 0, "gpus": []}
    assert doctor._about_driver(12080, [("H200", (9, 0))]).text == (
        "for CUDA up to 12.8; H200 (compute capability 9.0)"
    )
    assert doctor._about_driver(0, []).text == "it does not say for which CUDA; it sees no GPU"


@pytest.mark.parametrize(
    "driver, wrong, advised", [(0, False, False), (13000, False, False), (13020, False, False), (12080, True, True)]
)
def test_a_driver_that_is_too_old(cpu_only, monkeypatch, driver, wrong, advised):
    Path(doctor.CUDA_LIBRARY_PATH).touch()
    monkeypatch.setattr(doctor, "_driver", lambda: (driver, [("H200", (9, 0))]))
    monkeypatch.setattr(doctor, "tried", lambda code: (["sm_90 compute_90", 13000], ""))
    (runtime,) = [finding for finding in doctor.check_cuda() if finding.topic == "CUDA runtime"]
    assert runtime.text.startswith("the library's is 13.0")
    assert (runtime.wrong, bool(runtime.advice)) == (wrong, advised)


def test_a_driver_of_the_same_major_version_runs_machine_code():
    finding = doctor._about_runtime(13020, 13000)
    assert not finding.wrong and "newer than the library's sm_ code" in finding.advice


def test_a_torch_that_our_operators_do_not_run_in(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda *names: {"torch": "1.0"})
    for answer, why in (((None, "ImportError: no"), "ImportError: no"), (([None, 3.0], ""), "a sum of 4 is 3.0")):
        monkeypatch.setattr(doctor, "tried", lambda code, answer=answer: answer)
        (finding,) = doctor.check_torch()
        assert finding.wrong and why in finding.text and "scripts/setup.sh torch" in finding.advice


NUMPYS = [
    ({"numpy": "1.23.5", "mxnet": "1.9.1"}, ""),
    ({"numpy": "2.4.0"}, ""),
    ({"numpy": "1.26.4", "mxnet": "1.9.1"}, "pip install 'numpy<1.24'"),
    ({"numpy": "1.22.4"}, "pip install 'numpy>=1.23'"),
    ({}, "pip install numpy"),
]


@pytest.mark.parametrize("versions, advice", NUMPYS)
def test_which_numpy_does(monkeypatch, versions, advice):
    monkeypatch.setattr(doctor, "installed", lambda *names: {n: versions[n] for n in names if n in versions})
    (finding,) = doctor.check_numpy()
    assert finding.wrong == bool(advice) and finding.advice == advice
    assert ("MXNet 1.9.1 needs numpy < 1.24" in finding.text) == (advice == "pip install 'numpy<1.24'")


def test_two_mxnet_wheels_at_once_and_no_libgomp(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda *names: {n: "1.9.1" for n in names if n != "mxnet-cu112"})
    monkeypatch.setattr(doctor, "_loads", lambda name: False)
    monkeypatch.setattr(doctor, "tried", lambda code: (None, "ended by signal 6"))
    gomp, runs, two = doctor.check_mxnet()
    assert all(finding.wrong for finding in (gomp, runs, two))
    assert "apt install libgomp1" in gomp.advice and "signal 6" in runs.text and "overwrite each other" in two.text


@pytest.mark.parametrize(
    "version, wrong, advice", [((3, 8, 1), True, "3.9 or later"), ((3, 11, 0), False, ""), ((3, 13, 0), False, "MXNet")]
)
def test_which_python_does(monkeypatch, version, wrong, advice):
    monkeypatch.setattr(sys, "version_info", version)
    (python,) = [finding for finding in doctor.check_python() if finding.topic == "Python"]
    assert python.wrong == wrong and bool(python.advice) == bool(advice) and advice in python.advice


def test_what_a_crash_leaves_behind():
    assert doctor.tried("import os; os.abort()")[1].startswith("its process was ended by signal 6")
    assert doctor.tried("raise ValueError('five')") == (None, "ValueError: five")
    assert doctor.tried("print('noise'); print('[1]')") == ([1], "")


def test_the_command_wants_a_command(capsys):
    from operators.__main__ import main

    with pytest.raises(SystemExit) as ending:
        main([])
    assert ending.value.code == 2 and "command" in capsys.readouterr().err


def test_the_command_tells_its_version(capsys):
    from operators.__main__ import main
    from operators.version import __version__

    with pytest.raises(SystemExit) as ending:
        main(["--version"])
    assert ending.value.code == 0
    assert capsys.readouterr().out == f"active-convnets {__version__}\n"
