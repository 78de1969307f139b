# SPDX-License-Identifier: Apache-2.0
"""ImageNet networks of other frameworks as the pretrained .params that `network.pretrained` wants.

    python -m lib.weights.convert resnet50-0676ba61.pth model/resnet50

`torch_file` reads .pth files without executing anything in them, `sources` every format, `names` brings Gluon's names
to torchvision's, `resnet` those to ours, `settings` says what the configuration must hold for the numbers to be right.
"""
