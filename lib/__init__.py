# SPDX-License-Identifier: Apache-2.0
"""What every training needs; it knows no system (docs/architecture.md)."""
