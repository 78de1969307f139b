# SPDX-License-Identifier: Apache-2.0
"""Trained networks as .onnx files."""
