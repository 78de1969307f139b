# SPDX-License-Identifier: Apache-2.0
"""What a learned input that is neither weight nor bias starts with, in Gluon's layers and in the variables of Symbols.

MXNet's initializers know the endings _weight, _bias, _gamma and _beta; a variable of any other name must say itself
what it starts with. The offset of a deformable convolution is not learned but computed, so it says nothing.
"""

from __future__ import annotations

import mxnet as mx

INITIAL = {
    ("ActiveConvolution", "offset"): mx.init.Zero(),  # an ordinary convolution
    ("Shift", "offset"): mx.init.Uniform(1),  # the channels spread over the eight neighbours
}


def initial_value(operator: str, name: str) -> str | None:
    """The initializer of an operator's input as a variable's attribute __init__ holds it; None where it has none."""
    initializer = INITIAL.get((operator, name))
    return initializer.dumps() if initializer else None
