# SPDX-License-Identifier: Apache-2.0
"""Flying shapes: generated pairs with exact flow and occlusions, in FlyingChairs' files. They stand in for it where it
is not at hand: patterns instead of photographs, polygons and ellipses instead of chairs."""
