"""torch's old constructors: ``Tensor(2, 3)`` gives memory, ``LongTensor([1, 2])`` takes numbers.

``FloatTensor`` and its like are names of dtypes: every tensor is a ``Tensor``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu import dtypes, naming
from tatamu.dtypes import DType
from tatamu.filled import blank, default_dtype, shape_of
from tatamu.from_data import tensor
from tatamu.ops.array import Array, absent, made
from tatamu.ops.layout import Size
from tatamu.tensor import Tensor

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]


def _constructed(arguments: tuple[Any, ...], dtype: DType) -> Any:
    """Sizes give memory with whatever it held before; one sequence gives its numbers."""
    if not arguments:
        return blank((0,), dtype)
    first = arguments[0]
    if len(arguments) > 1 or isinstance(first, Size):
        return blank(shape_of("new", arguments), dtype)
    if isinstance(first, (int, np.integer)) and not isinstance(first, bool):
        return blank(shape_of("new", arguments), dtype)
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'\n  torch.tensor(...) takes numbers")
    if first is None or isinstance(first, (bool, float, np.generic)):
        raise TypeError(
            f"new(): data must be a sequence (got {type(first).__name__})\n"
            "  torch.tensor(...) takes one number, too"
        )
    return tensor(first, dtype=dtype)


def _of_user(arguments: tuple[Any, ...]) -> Array:
    """What ``Tensor(...)`` is given by a user: trailing arguments are absent."""
    given = [value for value in arguments[:5] if value is not absent]
    given += [value for value in arguments[5:] if value is not None]
    if len(given) == 1 and isinstance(given[0], Array):
        return given[0].detach()  # type: ignore[attr-defined, no-any-return]
    return _constructed(tuple(given), default_dtype())  # type: ignore[no-any-return]


made.of_user = _of_user


class _OfType(type):
    """A class of all tensors of one dtype, which makes tensors."""

    dtype: DType

    def __call__(cls, *arguments: Any) -> Any:
        if len(arguments) == 1 and isinstance(arguments[0], Tensor):
            given = arguments[0]
            if given.dtype is not cls.dtype:
                raise TypeError(
                    f"expected TensorOptions(dtype={cls.dtype.c_name}, device=cpu, layout=Strided, "
                    "requires_grad=false (default), pinned_memory=false (default), "
                    f"memory_format=(nullopt)) (got TensorOptions(dtype={given.dtype.c_name}, "
                    "device=cpu, layout=Strided, requires_grad=false (default), "
                    "pinned_memory=false (default), memory_format=(nullopt)))\n"
                    f"  x.to({cls.dtype}) gives it another dtype"
                )
            return given.detach()
        return _constructed(arguments, cls.dtype)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor) and value.dtype is cls.dtype


def _of(dtype: DType) -> Any:
    name = f"{dtype.legacy_name}Tensor"
    kind = _OfType(name, (), {"dtype": dtype, "__doc__": f"Tensors of dtype {dtype.name}."})
    kind.__module__ = __name__
    return naming.known_as(name)(kind)


BFloat16Tensor = _of(dtypes.bfloat16)
BoolTensor = _of(dtypes.bool_)
ByteTensor = _of(dtypes.uint8)
CharTensor = _of(dtypes.int8)
DoubleTensor = _of(dtypes.float64)
FloatTensor = _of(dtypes.float32)
HalfTensor = _of(dtypes.float16)
IntTensor = _of(dtypes.int32)
LongTensor = _of(dtypes.int64)
ShortTensor = _of(dtypes.int16)
