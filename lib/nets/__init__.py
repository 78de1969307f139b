# SPDX-License-Identifier: Apache-2.0
"""Builders of networks as MXNet Symbol graphs."""
