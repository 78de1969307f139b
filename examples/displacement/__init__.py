# SPDX-License-Identifier: Apache-2.0
"""How far can a filter look that is made for every position? A task on which the answer can be read off."""
