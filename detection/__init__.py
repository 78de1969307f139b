# SPDX-License-Identifier: Apache-2.0
"""Detection on PASCAL VOC, COCO or generated streets: class-aware RPN, R-FCN and Faster R-CNN, whose
convolutions and poolings learn where to look."""
