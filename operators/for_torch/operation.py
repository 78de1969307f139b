# SPDX-License-Identifier: Apache-2.0
"""Registers an operator of the library with torch.library: kernels, shapes for tracing, gradients, autocast.

``torch.ops.active_convnets.<name>`` and ``.<name>_backward`` are opaque to torch.compile, which traces around them.
An Operation is called as the function of its tensors and settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from operators.for_torch import autocast, batching, cpu, cuda, export, flops, wording
from operators.for_torch.autograd import differentiable, differentiable_backward, in_forward_mode
from operators.for_torch.native import Handle, Plan, make_plan
from operators.library import OperatorError

NAMESPACE = "active_convnets"
REGISTRY = torch.library.Library(NAMESPACE, "DEF")
DTYPE_CODES = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}  # of core/c_api.h
_MOST_PLANS = 1024  # of one operator; images of ever new sizes must not fill the memory


@dataclass
class Operation:
    """One torch operator.

    name : in torch.ops.active_convnets
    tensors : names in the order of the library's inputs; "mask?" may be None
    settings : schema of what follows them, "int[2] stride, str boundary"
    configure : (shapes, settings) -> the library's operator and attributes; shapes hold None for an absent tensor.
        Called once per combination; raises OperatorError.
    traced_shape : (shapes, settings) -> the output's shape, where sizes may be symbolic
    composed : (tensors, settings) -> the same in torch operations; for forward mode and derivatives of derivatives
    differentiable : those tensors that have gradients
    autocast_dtypes : what it runs in under torch.autocast("cuda", dtype); under any other dtype, and on the CPU, it
        runs in float32 and its result has the dtype of the first tensor
    images : those tensors whose first axis is that of the images, as the output's is: torch.vmap makes it longer
    defined_gradient : settings -> why their gradient is no derivative, or ""
    check_values : (operation, tensors) raises where the library would for the tensors' numbers
    flops : (shapes, settings) -> floating-point operations of forward, for torch.utils.flop_counter, or None
    onnx : (tensors, settings) -> ONNX's operator for it, (name, opset, inputs, attributes), or None where it has none
    names_here : what the library calls an argument -> what PyTorch does, for its error messages
    """

    name: str
    tensors: tuple
    settings: str
    configure: Callable
    traced_shape: Callable
    composed: Callable
    differentiable: tuple
    autocast_dtypes: tuple = ()
    images: tuple = ()
    defined_gradient: Callable = lambda settings: ""
    check_values: Callable = lambda operation, tensors: None
    flops: Callable | None = None
    onnx: Callable | None = None
    names_here: dict = field(default_factory=dict)
    _plans: dict = field(default_factory=dict)

    def __post_init__(self):
        self.names = tuple(name.rstrip("?") for name in self.tensors)
        self.count = len(self.names)
        self.has_gradient = tuple(name in self.differentiable for name in self.names)
        schema = [f"Tensor{'?' if name.endswith('?') else ''} {name.rstrip('?')}" for name in self.tensors]
        common = ", ".join([*schema, self.settings])
        backward = f"{self.name}_backward"
        REGISTRY.define(f"{self.name}({common}) -> Tensor", tags=torch.Tag.pt2_compliant_tag)
        REGISTRY.define(
            f"{backward}(Tensor grad, {common}, bool[] wanted) -> Tensor[]", tags=torch.Tag.pt2_compliant_tag
        )
        self.call = getattr(torch.ops.active_convnets, self.name).default
        self.call_backward = getattr(torch.ops.active_convnets, backward).default
        for key, device in (("CPU", cpu), ("CUDA", cuda)):
            REGISTRY.impl(self.name, self._kernel(device), key)
            REGISTRY.impl(backward, self._backward_kernel(device), key)
        for name, fake, vmap in (
            (self.name, self.fake, batching.forward),
            (backward, self._fake_backward, batching.backward),
        ):
            torch.library.register_fake(f"{NAMESPACE}::{name}", fake, lib=REGISTRY)
            if hasattr(torch.library, "register_vmap"):  # torch 2.5 and later
                torch.library.register_vmap(f"{NAMESPACE}::{name}", vmap(self), lib=REGISTRY)
        REGISTRY.impl(backward, batching.refusing_old(self), "Batched")
        REGISTRY.impl(self.name, differentiable(self), "Autograd")
        REGISTRY.impl(backward, differentiable_backward(self), "Autograd")
        for key in ("AutocastCPU", "AutocastCUDA"):
            REGISTRY.impl(self.name, autocast.kernel(self, key), key, with_keyset=True)

        export.register(self)
        if self.flops:
            flops.register(self)

    def __call__(self, *args):
        # Transforms of the backward pass are beyond the dispatcher's sight, so forward mode is seen to here.
        if not in_forward_mode():
            return self.call(*args)
        device_type = args[0].device.type
        if device_type in ("cpu", "cuda") and torch.is_autocast_enabled(device_type):
            return autocast.cast(self, self.in_torch_operations, args)
        return self.in_torch_operations(*args)

    def in_torch_operations(self, *args):
        """The operator's value with derivatives of any order and mode; slow."""
        tensors, settings = args[: self.count], args[self.count :]
        self.require_derivative(settings)
        if not torch.compiler.is_compiling():
            self.plan(tensors, settings)
            self.check_values(self, tensors)
        dtype = tensors[0].dtype
        with torch.autocast(tensors[0].device.type, enabled=False):
            if dtype.itemsize == 2:
                tensors = tuple([None if tensor is None else tensor.float() for tensor in tensors])
            return self.composed(tensors, settings).to(dtype)

    def require_derivative(self, settings: tuple) -> None:
        why = self.defined_gradient(settings)
        if why:
            raise NotImplementedError(
                f"{self.name}: there is no forward mode and no second derivative with {why}, whose gradient is defined "
                "to be something else than the derivative"
            )

    def wrong(self, text: str) -> OperatorError:
        return OperatorError(f"{self.name}: {text}")

    def reworded(self, error: OperatorError) -> OperatorError:
        """The library's error by the names of this front."""
        return self.wrong(wording.for_torch(str(error), self.names_here))

    def plan(self, tensors: tuple, settings: tuple) -> Plan:
        """The plan for these tensors (None for an absent one); all must have one dtype and device."""
        self.require_one_kind(tensors)
        dtype = tensors[0].dtype
        settings = tuple([tuple(value) if type(value) is list else value for value in settings])
        key = (dtype, settings, *[None if tensor is None else tensor.shape for tensor in tensors])
        found = self._plans.get(key)
        if found is None:
            found = self._new_plan(tensors, dtype, settings)
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            self._plans[key] = found
        return found

    def _new_plan(self, tensors, dtype, settings) -> Plan:
        if dtype not in DTYPE_CODES:
            served = ", ".join(str(each) for each in DTYPE_CODES)
            raise self.wrong(f"{self.names[0]} must be one of {served}, got {dtype}")
        shapes = tuple([None if tensor is None else tuple(tensor.shape) for tensor in tensors])
        present = tuple(i for i, shape in enumerate(shapes) if shape is not None)
        try:
            operator, attributes = self.configure(shapes, settings)
            handle = Handle(operator, attributes)
            return make_plan(handle, present, tuple(shapes[i] for i in present), DTYPE_CODES[dtype])
        except OperatorError as error:
            raise self.reworded(error) from None

    def check_layer(self, layer: str, shapes: tuple, settings: tuple) -> None:
        """OperatorError in the name of a layer if these shapes (None for an absent tensor) and settings cannot be."""
        try:
            operator, attributes = self.configure(shapes, settings)
            Handle(operator, attributes).output_shape(tuple(shape for shape in shapes if shape is not None))
        except OperatorError as error:
            raise OperatorError(f"{layer}: {wording.for_torch(str(error), self.names_here)}") from None

    def require_one_kind(self, tensors) -> None:
        dtype, device = tensors[0].dtype, tensors[0].device
        if all([each is None or (each.dtype is dtype and each.device == device) for each in tensors]):
            return
        present = [(name, each) for name, each in zip(self.names, tensors) if each is not None]
        came = ", ".join(f"{name} {each.dtype} on {each.device}" for name, each in present)
        raise self.wrong(f"all tensors must have one dtype and one device, got {came}")

    def _kernel(self, device) -> Callable:
        def kernel(*args):
            dtype = args[0].dtype
            tensors, settings = device.prepared(self, args[: self.count]), args[self.count :]
            plan = self.plan(tensors, settings)
            try:
                return device.forward(plan, [tensors[i].contiguous() for i in plan.present]).to(dtype)
            except OperatorError as error:
                raise self.reworded(error) from None

        return kernel

    def _backward_kernel(self, device) -> Callable:
        def kernel(grad, *args):
            dtype, settings, wanted = args[0].dtype, args[self.count : -1], args[-1]
            tensors = device.prepared(self, args[: self.count])
            plan = self.plan(tensors, settings)
            if grad.shape != plan.output_shape or grad.dtype is not dtype:
                raise self.wrong(
                    f"the gradient of the output must be {dtype} of shape {plan.output_shape}, got {grad.dtype} of "
                    f"shape {tuple(grad.shape)}"
                )
            inputs, grad = [tensors[i].contiguous() for i in plan.present], grad.to(tensors[0].dtype).contiguous()
            try:
                grads = device.backward(plan, grad, inputs, [wanted[i] for i in plan.present])
                return [each.to(dtype) for each in grads]
            except OperatorError as error:
                raise self.reworded(error) from None

        return kernel

    def fake(self, *args):
        """The output's shape, for tensors that have no values; sizes may be symbolic."""
        export.keep_whole(self)
        tensors, settings = args[: self.count], args[self.count :]
        shapes = tuple([None if tensor is None else tuple(tensor.shape) for tensor in tensors])
        if all(isinstance(size, int) for shape in shapes if shape is not None for size in shape):
            return tensors[0].new_empty(self.plan(tensors, settings).output_shape)
        return tensors[0].new_empty(self.traced_shape(shapes, settings))

    def _fake_backward(self, grad, *args):
        tensors, wanted = args[: self.count], args[-1]
        return [tensor.new_empty(tensor.shape) for tensor, want in zip(tensors, wanted) if want]

    def gradients(self, grad, tensors, settings, needed) -> list:
        """A gradient or None for every tensor; those that are not needed cost nothing."""
        wanted = [need and has for need, has in zip(needed, self.has_gradient)]
        if not any(wanted):
            return [None] * self.count
        grads = iter(self.call_backward(grad, *tensors, *settings, wanted))
        return [next(grads) if want else None for want in wanted]
