"""Making tensors: empty, or filled with one number."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.methods.views import (
    MemoryFormat,
    channels_last,
    contiguous_format,
    preserve_format,
)
from tatamu.ops.array import Array, wrap
from tatamu.ops.layout import (
    Ints,
    Size,
    channels_last_strides,
    contiguous_strides,
    dense_strides,
)
from tatamu.runtime.storage import Storage
from tatamu.tensor import Tensor

__all__ = [
    "empty",
    "empty_permuted",
    "empty_strided",
    "eye",
    "full",
    "ones",
    "zeros",
]

_PYTHON_TYPES = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_}


def default_dtype() -> DType:
    """The dtype of floating point numbers that come without one."""
    return dtypes.get_default_dtype()


def must_be_plain(name: str, device: Any, layout: Any, pin_memory: Any) -> None:
    """torch's sentences for what tatamu has not: other devices, sparse layouts, pinned memory."""
    place = "cpu" if device is None else str(device)
    if place.partition(":")[0] != "cpu":
        if place.startswith("cuda") or isinstance(device, int):
            raise AssertionError(
                "Torch not compiled with CUDA enabled\n"
                "  tatamu computes on the CPU only: device='cpu', or leave it out"
            )
        raise RuntimeError(
            f"Expected device 'cpu', but got {place!r}\n"
            "  tatamu computes on the CPU only: device='cpu', or leave it out"
        )
    if pin_memory:
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory "
            "allocator is available on this system.\n  leave it out"
        )
    if layout is not None and "strided" not in str(layout):
        raise NotImplementedError(f"{name}(): tatamu has no tensors of layout {layout}")


def must_be_type(name: str, dtype: Any) -> Any:
    """``dtype`` itself or None; Python's float, int and bool as theirs. TypeError for others."""
    if dtype is None or isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, type) and dtype in _PYTHON_TYPES:
        return _PYTHON_TYPES[dtype]
    raise TypeError(
        f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}\n"
        "  write torch.float32, torch.int64 and so on, without quotes"
    )


def must_be_differentiable(dtype: DType, requires_grad: bool) -> None:
    """RuntimeError for a tensor of integers that is to require a gradient."""
    if requires_grad and not dtype.is_floating_point:
        raise RuntimeError(
            "Only Tensors of floating point and complex dtype can require gradients\n"
            f"  it is {dtype}: write 1. for 1, or give dtype=torch.float32"
        )


def leaf(out: Any, requires_grad: bool) -> Tensor:
    """``out`` as a leaf that may require a gradient. RuntimeError for integers that are to."""
    must_be_differentiable(out.dtype, requires_grad)
    if requires_grad:
        out._requires_grad = True
    return out  # type: ignore[no-any-return]


def shape_of(name: str, size: tuple[Any, ...]) -> Size:
    """``f(2, 3)`` and ``f((2, 3))`` alike, checked, with torch's sentences."""
    if not size:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    wrapped = len(size) == 1 and isinstance(size[0], Sequence) and not isinstance(size[0], str)
    listed = tuple(size[0]) if wrapped else size
    sizes = []
    for place, n in enumerate(listed, 1):
        try:
            if isinstance(n, (bool, np.bool_)):
                raise TypeError
            sizes.append(operator.index(n))
        except TypeError:
            if place == 1 and not wrapped:
                raise TypeError(
                    f"{name}(): argument 'size' (position 1) must be tuple of ints, not "
                    f"{type(n).__name__}"
                ) from None
            raise TypeError(
                f"{name}(): argument 'size' failed to unpack the object at pos {place} with error "
                f'"type must be tuple of ints,but got {type(n).__name__}"'
            ) from None
    if min(sizes, default=0) < 0:
        if name == "zeros":
            raise RuntimeError(
                f"zeros: Dimension size must be non-negative.\n  it is to be {sizes}"
            )
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(sizes)}: {sizes}")
    return Size(sizes)


def blank(shape: Ints, dtype: DType, strides: Ints | None = None) -> Any:
    """Memory of a shape, in C order or with strides that leave no gaps."""
    size = Size(shape)
    storage = Storage(size.numel() * dtype.itemsize)
    return Tensor(storage, 0, size, strides or contiguous_strides(size), dtype)


def _filled(shape: Ints, value: Any, dtype: DType, strides: Ints | None = None) -> Any:
    out = blank(shape, dtype, strides)
    out.array.fill(dtypes.narrow(np.asarray(value).astype(dtype.compute), dtype)[()])
    return out


def _put(out: Any, made: Any, requires_grad: bool) -> Tensor:
    return leaf(made, requires_grad) if out is None else out.copy_(made)


