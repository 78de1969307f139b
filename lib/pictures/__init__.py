# SPDX-License-Identifier: Apache-2.0
"""Pictures of where a network looks: one home for everything that is drawn of offsets, losses and weights.

Each file has one subject. It first computes what will be drawn as arrays (points, arrows, counts, curves), in functions
that know no Matplotlib and that the tests check; what draws comes after and is thin.

    places      where the taps of a layer stand, in pixels of its input and of the image; through several layers
    look        what a network did with one picture: the picture, the classes, the offsets of every layer; its file
    runs        the runs in an output folder and what they left there
    taps        offset tables and taps over the regular grid, over the epochs too; offsets that are one set for all
    sampling    the points that one pixel of a picture reads
    field       offsets as arrows and colour over a picture
    histogram   offsets per tap and axis, several runs overlaid
    loss        curves of the training loss, from our log files and the original's
    weight      weights and their norms per tap, before and after training
    report      the offset tables of the report that this project reproduces
    panels      the other panels of summary.png
    page        the page of `python -m lib.commands.inspect`

Coordinates are (y, x) everywhere; y grows downwards.
"""
