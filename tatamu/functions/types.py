"""dtypes: what they can hold, which one a result has, and the default one."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.device import CPU, device, must_be_cpu
from tatamu.dtypes import DType, category
from tatamu.functions.function import must_be_tensor
from tatamu.methods.operands import NUMBERS
from tatamu.ops.array import Array
from tatamu.ops.op import registry
from tatamu.tensor import Tensor

__all__ = [
    "can_cast",
    "finfo",
    "get_default_device",
    "get_default_dtype",
    "iinfo",
    "is_complex",
    "is_floating_point",
    "is_same_size",
    "is_signed",
    "promote_types",
    "result_type",
    "set_default_device",
    "set_default_dtype",
]


class finfo:
    """The limits of a floating point dtype (the default one if none is given).

    Raises TypeError for other dtypes.

    >>> finfo(dtypes.float32)
    finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, \
smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)
    """

    def __init__(self, type: DType | None = None) -> None:
        dtype = type or dtypes.get_default_dtype()
        if not dtype.is_floating_point:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'torch.finfo'\n  {dtype} holds whole numbers"
            )
        self.bits = 8 * dtype.itemsize
        self.dtype = dtype.name
        self.max = dtypes.largest(dtype)
        self.min = -self.max
        if dtype is dtypes.bfloat16:
            self.eps, self.tiny, self.resolution = 2.0**-7, 2.0**-126, 0.01
        else:
            limits = np.finfo(dtype.numpy)
            self.eps, self.tiny = float(limits.eps), float(limits.tiny)
            self.resolution = float(f"1e-{limits.precision}")
        self.smallest_normal = self.tiny

    def __repr__(self) -> str:
        shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        numbers = ", ".join(f"{name}={getattr(self, name):g}" for name in shown)
        return f"finfo({numbers}, dtype={self.dtype})"


class iinfo:
    """The limits of an integer dtype. Raises TypeError for others.

    >>> iinfo(dtypes.uint8)
    iinfo(min=0, max=255, dtype=uint8)
    """

    def __init__(self, type: DType) -> None:
        if type.is_floating_point:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                f"'torch.iinfo'\n  {type} holds floating point numbers"
            )
        if type is dtypes.bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo\n  it holds 0 and 1")
        limits = np.iinfo(type.numpy)
        self.bits = limits.bits
        self.dtype = type.name
        self.min, self.max = int(limits.min), int(limits.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def can_cast(from_: DType, to: DType) -> bool:
    """Whether a result may be written to a tensor of another dtype: to no lower kind of number.

    >>> can_cast(dtypes.float64, dtypes.float32), can_cast(dtypes.float32, dtypes.int64)
    (True, False)
    """
    return category(from_) <= category(to)


def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest dtype that both can be cast to."""
    return dtypes.promote(type1, type2)


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype of arithmetic on two tensors or numbers.

    Axes count before none, tensors before numbers, unless the kind of number is a higher one.
    Raises TypeError for what is neither.

    >>> import tatamu
    >>> result_type(tatamu.tensor([1, 2], dtype=tatamu.int8), 1.5)
    tatamu.float32
    """
    levels: list[list[DType]] = [[], [], []]
    for value in (tensor1, tensor2):
        if isinstance(value, Array):
            levels[0 if value.shape else 1].append(value.dtype)
        elif isinstance(value, NUMBERS):
            levels[2].append(_kind(value))
        else:
            kinds = ", ".join(type(x).__name__ for x in (tensor1, tensor2))
            raise TypeError(
                f"result_type() received an invalid combination of arguments - got ({kinds}), but "
                "expected one of:\n  (Tensor or Number, Tensor or Number)"
            )
    found: DType | None = None
    for level in levels:
        if not level:
            continue
        own = reduce(dtypes.promote, level)
        if found is None or category(own) > category(found):
            found = own if found is None else dtypes.promote(found, own)
    assert found is not None
    return found


def _kind(value: Any) -> DType:
    if isinstance(value, (bool, np.bool_)):
        return dtypes.bool_
    return dtypes.int64 if isinstance(value, (int, np.integer)) else dtypes.get_default_dtype()


def get_default_dtype() -> DType:
    """The dtype of what is made from Python floats: float32 unless another was set."""
    return dtypes.get_default_dtype()


def set_default_dtype(d: DType, /) -> None:
    """Make another floating point dtype the default one. TypeError for what is none.

    >>> import tatamu
    >>> set_default_dtype(tatamu.float64)
    >>> tatamu.tensor([1.5]).dtype
    tatamu.float64
    >>> set_default_dtype(tatamu.float32)
    """
    if not isinstance(d, DType):
        raise TypeError(
            "invalid dtype object: only floating-point types are supported as the default type\n"
            f"  torch.float64 is one, not {d!r}"
        )
    if not d.is_floating_point:
        raise TypeError(
            "only floating-point types are supported as the default type\n"
            f"  torch.float64 is one, not {d}"
        )
    dtypes.set_default_dtype(d)
    for op in registry().values():  # plans have the dtypes of results in them
        op.plans.clear()
    for forget in dtypes.depending:
        forget()


def get_default_device() -> device:
    """Where tensors are made: on the CPU."""
    return CPU


def set_default_device(device: Any) -> None:
    """Nothing for the CPU; AssertionError or RuntimeError in torch's words for other devices."""
    must_be_cpu(device)


def is_floating_point(input: Tensor) -> Any:
    """Whether the tensor's dtype is a floating point one."""
    must_be_tensor("is_floating_point", input)
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> Any:
    """Whether the tensor's numbers are complex: there are no such dtypes here."""
    must_be_tensor("is_complex", input)
    return False


def is_signed(input: Tensor) -> Any:
    """Whether the tensor's dtype has negative numbers."""
    must_be_tensor("is_signed", input)
    return input.dtype.is_signed


def is_same_size(input: Tensor, other: Tensor) -> Any:
    """Whether two tensors have one shape."""
    must_be_tensor("is_same_size", input)
    return input.shape == other.shape
