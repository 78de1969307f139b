# SPDX-License-Identifier: Apache-2.0
"""Programs that start training runs and read what they leave. They know YAML and the commands, not the networks."""
