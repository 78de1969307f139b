# SPDX-License-Identifier: Apache-2.0
"""Drawn films in the VOT challenge's folders, which stand in for its sequences: a textured thing moves over a street,
often others with the same texture beside it. Of three kinds: rigid ones, where it only moves; growing ones, where it
also turns and becomes up to three times as large or as small; deforming ones, where it also bends."""
