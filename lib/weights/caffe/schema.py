# SPDX-License-Identifier: Apache-2.0
"""The part of Caffe's message definitions that a network of the supported layers uses, as protobuf classes.

Names and numbers are those of BVLC/caffe, src/caffe/proto/caffe.proto, and, for AConvParameter, of
jyh2986/Active-Convolution. The classes are made when this module is imported, in a pool of their own: no protoc, and
no clash with a Caffe that is installed as well.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# One field a line: number, name, type ('*' repeated, '**' repeated and packed), default.
_MESSAGES = {
    "BlobShape": "1 dim int64**",
    "BlobProto": """1 num int32 0, 2 channels int32 0, 3 height int32 0, 4 width int32 0, 5 data float**,
        6 diff float**, 7 shape BlobShape, 8 double_data double**, 9 double_diff double**""",
    "FillerParameter": """1 type string constant, 2 value float 0, 3 min float 0, 4 max float 1, 5 mean float 0,
        6 std float 1, 7 sparse int32 -1, 8 variance_norm VarianceNorm""",
    "NetState": "1 phase Phase TEST, 2 level int32 0, 3 stage string*",
    "NetStateRule": "1 phase Phase, 2 min_level int32, 3 max_level int32, 4 stage string*, 5 not_stage string*",
    "ParamSpec": "1 name string, 2 share_mode ShareMode, 3 lr_mult float 1, 4 decay_mult float 1",
    "NetParameter": """1 name string, 3 input string*, 4 input_dim int32*, 5 force_backward bool false,
        6 state NetState, 7 debug_info bool false, 8 input_shape BlobShape*, 100 layer LayerParameter*""",
    "LayerParameter": """1 name string, 2 type string, 3 bottom string*, 4 top string*, 5 loss_weight float*,
        6 param ParamSpec*, 7 blobs BlobProto*, 8 include NetStateRule*, 9 exclude NetStateRule*, 10 phase Phase,
        11 propagate_down bool*, 104 concat_param ConcatParameter, 106 convolution_param ConvolutionParameter,
        108 dropout_param DropoutParameter, 110 eltwise_param EltwiseParameter, 117 inner_product_param
        InnerProductParameter, 121 pooling_param PoolingParameter, 123 relu_param ReLUParameter, 125 softmax_param
        SoftmaxParameter, 135 flatten_param FlattenParameter, 139 batch_norm_param BatchNormParameter, 142 scale_param
        ScaleParameter, 143 input_param InputParameter, 147 aconv_param AConvParameter""",
    "AConvParameter": """1 pad uint32 0, 2 pad_h int32 0, 3 pad_w int32 0, 4 type AConvType SQUARE,
        9 base_radius float 1, 10 pos_filler_std float 0.05, 11 position_group uint32 1, 22 base_angle float 0,
        25 normalize bool false""",
    "ConcatParameter": "1 concat_dim uint32 1, 2 axis int32 1",
    "ConvolutionParameter": """1 num_output uint32, 2 bias_term bool true, 3 pad uint32*, 4 kernel_size uint32*,
        5 group uint32 1, 6 stride uint32*, 7 weight_filler FillerParameter, 8 bias_filler FillerParameter,
        9 pad_h uint32 0, 10 pad_w uint32 0, 11 kernel_h uint32, 12 kernel_w uint32, 13 stride_h uint32,
        14 stride_w uint32, 15 engine Engine, 16 axis int32 1, 17 force_nd_im2col bool false, 18 dilation uint32*""",
    "DropoutParameter": "1 dropout_ratio float 0.5",
    "EltwiseParameter": "1 operation EltwiseOp SUM, 2 coeff float*, 3 stable_prod_grad bool true",
    "InnerProductParameter": """1 num_output uint32, 2 bias_term bool true, 3 weight_filler FillerParameter,
        4 bias_filler FillerParameter, 5 axis int32 1, 6 transpose bool false""",
    "PoolingParameter": """1 pool PoolMethod MAX, 2 kernel_size uint32, 3 stride uint32 1, 4 pad uint32 0,
        5 kernel_h uint32, 6 kernel_w uint32, 7 stride_h uint32, 8 stride_w uint32, 9 pad_h uint32 0, 10 pad_w uint32 0,
        11 engine Engine, 12 global_pooling bool false, 13 round_mode RoundMode CEIL""",
    "ReLUParameter": "1 negative_slope float 0, 2 engine Engine",
    "SoftmaxParameter": "1 engine Engine, 2 axis int32 1",
    "FlattenParameter": "1 axis int32 1, 2 end_axis int32 -1",
    "BatchNormParameter": "1 use_global_stats bool, 2 moving_average_fraction float 0.999, 3 eps float 1e-5",
    "ScaleParameter": """1 axis int32 1, 2 num_axes int32 1, 3 filler FillerParameter, 4 bias_term bool false,
        5 bias_filler FillerParameter""",
    "InputParameter": "1 shape BlobShape*",
}
_ENUMS = {
    "Phase": "TRAIN TEST",
    "ShareMode": "STRICT PERMISSIVE",
    "VarianceNorm": "FAN_IN FAN_OUT AVERAGE",
    "AConvType": "SQUARE CIRCLE RANDOM",
    "Engine": "DEFAULT CAFFE CUDNN",
    "EltwiseOp": "PROD SUM MAX",
    "PoolMethod": "MAX AVE STOCHASTIC",
    "RoundMode": "CEIL FLOOR",
}


def _field(text: str) -> descriptor_pb2.FieldDescriptorProto:
    number, name, kind, *default = text.split()
    kinds = descriptor_pb2.FieldDescriptorProto
    field = kinds(number=int(number), name=name, label=kinds.LABEL_OPTIONAL)
    if kind.endswith("*"):
        field.label = kinds.LABEL_REPEATED
        field.options.packed = kind.endswith("**")
    kind = kind.rstrip("*")
    if kind in _MESSAGES:
        field.type, field.type_name = kinds.TYPE_MESSAGE, f".caffe.{kind}"
    elif kind in _ENUMS:
        field.type, field.type_name = kinds.TYPE_ENUM, f".caffe.{kind}Values.{kind}"
    else:
        field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    if default:
        field.default_value = default[0]
    return field


def _classes() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(name="caffe_subset.proto", package="caffe", syntax="proto2")
    for name, values in _ENUMS.items():  # each in a scope of its own: MAX and others occur twice
        enum = file.message_type.add(name=f"{name}Values").enum_type.add(name=name)
        for number, value in enumerate(values.split()):
            enum.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        message.field.extend(_field(text) for text in fields.replace("\n", " ").split(","))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}")) for name in _MESSAGES}


_CLASSES = _classes()
NetParameter = _CLASSES["NetParameter"]
BlobProto = _CLASSES["BlobProto"]
