# SPDX-License-Identifier: Apache-2.0
"""What the NVIDIA driver says of itself, through libcuda.so.1, and which code its GPUs run.

A driver may crash: doctor.py asks it in a process of its own.
"""

from __future__ import annotations

import ctypes

_CAPABILITY = (75, 76)  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR


def facts(driver) -> dict:
    """What a loaded libcuda.so.1 says.

    Returns
    -------
    {"version": the newest CUDA it serves, as 1000 * major + 10 * minor, or 0 if it does not say,
    "gpus": [[name, [major, minor]], ...], compute capabilities}
    """
    version, count, gpus = ctypes.c_int(), ctypes.c_int(), []
    if driver.cuDriverGetVersion(ctypes.byref(version)):
        version.value = 0
    if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
        for device in range(count.value):
            name, numbers = ctypes.create_string_buffer(96), [ctypes.c_int(), ctypes.c_int()]
            driver.cuDeviceGetName(name, 96, device)
            for number, attribute in zip(numbers, _CAPABILITY):
                driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
            gpus.append([name.value.decode(), [number.value for number in numbers]])
    return {"version": version.value, "gpus": gpus}


def text(version: int) -> str:
    """13020 -> '13.2'"""
    return f"{version // 1000}.{version % 1000 // 10}"


def serves(architectures: list, major: int, minor: int) -> bool:
    """Machine code (sm) serves its own major version from its minor on; PTX (compute) everything from it on."""
    for architecture in architectures:
        kind, _, digits = architecture.partition("_")
        number = int("".join(c for c in digits if c.isdigit()))  # 90, 90a, 120
        built = divmod(number, 10)
        if kind == "compute" and built <= (major, minor) or built[0] == major and built[1] <= minor:
            return True
    return False
