# SPDX-License-Identifier: Apache-2.0
"""Examines this installation for `python -m operators doctor`.

A check returns Findings. Whatever may crash, hang or be missing is tried in a process of its own, so that the report is
always whole.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass

from operators import gpu_driver
from operators.library import CUDA_LIBRARY_PATH, LIBRARY_PATH
from operators.version import __version__

MXNET_WHEELS = ("mxnet", "mxnet-cu112", "mxnet-cu117")
MXNET_NEWEST_GPUS = 8  # major compute capability: sm_86 machine code runs on 8.7 and 8.9 as well
REBUILD = "in a checkout: pip install -e . (or python setup.py build_ext --inplace)"
TORCH = "pip install 'active-convnets[torch]' (in a checkout scripts/setup.sh torch)"
OLDEST_NUMPY, MXNET_NUMPY = (1, 23), (1, 24)
_SECONDS = 300  # a busy machine takes its time to import a framework


@dataclass(frozen=True)
class Finding:
    """One line of the report. wrong : something that should work does not. advice : what to do, if anything."""

    topic: str
    text: str
    wrong: bool = False
    advice: str = ""

    def __str__(self) -> str:
        mark = "WRONG" if self.wrong else "ok   " if not self.advice else "note "
        return f"{mark}  {self.topic}: {self.text}" + (f"\n         -> {self.advice}" if self.advice else "")


def tried(code: str) -> tuple:
    """(what the code printed as JSON, "") or (None, why it did not work), from a Python process of its own."""
    try:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return None, f"no answer within {_SECONDS} s"
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1]), ""
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return None, last if done.returncode > 0 else f"its process was ended by signal {-done.returncode}: {last}"


def installed(*names: str) -> dict:
    """Name -> version of those distributions that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def check_python() -> list:
    version, now = platform.python_version(), sys.version_info[:2]
    advice = "" if now < (3, 12) else "for MXNet 1.9.1 use Python 3.9, 3.10 or 3.11: it runs on no later one"
    advice = advice if now >= (3, 9) else "use Python 3.9 or later"
    machine = platform.machine()
    return [
        Finding("active-convnets", __version__),
        Finding("Python", f"{version}, {sys.executable}", now < (3, 9), advice),
        Finding(
            "machine",
            f"{platform.system()} {machine}",
            advice="" if machine == "x86_64" else "only x86-64 is tested; there are no vectorized kernels here",
        ),
    ]


def check_numpy() -> list:
    version = installed("numpy").get("numpy")
    if version is None:
        return [Finding("numpy", "not installed", True, "pip install numpy")]
    if _numbers(version) < OLDEST_NUMPY:
        return [Finding("numpy", f"{version}; 1.23 or later is needed", True, "pip install 'numpy>=1.23'")]
    if _numbers(version) >= MXNET_NUMPY and installed(*MXNET_WHEELS):
        text = f"{version}; MXNet 1.9.1 needs numpy < 1.24 (it uses np.bool)"
        return [Finding("numpy", text, True, "pip install 'numpy<1.24'")]
    return [Finding("numpy", version)]


def check_library() -> list:
    if not os.path.exists(LIBRARY_PATH):
        return [Finding("operator library", f"{LIBRARY_PATH} is missing", True, f"build it, {REBUILD}")]
    facts, why = tried(
        "import ctypes, json; from operators import library as l; lib, level = l.library(), ctypes.c_int();"
        "error = lib.acn_instruction_set(ctypes.byref(level)) and lib.acn_last_error().decode();"
        "print(json.dumps([sorted(l.descriptions()), level.value, l.num_threads(), error]))"
    )
    if facts is None:
        return [Finding("operator library", f"{LIBRARY_PATH} does not load: {why}", True, f"build it again, {REBUILD}")]
    operators, level, threads, error = facts
    found = [Finding("operator library", f"{LIBRARY_PATH}: {', '.join(operators)}")]
    if error:
        found.append(Finding("instructions", error, True, "unset ACTIVE_CONVNETS_ISA"))
    else:
        found.append(Finding("instructions", f"x86-64-v{level}" if platform.machine() == "x86_64" else "portable"))
    said = next((n for n in ("ACTIVE_CONVNETS_NUM_THREADS", "OMP_NUM_THREADS") if os.environ.get(n)), "")
    return [*found, Finding("threads", f"{threads}, from {said or 'the cores this process may use'}")]


