# SPDX-License-Identifier: Apache-2.0
"""Networks of the Active-Convolution authors, and other Caffe classifiers, with our operators.

    python -m lib.weights.caffe MODEL.caffemodel DEPLOY.prototxt OUT_PREFIX      Symbol and .params
    python -m lib.weights.caffe.positions DEPLOY.prototxt MODEL... --out PNG     where the layers have learned to look

`read` parses the two files, `aconv` turns AConvFast's ordered taps into a grid and offsets, `layers` and `build` make
the Symbol, `evaluate` computes the same network in NumPy straight from Caffe's rules, to be compared with.
"""
