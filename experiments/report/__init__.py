# SPDX-License-Identifier: Apache-2.0
"""The name that experiments.ledger had in earlier versions."""