def check_numpy_front() -> list:
    builder = installed("cython").get("cython")
    builder = f"; Cython {builder} is here to build it" if builder else ""
    facts, why = tried(
        "import json, numpy; from operators.for_numpy import Operator, front;"
        "o = Operator('Shift'); a = numpy.ones((1, 1, 2, 2)); o.backward(o.forward(a, a[0, 0, :1]), a, a[0, 0, :1]);"
        "print(json.dumps(front.__file__))"
    )
    if facts is None:
        return [Finding("NumPy front (Cython)", f"does not work: {why}{builder}", True, f"build it, {REBUILD}")]
    return [Finding("NumPy front (Cython)", f"{facts}{builder}")]


def check_mxnet() -> list:
    wheels = installed(*MXNET_WHEELS)
    if not wheels:
        return [Finding("MXNet", "not installed", advice="pip install 'active-convnets[mxnet]' if you want that front")]
    found = []
    if not _loads("libgomp.so.1"):
        found.append(
            Finding("libgomp", "libgomp.so.1 is missing, MXNet needs it", True, "Debian: apt install libgomp1")
        )
    name, version = next(iter(wheels.items()))
    facts, why = tried(
        "import json; from operators.for_mxnet import nd; import mxnet as mx;"
        "x = mx.nd.ones((1, 1, 2, 2)); y = nd.Shift(x, mx.nd.zeros((1, 2))).asnumpy();"
        "print(json.dumps([mx.__version__, float(y.sum())]))"
    )
    if facts is None or facts[1] != 4:
        advice = "MXNet 1.9.1 needs numpy < 1.24, Python 3.9 to 3.11 and libgomp1"
        found.append(Finding("MXNet", f"{name} {version}: our operators do not run in it: {why}", True, advice))
    else:
        found.append(Finding("MXNet", f"{name} {version}: our operators run in it, on the CPU"))
    if len(wheels) > 1:
        both = " and ".join(wheels)
        found.append(
            Finding("MXNet", f"{both} overwrite each other", True, f"pip uninstall {' '.join(wheels)}, install one")
        )
    return found


def check_torch() -> list:
    version = installed("torch").get("torch")
    if version is None:
        return [Finding("PyTorch", "not installed", advice=f"{TORCH}, if you want that front")]
    facts, why = tried(
        "import json, torch; from operators.for_torch import shift2d;"
        "y = shift2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 2));"
        "print(json.dumps([torch.version.cuda, float(y.sum())]))"
    )
    if facts is None or facts[1] != 4:
        text = f"torch {version}: our operators do not run in it: {why or f'a sum of 4 is {facts[1]}'}"
        return [Finding("PyTorch", text, True, f"{TORCH}; which versions are tested says docs/pytorch.md")]
    built = f"built for CUDA {facts[0]}" if facts[0] else "a CPU build"
    return [Finding("PyTorch", f"torch {version}, {built}: our operators run in it, on the CPU")]


def check_cuda() -> list:
    """Compiler, driver, GPUs, and whether the CUDA library fits them."""
    nvcc, (version, gpus) = _nvcc(), _driver()
    found = [_about_nvcc(nvcc), _about_driver(version, gpus)]
    if os.path.exists(CUDA_LIBRARY_PATH):
        return [*found, *_about_cuda_library(version, gpus), *_about_mxnet_gpus(gpus)]
    why = "this is a CPU-only build: no CUDA compiler was found when it was built (or ACTIVE_CONVNETS_CUDA=0)"
    if gpus and nvcc:
        advice = f"nvcc is here now: build again, {REBUILD}"
    elif gpus:
        advice = f"install the CUDA toolkit (nvcc, for its version see the driver), then build again, {REBUILD}"
    elif nvcc:
        advice = f"to build for another machine's GPU: {REBUILD}; ACTIVE_CONVNETS_CUDA=1 insists on nvcc"
    else:
        advice = f"to serve NVIDIA GPUs, install the CUDA toolkit (nvcc), then build again, {REBUILD}"
    return [*found, Finding("devices served", f"CPU. {why}", advice=advice)]


def _about_nvcc(nvcc: str) -> Finding:
    if not nvcc:
        return Finding("nvcc", "not found in PATH or CUDA_HOME")
    why = ""
    try:
        done = subprocess.run([nvcc, "--version"], capture_output=True, text=True, errors="replace", timeout=_SECONDS)
        release = next((line for line in done.stdout.splitlines() if "release" in line), "")
        if done.returncode:
            why = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    except OSError as error:
        why = error.strerror or str(error)
    except subprocess.TimeoutExpired:
        why = f"no answer within {_SECONDS} s"
    if why:
        return Finding("nvcc", f"{nvcc} does not run: {why}", True, "repair the CUDA toolkit or take it out of PATH")
    return Finding("nvcc", f"{nvcc}, {release.strip()}")


