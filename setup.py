# SPDX-License-Identifier: Apache-2.0
"""Builds the C++ operator library, the Cython front over it, lib's boxes and, where nvcc is found, the CUDA library.
Everything else stands in pyproject.toml.

ACTIVE_CONVNETS_CUDA        0: CPU only; 1: a missing nvcc is an error; otherwise: CUDA where nvcc is found
CUDA_HOME                   where nvcc is (bin/nvcc there, else the one in PATH)
ACTIVE_CONVNETS_CUDA_ARCHS  what to compile for, in nvcc's words, such as "sm_80 sm_90 compute_90" (compute: PTX, for
                            newer GPUs). Empty: QUICK_ARCHS below; "release": RELEASE_ARCHS; of either what this nvcc
                            knows, and PTX of the newest of it
"""

import glob
import os
import platform
import runpy
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

OPERATORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "operators")
ROOMS = runpy.run_path(os.path.join(OPERATORS, "rooms.py"))["ROOMS"]
ABI = runpy.run_path(os.path.join(OPERATORS, "core", "abi.py"))["abi"]()
HEADERS = glob.glob("operators/**/*.h", recursive=True)
LIBRARY = "operators.core.libactive_convnets"
CUDA_LIBRARY = "operators.core.libactive_convnets_cuda"
BOXES = "lib/boxes/core.pyx"
FRONT = "operators.for_numpy.front"
LEVELS_SOURCE = "operators/core/simd/table.cc"
QUICK_ARCHS = "sm_80 sm_90"
RELEASE_ARCHS = "sm_75 sm_80 sm_86 sm_89 sm_90 sm_100 sm_120"
CUDA_FLAGS = ["-std=c++17", "-O3", "-Xcompiler", "-fPIC,-fvisibility=hidden,-Wall"]
FLAGS = ["-std=c++17", "-O3", "-g0", "-fopenmp-simd", "-fvisibility=hidden", "-Wall", "-Wextra", f'-DACN_ABI="{ABI}"']
# Where a point falls is decided by sums and products that are rounded one by one, whatever the machine could do at once
# (CXXFLAGS=-march=native, or aarch64). The levels' loops decide nothing of the kind and may.
EXACT = ["-ffp-contract=off"]
# The Cython front keeps to what Python promises to leave as it is, so that one build serves 3.9 and all later ones.
LIMITED_API = [("Py_LIMITED_API", "0x03090000")]


def sources() -> list:
    folders = ["core/*", *ROOMS, "for_mxnet"]
    found = {path for folder in folders for path in glob.glob(f"operators/{folder}/*.cc")}
    return sorted(found - {LEVELS_SOURCE})


def level_jobs() -> list:
    """The vectorized kernels, once per level of instruction set; the library chooses when it runs."""
    levels = ["v2", "v3", "v4"] if platform.machine() == "x86_64" else ["v2"]
    march = {level: [f"-march=x86-64-{level}"] if platform.machine() == "x86_64" else [] for level in levels}
    return [(LEVELS_SOURCE, [f"-DACN_LEVEL={level}", *march[level]]) for level in levels]


def cuda_sources() -> list:
    return sorted(path for folder in ["core/cuda/*", *ROOMS] for path in glob.glob(f"operators/{folder}/*.cu"))


def find_nvcc():
    """Path of nvcc, or None for a CPU-only build."""
    wish = os.environ.get("ACTIVE_CONVNETS_CUDA", "")
    if wish not in ("", "0", "1"):
        raise SystemExit(f"ACTIVE_CONVNETS_CUDA must be 0, 1 or empty, got {wish!r}")
    if wish == "0":
        return None
    home = os.environ.get("CUDA_HOME", "")
    nvcc = (home and shutil.which(os.path.join(home, "bin", "nvcc"))) or shutil.which("nvcc")
    if nvcc is None and wish == "1":
        raise SystemExit("ACTIVE_CONVNETS_CUDA=1, but nvcc is neither in CUDA_HOME/bin nor in PATH")
    return nvcc


def cuda_architectures(nvcc) -> list:
    wanted = os.environ.get("ACTIVE_CONVNETS_CUDA_ARCHS", "")
    if wanted not in ("", "release"):
        return wanted.replace(",", " ").replace(";", " ").split()
    wanted = (RELEASE_ARCHS if wanted else QUICK_ARCHS).split()
    done = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{nvcc} --list-gpu-code failed: name what to compile for in ACTIVE_CONVNETS_CUDA_ARCHS")
    kept = [arch for arch in wanted if arch in done.stdout.split()]
    if not kept:
        raise SystemExit(f"{nvcc} knows none of {' '.join(wanted)}: set ACTIVE_CONVNETS_CUDA_ARCHS to what it knows")
    if kept != wanted:
        print(f"{nvcc} does not know {' '.join(arch for arch in wanted if arch not in kept)}: left out")
    return [*kept, kept[-1].replace("sm_", "compute_")]  # PTX of the newest, else later GPUs could not load the library


