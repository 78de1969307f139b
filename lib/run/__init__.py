# SPDX-License-Identifier: Apache-2.0
"""The parts of training that do not depend on the network's layout: one idea per file."""
