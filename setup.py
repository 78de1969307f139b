# SPDX-License-Identifier: Apache-2.0
"""Builds the C++ operator library and the Cython front over it. Everything else stands in pyproject.toml."""

import glob
import os
import platform
import runpy
from concurrent.futures import ThreadPoolExecutor

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOMS = runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "operators", "rooms.py"))["ROOMS"]
HEADERS = glob.glob("operators/**/*.h", recursive=True)
LIBRARY = "operators.core.libactive_convnets"
FLAGS = ["-std=c++17", "-O3", "-g0", "-fopenmp-simd", "-fvisibility=hidden", "-Wall", "-Wextra"]


def sources() -> list:
    folders = ["core", *ROOMS, "for_mxnet"]
    return sorted(path for folder in folders for path in glob.glob(f"operators/{folder}/*.cc"))


def level_jobs() -> list:
    """The vectorized kernels, once per level of instruction set; the library chooses when it runs."""
    levels = ["v2", "v3", "v4"] if platform.machine() == "x86_64" else ["v2"]
    march = {level: [f"-march=x86-64-{level}"] if platform.machine() == "x86_64" else [] for level in levels}
    return [("operators/core/simd/table.cc", [f"-DACN_LEVEL={level}", *march[level]]) for level in levels]


class Build(build_ext):
    """Compiles the library's sources side by side, then the front that links to it."""

    def get_ext_filename(self, name):
        if name == LIBRARY or LIBRARY.endswith("." + name):  # loaded by path, so it carries no Python version
            return os.path.join(*name.split(".")) + ".so"
        return super().get_ext_filename(name)

    def build_extensions(self):
        library, front = self.extensions
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [(source, []) for source in library.sources] + level_jobs()
            library.extra_objects = [o for objects in pool.map(self.compile_one, *zip(*jobs)) for o in objects]
        library.sources = []
        self.build_extension(library)
        front.library_dirs = [os.path.dirname(self.get_ext_fullpath(LIBRARY))]
        self.build_extension(front)

    def compile_one(self, source, extra):
        folder = os.path.join(self.build_temp, *(flag.split("=")[-1] for flag in extra))
        return self.compiler.compile([source], output_dir=folder, extra_postargs=FLAGS + extra, depends=HEADERS)


library = Extension(
    LIBRARY,
    sources(),
    depends=HEADERS,
    language="c++",
    extra_link_args=["-pthread", "-Wl,--no-undefined"],
)
front = Extension(
    "operators.for_numpy.front",
    ["operators/for_numpy/front.pyx"],
    depends=HEADERS,
    include_dirs=["operators/core"],
    runtime_library_dirs=["$ORIGIN/../core"],
    extra_link_args=["-l:libactive_convnets.so"],
)

setup(ext_modules=[library, *cythonize([front], build_dir="build/cython")], cmdclass={"build_ext": Build})
