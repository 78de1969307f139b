# SPDX-License-Identifier: Apache-2.0
"""Siamese RPN trackers, on the PyTorch engine alone: what one target looks like is told once, then it is followed; the
features may look where they like."""
