# SPDX-License-Identifier: Apache-2.0
"""Dynamic filter: every position filters its surroundings with a kernel of its own, at many samples around it."""
