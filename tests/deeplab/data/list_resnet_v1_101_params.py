# SPDX-License-Identifier: Apache-2.0
"""Prints every parameter of DeepLab's ResNet-101, `name shape` a line, by plain arithmetic.

It knows nothing of the builder it is to check. Usage: python list_resnet_v1_101_params.py > resnet_v1_101_params.txt
"""

from __future__ import annotations


def convolution(name, filters, channels, size):
    print(f"{name}_weight {filters},{channels},{size},{size}")


def normalisation(name, channels):
    for kind in ("gamma", "beta", "moving_mean", "moving_var"):
        print(f"{name}_{kind} {channels}")


convolution("conv1", 64, 3, 7)
normalisation("bn_conv1", 64)

channels = 64
units = {
    2: ["a", "b", "c"],
    3: ["a", "b1", "b2", "b3"],
    4: ["a"] + [f"b{i}" for i in range(1, 23)],
    5: ["a", "b", "c"],
}
for stage, inner, outer in ((2, 64, 256), (3, 128, 512), (4, 256, 1024), (5, 512, 2048)):
    for unit in units[stage]:
        if unit == "a":
            convolution(f"res{stage}{unit}_branch1", outer, channels, 1)
            normalisation(f"bn{stage}{unit}_branch1", outer)
        convolution(f"res{stage}{unit}_branch2a", inner, channels, 1)
        normalisation(f"bn{stage}{unit}_branch2a", inner)
        convolution(f"res{stage}{unit}_branch2b", inner, inner, 3)
        normalisation(f"bn{stage}{unit}_branch2b", inner)
        convolution(f"res{stage}{unit}_branch2c", outer, inner, 1)
        normalisation(f"bn{stage}{unit}_branch2c", outer)
        channels = outer

print("fc6_weight 1024,2048,1,1")
print("fc6_bias 1024")
print("score_weight 19,1024,1,1")
print("score_bias 19")
print("upsampling_weight 19,1,32,32")
