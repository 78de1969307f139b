# SPDX-License-Identifier: Apache-2.0
"""Convolution and pooling operators that learn where to look.

Front ends are imported by name: ``operators.for_mxnet``, ``operators.for_numpy``, ``operators.for_torch``.
"""

from operators.library import instruction_set, num_threads, set_num_threads, set_workspace_bytes, workspace_bytes
from operators.version import __version__

__all__ = ["__version__", "instruction_set", "num_threads", "set_num_threads", "set_workspace_bytes", "workspace_bytes"]
