# SPDX-License-Identifier: Apache-2.0
"""A sweep trains one configuration at many settings, each trial a ./train.sh of its own, on Ray Tune.

`plan` reads a sweep's YAML file and lists its trials, `engine` runs those that are not finished on Ray Tune, `work` is
what Ray runs for one of them, `leash` ends a trial whose sweep is gone, `outcome` reads what a trial left, `board`
shows the state of all while they run, `summary` writes the table and the plot, `command` is the program.
"""
