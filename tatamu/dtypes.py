"""The element types, torch's names and torch's promotion table.

A ``DType`` is ours and not NumPy's because NumPy has no bfloat16: its bits lie in ``uint16``
arrays and are widened to float32 to be computed with. float16 is widened too, so that sums do not
lose what the format cannot hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu import naming

__all__ = [
    "BY_LEGACY_NAME",
    "BY_NAME",
    "DType",
    "Layout",
    "bfloat16",
    "bool_",
    "float16",
    "float32",
    "float64",
    "from_numpy_dtype",
    "get_default_dtype",
    "int8",
    "int16",
    "int32",
    "int64",
    "promote",
    "strided",
    "uint8",
    "widen",
]

Array = np.ndarray[Any, np.dtype[Any]]


@naming.known_as("dtype")
class DType:
    """One element type. Instances are singletons and compare by identity.

    >>> float32
    tatamu.float32
    >>> bfloat16.itemsize, bfloat16.is_floating_point
    (2, True)
    """

    __slots__ = (
        "c_name",
        "compute",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "legacy_name",
        "name",
        "numpy",
    )

    def __init__(
        self,
        name: str,
        numpy: str,
        floating: bool,
        legacy_name: str,
        c_name: str,
        compute: str | None = None,
    ) -> None:
        self.name = name
        self.numpy = np.dtype(numpy)
        self.compute = np.dtype(compute or numpy)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = floating
        self.is_signed = floating or self.numpy.kind == "i"
        self.is_complex = False
        self.legacy_name = legacy_name  # both names stand in torch's error sentences
        self.c_name = c_name

    def __repr__(self) -> str:
        return f"{naming.prefix}.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_name, (self.name,)


class Layout:
    """How elements lie in memory: torch's ``torch.strided`` alone."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{naming.prefix}.{self.name}"

    def __reduce__(self) -> str:
        return self.name


strided = Layout("strided")


def _by_name(name: str) -> DType:
    return BY_NAME[name]


float64 = DType("float64", "f8", True, "Double", "double")
float32 = DType("float32", "f4", True, "Float", "float")
float16 = DType("float16", "f2", True, "Half", "c10::Half", compute="f4")
bfloat16 = DType("bfloat16", "u2", True, "BFloat16", "c10::BFloat16", compute="f4")
int64 = DType("int64", "i8", False, "Long", "long int")
int32 = DType("int32", "i4", False, "Int", "int")
int16 = DType("int16", "i2", False, "Short", "short int")
int8 = DType("int8", "i1", False, "Char", "signed char")
uint8 = DType("uint8", "u1", False, "Byte", "unsigned char")
bool_ = DType("bool", "?", False, "Bool", "bool")

BY_NAME = {
    d.name: d
    for d in (float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool_)
}
BY_LEGACY_NAME = {d.legacy_name: d for d in BY_NAME.values()}
_FROM_NUMPY = {d.numpy: d for d in BY_NAME.values() if d is not bfloat16}


class _Default:
    dtype = float32


def get_default_dtype() -> DType:
    """The floating point type of what is made from Python floats, and of integers' quotients."""
    return _Default.dtype


depending: list[Callable[[], None]] = []
"""What makes others forget what they keep that depends on the default dtype."""


def set_default_dtype(dtype: DType) -> None:
    """Make ``dtype`` the default one; plans made before must be forgotten by who calls this."""
    _Default.dtype = dtype


def from_numpy_dtype(dtype: np.dtype[Any]) -> DType:
    """The DType that a NumPy dtype maps to; ``TypeError`` with torch's sentence for the others.

    >>> from_numpy_dtype(np.dtype("int16"))
    tatamu.int16
    """
    found = _FROM_NUMPY.get(dtype)
    if found is None:
        supported = "float64, float32, float16, int64, int32, int16, int8, uint8, and bool"
        raise TypeError(
            f"can't convert np.ndarray of type {dtype}. The only supported types are: {supported}."
        )
    return found


def category(dtype: DType) -> int:
    """0 for bool, 1 for integers, 2 for floating point: the higher one decides a promotion."""
    if dtype.is_floating_point:
        return 2
    return 0 if dtype is bool_ else 1


def promote(a: DType, b: DType) -> DType:
    """The type that holds both, by torch's table (``torch.promote_types``).

    >>> promote(int64, float16), promote(float16, bfloat16), promote(uint8, int8)
    (tatamu.float16, tatamu.float32, tatamu.int16)
    """
    if a is b:
        return a
    low, high = sorted((a, b), key=lambda d: (category(d), d.itemsize))
    if category(low) < category(high):
        return high
    if low.itemsize == high.itemsize:
        # Two different types of one size: float16 with bfloat16, or uint8 with int8.
        return float32 if low.is_floating_point else int16
    return high


def largest(dtype: DType) -> float:
    """The largest finite number of a floating point type."""
    if dtype is bfloat16:
        return (2 - 2**-7) * 2.0**127
    return float(np.finfo(dtype.numpy).max)


def widen(array: Array, dtype: DType) -> Array:
    """The values of ``array`` (storage form) in the type they are computed with."""
    if dtype is bfloat16:
        return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return array.astype(dtype.compute, copy=False)


def narrow(array: Array, dtype: DType) -> Array:
    """``array`` in the storage form of ``dtype``; bfloat16 rounds to nearest, ties to even."""
    if dtype is float16:
        with np.errstate(over="ignore"):  # too large is infinity
            return array.astype(dtype.numpy, copy=False)
    if dtype is not bfloat16:
        return array.astype(dtype.numpy, copy=False)
    bits = np.array(array, np.float32, order="K").view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    return (np.where(nan, bits | np.uint32(0x400000), rounded) >> np.uint32(16)).astype(np.uint16)