def gencode_flags(archs) -> list:
    return [f"-gencode=arch=compute_{arch.split('_')[1]},code={arch}" for arch in archs]


def is_older(target, sources) -> bool:
    return not os.path.exists(target) or os.path.getmtime(target) < max(os.path.getmtime(s) for s in sources)


def remove_stale(path, why) -> None:
    """A library of an earlier build, which this build leaves as it is, may not fit what it does make."""
    if os.path.exists(path):
        os.remove(path)
        print(f"removed {path}: {why}")


class Build(build_ext):
    """Compiles the library's sources side by side, then the front and the CUDA library that link to it."""

    def get_ext_filename(self, name):
        for library in (LIBRARY, CUDA_LIBRARY):  # loaded by path, so they carry no Python version
            if name == library or library.endswith("." + name):
                return os.path.join(*name.split(".")) + ".so"
        return super().get_ext_filename(name)

    def run(self):
        super().run()
        if CUDA_LIBRARY not in [extension.name for extension in self.extensions]:
            remove_stale(self.get_ext_fullpath(CUDA_LIBRARY), "this build is for the CPU only")
        made = self.get_ext_fullpath(FRONT)
        for other in glob.glob(os.path.join(os.path.dirname(made), "front.cpython-*.so")):
            remove_stale(other, f"Python would take it for {os.path.basename(made)}")

    def build_extensions(self):
        library, front, *others = self.extensions
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [(source, EXACT) for source in library.sources] + level_jobs()
            library.extra_objects = [o for objects in pool.map(self.compile_one, *zip(*jobs)) for o in objects]
        library.depends = [*HEADERS, *(source for source, _ in jobs)]  # it is linked anew when one of them is newer
        library.sources = []
        self.build_extension(library)
        front.library_dirs = [os.path.dirname(self.get_ext_fullpath(LIBRARY))]
        self.build_extension(front)
        for extension in others:
            if extension.name == CUDA_LIBRARY:
                self.build_cuda(find_nvcc())
            else:
                self.build_extension(extension)

    def compile_one(self, source, extra):
        folder = os.path.join(self.build_temp, *(flag.split("=")[-1] for flag in extra if flag not in EXACT))
        return self.compiler.compile([source], output_dir=folder, extra_postargs=FLAGS + extra, depends=HEADERS)

    def build_cuda(self, nvcc):
        archs = cuda_architectures(nvcc)
        print(f"building the CUDA library with {nvcc} for {' '.join(archs)}")
        folder = os.path.join(self.build_temp, "cuda", "-".join(archs))
        os.makedirs(folder, exist_ok=True)
        flags = [
            *CUDA_FLAGS,
            *gencode_flags(archs),
            f'-DACN_CUDA_ARCHITECTURES="{" ".join(archs)}"',
            f'-DACN_ABI="{ABI}"',
        ]

        def compile_one(source):
            target = os.path.join(folder, source.replace("/", "_") + ".o")
            if is_older(target, [source, *HEADERS]):
                subprocess.run([nvcc, *flags, "-c", source, "-o", target], check=True)
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, cuda_sources()))
        target = self.get_ext_fullpath(CUDA_LIBRARY)
        link = ["-shared", "-cudart=static", f"-L{os.path.dirname(target)}", "-l:libactive_convnets.so", "-ldl"]
        link += ["-Xlinker", "-rpath,$ORIGIN", "-Xlinker", "--exclude-libs,ALL", "-Xlinker", "--no-undefined"]
        subprocess.run([nvcc, *gencode_flags(archs), *objects, *link, "-o", target], check=True)


library = Extension(
    LIBRARY,
    sources(),
    depends=HEADERS,
    language="c++",
    extra_link_args=["-pthread", "-ldl", "-Wl,--no-undefined"],
)
front = Extension(
    FRONT,
    ["operators/for_numpy/front.pyx"],
    define_macros=LIMITED_API,
    py_limited_api=True,
    depends=HEADERS,
    include_dirs=["operators/core/contract"],
    runtime_library_dirs=["$ORIGIN/../core"],
    extra_link_args=["-l:libactive_convnets.so"],
)

# A wheel is built from a copy that has no lib.
boxes = Extension(
    "lib.boxes.core", [BOXES], extra_compile_args=["-O3", *EXACT], define_macros=LIMITED_API, py_limited_api=True
)
cuda = [Extension(CUDA_LIBRARY, cuda_sources(), depends=HEADERS)] if find_nvcc() else []

setup(
    ext_modules=[
        library,
        *cythonize([front, *([boxes] if os.path.exists(BOXES) else [])], build_dir="build/cython"),
        *cuda,
    ],
    cmdclass={"build_ext": Build},
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
