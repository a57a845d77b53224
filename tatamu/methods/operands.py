"""What stands beside a tensor in arithmetic: numbers as tensors, and one dtype for both."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.ops.arithmetic import div, mul, refuse_bools, sub
from tatamu.ops.array import Array
from tatamu.ops.cast import cast
from tatamu.ops.common import common_type, constant
from tatamu.ops.inplace import write
from tatamu.ops.op import Op, apply
from tatamu.ops.pairs import rsub, rsub_number

__all__ = [
    "NUMBERS", "alike", "beside", "must_be", "number", "of_one", "of_one_", "of_tensors",
    "of_tensors_", "of_two", "of_two_", "tensor_or_number", "wrong_argument", "wrong_arguments",
]  # fmt: skip

NUMBERS = (int, float, bool, np.number, np.bool_)
_PLAIN = (int, float)
S = TypeVar("S", bound=Array)


def wrong_argument(name: str, argument: str, value: Any, position: int = 1) -> TypeError:
    """torch's sentence for an argument that is no tensor; ``function`` counts one more."""

    def sentence(more: int) -> str:
        return (
            f"{name}(): argument '{argument}' (position {position + more}) must be Tensor, "
            f"not {type(value).__name__}\n  torch.tensor(...) makes one"
        )

    return _for_both(sentence(0), sentence(1))


def wrong_arguments(name: str, expected: str, *given: Any, **named: Any) -> TypeError:
    """torch's sentence for arguments that fit none of a method's forms; of a function, too."""

    def sentence(*before: str) -> str:
        kinds = [type(value).__name__ for value in given]
        kinds += [f"{key}={type(value).__name__}" for key, value in named.items()]
        got = ", ".join([*before, *kinds]) + (", " if named and not before and not given else "")
        return (
            f"{name}() received an invalid combination of arguments - got ({got}), but expected "
            f"one of:\n  {expected}"
        )

    return _for_both(sentence(), sentence("Tensor"))


def _for_both(method: str, function: str) -> TypeError:
    error = TypeError(method)
    vars(error)["of_function"] = TypeError(function)
    return error


def must_be(name: str, argument: str, value: Any, position: int = 1) -> Any:
    """``value``, which must be a tensor: else TypeError with torch's sentence."""
    if not isinstance(value, Array):
        raise wrong_argument(name, argument, value, position)
    return value


@lru_cache(maxsize=256, typed=True)
def _kept(value: float, dtype: DType) -> Array:
    """A number that was used before: nobody writes to it, for nobody else has it."""
    return constant(value, dtype)


def number(op: Op, value: Any, like: Array) -> Array:
    """A number as a tensor of no axes beside ``like``.

    Products and quotients of 16-bit floats take it in single precision, other operations rounded,
    as torch's kernels do.
    """
    dtype = like.dtype
    # 0.0 and -0.0 are one key.
    if dtype.itemsize >= 4 and dtype.is_floating_point and type(value) in _PLAIN and value:
        return _kept(value, dtype)
    if op is sub or op is rsub_number:
        if isinstance(value, (bool, np.bool_)):
            refuse_bools(dtypes.bool_, dtype)
    elif op is div and not dtype.is_floating_point:
        return constant(float(value), dtype)
    if dtype.itemsize == 2 and op in (mul, div) and like.shape and dtype.is_floating_point:
        dtype = dtypes.float32
    return constant(value, dtype)


def tensor_or_number(name: str, op: Op, value: Any, like: Array, overloaded: bool = False) -> Array:
    """``value`` as a tensor beside ``like``; TypeError with torch's sentence if it is neither."""
    if isinstance(value, Array):
        return value
    if isinstance(value, NUMBERS):
        return number(op, value, like)
    if overloaded:
        raise wrong_arguments(name, "(Tensor or Number other)", value)
    raise wrong_argument(name, "other", value)


def alike(op: Op, *tensors: Any) -> Any:
    """Tensors in the dtype that the result of ``op`` on them has.

    A tensor of no axes beside 16-bit floats stays as it is in products and quotients: see above.
    """
    if op in (sub, rsub, rsub_number):
        refuse_bools(tensors[0].dtype, tensors[1].dtype)
    wanted = common_type(*[(x.dtype, x.shape) for x in tensors])
    if wanted.itemsize == 2 and wanted.is_floating_point and op in (mul, div):
        single = dtypes.float32
        return [x if x.dtype is wanted else cast(x, wanted if x.shape else single) for x in tensors]
    return [cast(x, wanted) for x in tensors]


def beside(op: Op, x: Array, other: Array) -> Array:
    """``other`` in the dtype that it is computed with when the result is written to ``x``."""
    return other if other.dtype is x.dtype else alike(op, x, other)[1]


# ---- makers of methods ----


def _named(method: Any, name: str, words: str) -> Any:
    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = words
    return method


def of_one(name: str, op: Op, words: str) -> Callable[[S], S]:
    """The method ``name`` that is an operation without arguments."""

    def method(self: Any) -> Any:
        return apply(op, None, self)

    return _named(method, name, words)  # type: ignore[no-any-return]


def of_one_(name: str, op: Op) -> Callable[[S], S]:
    """The method that does the same in place."""

    def method(self: Any) -> Any:
        return write(op, None, self)

    words = f"As ``{name[:-1]}``, in place."
    return _named(method, name, words)  # type: ignore[no-any-return]


def of_two(
    name: str, op: Op, words: str, *, by_number: Op | None = None, overloaded: bool = False
) -> Callable[[S, Any], S]:
    """The method of a tensor and another or a number (which may have an operation of its own)."""

    def method(self: Any, other: Any) -> Any:
        value = tensor_or_number(name, op, other, self, overloaded)
        chosen = op if by_number is None or value is other else by_number
        if value.dtype is self.dtype:
            return apply(chosen, None, self, value)
        return apply(chosen, None, *alike(chosen, self, value))

    return _named(method, name, words)  # type: ignore[no-any-return]


def of_two_(
    name: str, op: Op, *, by_number: Op | None = None, overloaded: bool = False
) -> Callable[[S, Any], S]:
    """The method that does the same in place."""

    def method(self: Any, other: Any) -> Any:
        value = tensor_or_number(name, op, other, self, overloaded)
        chosen = op if by_number is None or value is other else by_number
        return write(chosen, None, self, beside(chosen, self, value))

    words = f"As ``{name[:-1]}``, in place."
    return _named(method, name, words)  # type: ignore[no-any-return]


def of_tensors(name: str, op: Op, words: str) -> Callable[[S, Any], S]:
    """The method of two tensors."""

    def method(self: Any, other: Any) -> Any:
        must_be(name, "other", other)
        if other.dtype is self.dtype:
            return apply(op, None, self, other)
        return apply(op, None, *alike(op, self, other))

    return _named(method, name, words)  # type: ignore[no-any-return]


def of_tensors_(name: str, op: Op) -> Callable[[S, Any], S]:
    """The method that does the same in place."""

    def method(self: Any, other: Any) -> Any:
        must_be(name, "other", other)
        return write(op, None, self, beside(op, self, other))

    words = f"As ``{name[:-1]}``, in place."
    return _named(method, name, words)  # type: ignore[no-any-return]