def empty(
    *size: Any,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: MemoryFormat = contiguous_format,
    **named: Any,
) -> Tensor:
    """A tensor whose memory holds whatever it held before.

    RuntimeError, with torch's sentences, for negative sizes and other devices than the CPU.

    >>> empty(2, 3).shape
    tatamu.Size([2, 3])
    """
    must_be_plain("empty", device, layout, pin_memory)
    shape = shape_of("empty", _sizes("empty", size, named))
    kind = must_be_type("empty", dtype) or default_dtype()
    return _put(out, blank(shape, kind, ordered(shape, memory_format)), requires_grad)


def _sizes(name: str, size: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The sizes, which may be given as ``size=`` too."""
    for key in named:
        if key != "size" or size:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
    return (named["size"],) if named else size


def ordered(shape: Ints, memory_format: MemoryFormat) -> Ints | None:
    """Strides of a memory order."""
    if memory_format is channels_last:
        if len(shape) != 4:
            raise RuntimeError(
                "required rank 4 tensor to use channels_last format\n"
                f"  the sizes are {list(shape)}: batch, channels, height and width"
            )
        return channels_last_strides(shape)
    if memory_format is preserve_format:
        raise RuntimeError(
            "unsupported memory format Preserve\n  there is no order yet that could be preserved"
        )
    return None


def empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Memory of a shape whose neighbours lie ``stride`` elements apart along each axis."""
    must_be_plain("empty_strided", device, layout, pin_memory)
    shape = shape_of("empty_strided", (size,))
    strides = tuple(operator.index(n) for n in stride)
    if len(shape) != len(strides):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(strides)})"
        )
    if min(strides, default=0) < 0:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(shape)} and "
            f"strides={list(strides)}\n  strides cannot be negative"
        )
    kind = must_be_type("empty_strided", dtype) or default_dtype()
    extent = 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    storage = Storage(extent * kind.itemsize if shape.numel() else 0)
    return leaf(Tensor(storage, 0, shape, strides, kind), requires_grad)


def empty_permuted(
    size: Sequence[int],
    physical_layout: Sequence[int],
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Memory of a shape whose axes lie, from the slowest to the fastest, in the order given."""
    shape = shape_of("empty_permuted", (size,))
    strides = dense_strides(shape, reversed(tuple(physical_layout)))
    return empty_strided(
        shape,
        strides,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
        pin_memory=pin_memory,
    )


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A tensor of one number, whose kind gives the dtype.

    >>> full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    must_be_plain("full", device, layout, pin_memory)
    if not isinstance(size, Sequence):
        raise TypeError(
            "full(): argument 'size' (position 1) must be tuple of ints, not "
            f"{type(size).__name__}\n  full((2, 3), value), with the sizes in brackets"
        )
    value, own = number_and_dtype("full", fill_value)
    kind = must_be_type("full", dtype) or own
    return _put(out, _filled(shape_of("full", (size,)), value, kind), requires_grad)


def number_and_dtype(name: str, value: Any) -> tuple[Any, DType]:
    """A number to fill with, and the dtype it asks for."""
    if isinstance(value, Array):
        return dtypes.widen(value.array, value.dtype).item(), value.dtype
    if isinstance(value, (bool, np.bool_)):
        return value, dtypes.bool_
    if isinstance(value, (int, np.integer)):
        return value, dtypes.int64
    if isinstance(value, (float, np.floating)):
        return value, default_dtype()
    raise TypeError(
        f"{name}(): argument 'fill_value' (position 2) must be Number, not {type(value).__name__}"
    )


def zeros(
    *size: Any,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    **named: Any,
) -> Tensor:
    """A tensor of zeros.

    RuntimeError, with torch's sentences, for negative sizes and other devices than the CPU.

    >>> zeros(2, 3).shape
    tatamu.Size([2, 3])
    """
    must_be_plain("zeros", device, layout, pin_memory)
    kind = must_be_type("zeros", dtype) or default_dtype()
    shape = shape_of("zeros", _sizes("zeros", size, named))
    return _put(out, _filled(shape, 0, kind), requires_grad)


def ones(
    *size: Any,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    **named: Any,
) -> Tensor:
    """A tensor of ones.

    RuntimeError, with torch's sentences, for negative sizes and other devices than the CPU.

    >>> ones(2, 3).shape
    tatamu.Size([2, 3])
    """
    must_be_plain("ones", device, layout, pin_memory)
    kind = must_be_type("ones", dtype) or default_dtype()
    shape = shape_of("ones", _sizes("ones", size, named))
    return _put(out, _filled(shape, 1, kind), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A matrix of ``n`` rows and ``m`` (``n``) columns with ones on its diagonal.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    must_be_plain("eye", device, layout, pin_memory)
    kind = must_be_type("eye", dtype) or default_dtype()
    for name, count in (("n", n), ("m", m)):
        if count is not None and count < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {count}")
    made = wrap(dtypes.narrow(np.eye(n, m, dtype=kind.compute), kind), kind)
    return _put(out, made, requires_grad)
