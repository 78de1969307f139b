# SPDX-License-Identifier: Apache-2.0
"""Registers an operator of the library with torch.library: kernels, shapes for tracing, gradients, autocast.

``torch.ops.active_convnets.<name>`` and ``.<name>_backward`` are opaque to torch.compile, which traces around them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from operators.for_torch import cpu, cuda, wording
from operators.for_torch.autograd import differentiable, differentiable_once
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
    differentiable : those tensors that have gradients
    autocast_dtypes : what it runs in under torch.autocast("cuda", dtype); under any other dtype, and on the CPU, it
        runs in float32 and its result has the dtype of the first tensor
    names_here : what the library calls an argument -> what PyTorch does, for its error messages
    """

    name: str
    tensors: tuple
    settings: str
    configure: Callable
    traced_shape: Callable
    differentiable: tuple
    autocast_dtypes: tuple = ()
    names_here: dict = field(default_factory=dict)
    _plans: dict = field(default_factory=dict)

    def __post_init__(self):
        self.names = tuple(name.rstrip("?") for name in self.tensors)
        self.count = len(self.names)
        self._has_gradient = tuple(name in self.differentiable for name in self.names)
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
        for name, fake in ((self.name, self._fake), (backward, self._fake_backward)):
            torch.library.register_fake(f"{NAMESPACE}::{name}", fake, lib=REGISTRY)
            torch.library.register_vmap(f"{NAMESPACE}::{name}", self._vmap, lib=REGISTRY)
        REGISTRY.impl(self.name, differentiable(self), "Autograd")
        REGISTRY.impl(backward, differentiable_once(self), "Autograd")
        for key in ("AutocastCPU", "AutocastCUDA"):
            REGISTRY.impl(self.name, self._autocast(key), key, with_keyset=True)

    def wrong(self, text: str) -> OperatorError:
        return OperatorError(f"{self.name}: {text}")

    def reworded(self, error: OperatorError) -> OperatorError:
        """The library's error by the names of this front."""
        return self.wrong(wording.for_torch(str(error), self.names_here))

    def plan(self, tensors: tuple, settings: tuple) -> Plan:
        """The plan for these tensors (None for an absent one); all must have one dtype and device."""
        first = tensors[0]
        dtype, device = first.dtype, first.device
        for tensor in tensors:
            if tensor is not None and (tensor.dtype is not dtype or tensor.device != device):
                raise self._mixture(tensors)
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

    def _mixture(self, tensors) -> OperatorError:
        came = ", ".join(
            f"{name} {tensor.dtype} on {tensor.device}"
            for name, tensor in zip(self.names, tensors)
            if tensor is not None
        )
        return self.wrong(f"all tensors must have one dtype and one device, got {came}")

    def _kernel(self, device) -> Callable:
        def kernel(*args):
            tensors, settings = args[: self.count], args[self.count :]
            device.check(self, tensors[0])
            plan = self.plan(tensors, settings)
            try:
                return device.forward(plan, [tensors[i].contiguous() for i in plan.present])
            except OperatorError as error:
                raise self.reworded(error) from None

        return kernel

    def _backward_kernel(self, device) -> Callable:
        def kernel(grad, *args):
            tensors, settings, wanted = args[: self.count], args[self.count : -1], args[-1]
            device.check(self, tensors[0])
            plan = self.plan(tensors, settings)
            if grad.shape != plan.output_shape or grad.dtype is not tensors[0].dtype:
                raise self.wrong(
                    f"the gradient of the output must be {tensors[0].dtype} of shape {plan.output_shape}, got "
                    f"{grad.dtype} of shape {tuple(grad.shape)}"
                )
            inputs = [tensors[i].contiguous() for i in plan.present]
            try:
                return device.backward(plan, grad.contiguous(), inputs, [wanted[i] for i in plan.present])
            except OperatorError as error:
                raise self.reworded(error) from None

        return kernel

    def _fake(self, *args):
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
        wanted = [need and has for need, has in zip(needed, self._has_gradient)]
        if not any(wanted):
            return [None] * self.count
        grads = iter(self.call_backward(grad, *tensors, *settings, wanted))
        return [next(grads) if want else None for want in wanted]

    def _vmap(self, *args):
        raise NotImplementedError(f"{self.name}: torch.vmap is not supported; give it a batch, (N, ...), instead")

    def _autocast(self, key: str) -> Callable:
        excluded = torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, key))
        device_type = key[len("Autocast") :].lower()

        def kernel(_, *args):
            tensors = args[: self.count]
            # float64 is left as it is, as in every autocast rule of torch
            if all(tensor is None or tensor.dtype is not torch.float64 for tensor in tensors):
                chosen = torch.get_autocast_dtype(device_type)
                native = device_type == "cuda" and chosen in self.autocast_dtypes
                dtype, result_dtype = (chosen, chosen) if native else (torch.float32, tensors[0].dtype)
                tensors = [None if tensor is None else tensor.to(dtype) for tensor in tensors]
            else:
                result_dtype = torch.float64
            with torch._C._ExcludeDispatchKeyGuard(excluded):
                return self.call(*tensors, *args[self.count :]).to(result_dtype)

        return kernel
