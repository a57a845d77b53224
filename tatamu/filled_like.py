"""Making tensors like others: of their shape, dtype and memory order."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.filled import blank, leaf, must_be_plain, must_be_type, number_and_dtype, ordered
from tatamu.functions.function import must_be_tensor
from tatamu.methods.views import MemoryFormat, preserve_format
from tatamu.ops.array import Array
from tatamu.ops.layout import Ints, axis_order, dense_strides
from tatamu.tensor import Tensor

__all__ = ["empty_like", "full_like", "ones_like", "zeros_like"]


def _preserved(x: Array, memory_format: MemoryFormat) -> Ints | None:
    """Strides for a tensor like ``x``: its order without gaps, unless another is asked for.

    Axes that are broadcast or have gaps keep their order by stride, as in torch.
    """
    shape: Ints = x.shape
    strides: Ints = x.strides
    if memory_format is not preserve_format:
        return ordered(shape, memory_format)
    if 0 in shape:
        return None
    if axis_order(shape, strides) is not None:
        return strides  # those of axes of one, too, stay as they are
    return _by_stride(shape, strides)


def _by_stride(shape: Ints, strides: Ints) -> Ints:
    """Gapless strides whose axes are ordered as ``strides`` order them; those of 0 do not tell."""
    order: list[int] = []
    for axis in reversed(range(len(shape))):
        at = len(order)
        for place in reversed(range(len(order))):
            other = order[place]
            if not strides[axis] or not strides[other]:
                continue
            if strides[axis] < strides[other]:
                at = place
            elif strides[axis] > strides[other]:
                break
        order.insert(at, axis)
    return dense_strides(shape, order)


def _like(
    name: str,
    x: Any,
    value: Any,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    pin_memory: Any,
    memory_format: MemoryFormat | None,
) -> Tensor:
    must_be_tensor(name, x)
    must_be_plain(name, device, layout, pin_memory)
    kind = must_be_type(name, dtype) or x.dtype
    strides = _preserved(x, memory_format or preserve_format)
    made = blank(x.shape, kind, strides)
    if memory_format in (None, preserve_format):
        made.storage.reordered = x.storage.reordered
    if value is not None:
        filling = np.asarray(value).astype(kind.compute)
        made.array.fill(dtypes.narrow(filling, kind)[()])
    return leaf(made, requires_grad)


def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: MemoryFormat | None = None,
) -> Tensor:
    """Zeros of the shape, dtype and memory order of another tensor."""
    return _like(
        "zeros_like",
        input,
        0,
        dtype,
        layout,
        device,
        requires_grad,
        pin_memory,
        memory_format,
    )


def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: MemoryFormat | None = None,
) -> Tensor:
    """Ones of the shape, dtype and memory order of another tensor."""
    return _like(
        "ones_like",
        input,
        1,
        dtype,
        layout,
        device,
        requires_grad,
        pin_memory,
        memory_format,
    )


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: MemoryFormat | None = None,
) -> Tensor:
    """One number in the shape, dtype and memory order of another tensor."""
    return _like(
        "full_like",
        input,
        number_and_dtype("full_like", fill_value)[0],
        dtype,
        layout,
        device,
        requires_grad,
        pin_memory,
        memory_format,
    )


def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: MemoryFormat | None = None,
) -> Tensor:
    """Memory like that of another tensor, with whatever it held before."""
    return _like(
        "empty_like",
        input,
        None,
        dtype,
        layout,
        device,
        requires_grad,
        pin_memory,
        memory_format,
    )
