# SPDX-License-Identifier: Apache-2.0
"""The ledger: every published number about Cityscapes, the run that reproduces it, and what that run has measured."""
