# SPDX-License-Identifier: Apache-2.0
"""The one harness that tests every operator: cases, tolerances, backends, numeric gradients (operators/README.md)."""
