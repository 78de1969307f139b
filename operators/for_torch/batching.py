# SPDX-License-Identifier: Apache-2.0
"""torch.vmap over an operation: one call with a larger batch where only images are batched, else one call for each."""

from __future__ import annotations

import torch


def forward(operation):
    def rule(info, in_dims, *args):
        tensors, settings, dims = args[: operation.count], args[operation.count :], in_dims[: operation.count]
        if _only_images(operation, dims):
            folded = [_folded(operation, i, tensors[i], dims[i], info.batch_size) for i in range(operation.count)]
            return operation.call(*folded, *settings).unflatten(0, _sizes(info, tensors, dims)), 0
        _refuse_none(operation, info)
        return torch.stack([operation.call(*_at(i, tensors, dims), *settings) for i in range(info.batch_size)]), 0

    return rule


def backward(operation):
    def rule(info, in_dims, grad, *args):
        count, wanted = operation.count, args[-1]
        tensors, settings, dims = args[:count], args[count:-1], in_dims[1 : count + 1]
        shared = [name for name, wants in zip(operation.names, wanted) if wants and name not in operation.images]
        if _only_images(operation, dims) and not shared:
            grad = _folded(operation, None, grad, in_dims[0], info.batch_size)
            folded = [_folded(operation, i, tensors[i], dims[i], info.batch_size) for i in range(count)]
            found = operation.call_backward(grad, *folded, *settings, wanted)
            return [each.unflatten(0, _sizes(info, tensors, dims)) for each in found], [0] * len(found)
        _refuse_none(operation, info)
        given, given_dims = (grad, *tensors), in_dims[: count + 1]
        rows = [operation.call_backward(*_at(i, given, given_dims), *settings, wanted) for i in range(info.batch_size)]
        return [torch.stack(each) for each in zip(*rows)], [0] * len(rows[0])

    return rule


def refusing_old(operation):
    """The backward operator's kernel for torch.autograd's own batching, which is older than torch.func's."""

    def kernel(*args):
        raise NotImplementedError(
            f"{operation.name}: torch.autograd's own batching (is_grads_batched=True, jacobian(vectorize=True)) is not "
            "served; torch.func.vmap, vjp and jacrev are"
        )

    return kernel


def _only_images(operation, dims) -> bool:
    return bool(operation.images) and all(
        dim is None or name in operation.images for name, dim in zip(operation.names, dims)
    )


def _folded(operation, number, tensor, dim, size):
    """With the batch of vmap in the first axis, that of the images; number None is the gradient of the output."""
    if tensor is None or (number is not None and operation.names[number] not in operation.images):
        return tensor
    tensor = tensor.unsqueeze(0).expand(size, *[-1] * tensor.dim()) if dim is None else tensor.movedim(dim, 0)
    return tensor.flatten(0, 1)


def _sizes(info, tensors, dims) -> tuple:
    """The batch of vmap, and the images."""
    shape = list(tensors[0].shape)
    if dims[0] is not None:
        del shape[dims[0]]
    return (info.batch_size, shape[0])


def _at(i, tensors, dims) -> list:
    return [tensor if dim is None else tensor.select(dim, i) for tensor, dim in zip(tensors, dims)]


def _refuse_none(operation, info) -> None:
    if info.batch_size == 0:
        raise NotImplementedError(
            f"{operation.name}: torch.vmap over an axis of size 0 is served only over images "
            f"({', '.join(operation.images) or 'none here'})"
        )
