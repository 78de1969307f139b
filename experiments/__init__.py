# SPDX-License-Identifier: Apache-2.0
"""Experiments: configurations, and programs that know configurations, ./train.sh and the files it leaves, no more."""
