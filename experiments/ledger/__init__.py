# SPDX-License-Identifier: Apache-2.0
"""The ledger: every published number of a system, the run that reproduces it, and what that run has measured."""
