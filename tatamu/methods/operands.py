"""What stands beside a tensor in arithmetic: numbers as tensors, and one dtype for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from tatamu import dtypes
from tatamu.ops.arithmetic import div, mul, refuse_bools, sub
from tatamu.ops.array import Array
from tatamu.ops.cast import cast
from tatamu.ops.common import common_type, constant
from tatamu.ops.inplace import write
from tatamu.ops.op import Op, apply
from tatamu.ops.pairs import rsub

__all__ = [
    "NUMBERS", "WrongArgument", "alike", "beside", "must_be", "number", "of_one", "of_one_",
    "of_tensors", "of_tensors_", "of_two", "of_two_", "tensor_or_number",
]  # fmt: skip

NUMBERS = (int, float, bool, np.number, np.bool_)
S = TypeVar("S", bound=Array)


class WrongArgument(TypeError):
    """An argument is of a type that a method does not take; torch's sentence for the method.

    ``of_function`` is the one for the function of that name, whose arguments are one more.
    """

    def __init__(
        self, name: str, argument: str, value: Any, position: int = 1, overloaded: bool = False
    ) -> None:
        self.given = (name, argument, value, position, overloaded)
        super().__init__(self._sentence(0))

    def _sentence(self, more: int) -> str:
        name, argument, value, position, overloaded = self.given
        got = type(value).__name__
        if overloaded:
            before = ["Tensor"] * (position - 1 + more)
            return (
                f"{name}() received an invalid combination of arguments - got "
                f"({', '.join([*before, got])}), but expected one of:\n"
                f"  {argument} as a tensor or a number, not {value!r}"
            )
        return (
            f"{name}(): argument '{argument}' (position {position + more}) must be Tensor, "
            f"not {got}\n  torch.tensor(...) makes one"
        )

    def of_function(self) -> TypeError:
        """The same of torch's function."""
        return TypeError(self._sentence(1))


def must_be(name: str, argument: str, value: Any, position: int = 1) -> Any:
    """``value``, which must be a tensor: else TypeError with torch's sentence."""
    if not isinstance(value, Array):
        raise WrongArgument(name, argument, value, position)
    return value


def number(op: Op, value: Any, like: Array) -> Array:
    """A number as a tensor of no axes beside ``like``.

    Products and quotients of 16-bit floats take it in single precision, other operations rounded,
    as torch's kernels do.
    """
    dtype = like.dtype
    if dtype.itemsize == 2 and op in (mul, div) and like.shape and dtype.is_floating_point:
        dtype = dtypes.float32
    return constant(value, dtype)


def tensor_or_number(name: str, op: Op, value: Any, like: Array, overloaded: bool = False) -> Array:
    """``value`` as a tensor beside ``like``; TypeError with torch's sentence if it is neither."""
    if isinstance(value, Array):
        return value
    if isinstance(value, NUMBERS):
        return number(op, value, like)
    raise WrongArgument(name, "other", value, 1, overloaded)


def alike(op: Op, *tensors: Any) -> Any:
    """Tensors in the dtype that the result of ``op`` on them has.

    A tensor of no axes beside 16-bit floats stays as it is in products and quotients: see above.
    """
    if op is sub or op is rsub:
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
