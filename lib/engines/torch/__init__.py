# SPDX-License-Identifier: Apache-2.0
"""The engine that runs the same networks with PyTorch."""