def _about_driver(version: int, gpus) -> Finding:
    if gpus is None:
        return Finding("GPU driver", "not found (libcuda.so.1)")
    names = [f"{name} (compute capability {major}.{minor})" for name, (major, minor) in gpus]
    serves = f"for CUDA up to {gpu_driver.text(version)}" if version else "it does not say for which CUDA"
    return Finding("GPU driver", f"{serves}; " + (", ".join(names) if names else "it sees no GPU"))


def _about_cuda_library(version: int, gpus) -> list:
    code = (
        f"import ctypes, json; ctypes.CDLL({LIBRARY_PATH!r}); lib = ctypes.CDLL({CUDA_LIBRARY_PATH!r});"
        f"from operators.library import check_abi; check_abi(lib, {CUDA_LIBRARY_PATH!r});"
        "lib.acn_cuda_architectures.restype = ctypes.c_char_p;"
        "print(json.dumps([lib.acn_cuda_architectures().decode(), lib.acn_cuda_runtime_version()]))"
    )
    facts, why = tried(code)
    if facts is None:
        return [
            Finding("CUDA library", f"{CUDA_LIBRARY_PATH} does not load: {why}", True, f"build it again, {REBUILD}")
        ]
    architectures, runtime = facts
    found = [
        Finding("CUDA library", f"{CUDA_LIBRARY_PATH}, for {architectures}"),
        _about_runtime(runtime, version),
    ]
    unserved = [f"{name} ({major}.{minor})" for name, (major, minor) in gpus or ()
                if not gpu_driver.serves(architectures.split(), major, minor)]  # fmt: skip
    if unserved:
        advice = f"build with ACTIVE_CONVNETS_CUDA_ARCHS naming it, {REBUILD}"
        found.append(Finding("CUDA library", f"holds no code for {', '.join(unserved)}", True, advice))
    served = "CPU and CUDA" if gpus else "CPU; CUDA where there is a GPU"
    return [*found, Finding("devices served", served)]


def _about_runtime(runtime: int, driver: int) -> Finding:
    text = f"the library's is {gpu_driver.text(runtime)}"
    if not driver or driver >= runtime:
        return Finding("CUDA runtime", text)
    text = f"{text}, the driver serves up to {gpu_driver.text(driver)}"
    if driver // 1000 == runtime // 1000:  # NVIDIA's minor version compatibility: machine code runs, PTX does not
        return Finding("CUDA runtime", text, advice="update the driver if a GPU is newer than the library's sm_ code")
    advice = f"update the driver, or build with CUDA {driver // 1000} (11: scripts/build_cuda11.sh)"
    return Finding("CUDA runtime", f"{text}: nothing will run", True, advice)


def _about_mxnet_gpus(gpus) -> list:
    wheels = [name for name in installed(*MXNET_WHEELS) if name != "mxnet"]
    newer = [name for name, capability in gpus or () if capability[0] > MXNET_NEWEST_GPUS]
    if not (wheels and newer):
        return []
    text = f"{wheels[0]} holds GPU code up to compute capability 8.x and no PTX: it cannot use {', '.join(newer)}"
    return [Finding("MXNet on this GPU", text, advice="use the PyTorch front there, and MXNet on the CPU")]


def _nvcc() -> str:
    home = os.environ.get("CUDA_HOME", "")
    return (home and shutil.which(os.path.join(home, "bin", "nvcc"))) or shutil.which("nvcc") or ""


def _driver() -> tuple:
    """(the CUDA version the driver serves or 0, [(name, (major, minor))] of its GPUs); (0, None) without a driver."""
    if not _loads("libcuda.so.1"):
        return 0, None
    code = "import ctypes, json; from operators import gpu_driver as g;"
    facts, why = tried(f"{code} print(json.dumps(g.facts(ctypes.CDLL('libcuda.so.1'))))")
    if facts is None:
        return 0, []
    return facts["version"], [(name, tuple(capability)) for name, capability in facts["gpus"]]


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _numbers(version: str) -> tuple:
    return tuple(int(part) for part in version.split(".")[:2])


CHECKS = (check_python, check_numpy, check_library, check_numpy_front, check_mxnet, check_torch, check_cuda)


def report(out) -> int:
    """Writes a line per finding; 1 if one is wrong."""
    wrong = 0
    for check in CHECKS:
        for finding in check():
            wrong += finding.wrong
            print(finding, file=out, flush=True)
    print(f"{wrong} problem{'' if wrong == 1 else 's'}" if wrong else "Everything that should work does.", file=out)
    return 1 if wrong else 0
