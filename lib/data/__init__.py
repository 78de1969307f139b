# SPDX-License-Identifier: Apache-2.0
"""Pictures and labels, data sets in their published formats, and generators of stand-ins in those formats."""
