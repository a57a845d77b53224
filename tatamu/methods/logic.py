"""Comparisons, logic, bits, bounds, choices, and what is written in place of numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Self

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.methods.arithmetic import Arithmetic
from tatamu.methods.operands import (
    NUMBERS,
    alike,
    of_tensors,
    of_tensors_,
    of_two,
    of_two_,
    tensor_or_number,
    wrong_argument,
    wrong_arguments,
)
from tatamu.ops import clamp as _clamp
from tatamu.ops import comparison, logic, pointwise
from tatamu.ops.arithmetic import add, mul, sub
from tatamu.ops.array import Array
from tatamu.ops.cast import cast, overwrite
from tatamu.ops.common import common_type, constant, fitting
from tatamu.ops.inplace import write
from tatamu.ops.layout import broadcast_shapes
from tatamu.ops.op import Op, apply

__all__ = ["Logic", "where"]


class Logic(Arithmetic):
    """Answers as truth values, bits, and numbers held between bounds."""

    __slots__ = ()

    # ---- operators ----

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._with(comparison.eq, other)  # type: ignore[no-any-return]

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._with(comparison.ne, other)  # type: ignore[no-any-return]

    def __lt__(self, other: Any) -> Self:
        return self._with(comparison.lt, other)  # type: ignore[no-any-return]

    def __le__(self, other: Any) -> Self:
        return self._with(comparison.le, other)  # type: ignore[no-any-return]

    def __gt__(self, other: Any) -> Self:
        return self._with(comparison.gt, other)  # type: ignore[no-any-return]

    def __ge__(self, other: Any) -> Self:
        return self._with(comparison.ge, other)  # type: ignore[no-any-return]

    def __hash__(self) -> int:
        return id(self)

    def __invert__(self) -> Self:
        if self.dtype.is_floating_point:
            raise TypeError(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors\n"
                f"  this one is {self.dtype}"
            )
        return logic.bitwise_not(self)

    def __and__(self, other: Any) -> Self:
        return self._with(logic.bitwise_and, other)  # type: ignore[no-any-return]

    def __rand__(self, other: Any) -> Self:
        return self._with(logic.bitwise_and, other)  # type: ignore[no-any-return]

    def __or__(self, other: Any) -> Self:
        return self._with(logic.bitwise_or, other)  # type: ignore[no-any-return]

    def __ror__(self, other: Any) -> Self:
        return self._with(logic.bitwise_or, other)  # type: ignore[no-any-return]

    def __xor__(self, other: Any) -> Self:
        return self._with(logic.bitwise_xor, other)  # type: ignore[no-any-return]

    def __rxor__(self, other: Any) -> Self:
        return self._with(logic.bitwise_xor, other)  # type: ignore[no-any-return]

    def __lshift__(self, other: Any) -> Self:
        return self._with(logic.bitwise_left_shift, other)  # type: ignore[no-any-return]

    def __rlshift__(self, other: Any) -> Self:
        return self._with(logic.bitwise_left_shift, other, True)  # type: ignore[no-any-return]

    def __rshift__(self, other: Any) -> Self:
        return self._with(logic.bitwise_right_shift, other)  # type: ignore[no-any-return]

    def __rrshift__(self, other: Any) -> Self:
        return self._with(logic.bitwise_right_shift, other, True)  # type: ignore[no-any-return]

    def __iand__(self, other: Any) -> Self:
        return self._write(logic.bitwise_and, other)

    def __ior__(self, other: Any) -> Self:
        return self._write(logic.bitwise_or, other)

    def __ixor__(self, other: Any) -> Self:
        return self._write(logic.bitwise_xor, other)

    def __ilshift__(self, other: Any) -> Self:
        return self._write(logic.bitwise_left_shift, other)

    def __irshift__(self, other: Any) -> Self:
        return self._write(logic.bitwise_right_shift, other)

    # ---- the same by name ----

    eq = of_two("eq", comparison.eq, "Whether elements are equal.", overloaded=True)
    eq_ = of_two_("eq_", comparison.eq, overloaded=True)
    ne = of_two("ne", comparison.ne, "Whether elements differ.", overloaded=True)
    ne_ = of_two_("ne_", comparison.ne, overloaded=True)
    not_equal = of_two("not_equal", comparison.ne, "As ``ne``.", overloaded=True)
    not_equal_ = of_two_("not_equal_", comparison.ne, overloaded=True)
    lt = of_two("lt", comparison.lt, "Whether elements are less than others.", overloaded=True)
    lt_ = of_two_("lt_", comparison.lt, overloaded=True)
    less = of_two("less", comparison.lt, "As ``lt``.", overloaded=True)
    less_ = of_two_("less_", comparison.lt, overloaded=True)
    le = of_two("le", comparison.le, "Whether elements are no more than others.", overloaded=True)
    le_ = of_two_("le_", comparison.le, overloaded=True)
    less_equal = of_two("less_equal", comparison.le, "As ``le``.", overloaded=True)
    less_equal_ = of_two_("less_equal_", comparison.le, overloaded=True)
    gt = of_two("gt", comparison.gt, "Whether elements are more than others.", overloaded=True)
    gt_ = of_two_("gt_", comparison.gt, overloaded=True)
    greater = of_two("greater", comparison.gt, "As ``gt``.", overloaded=True)
    greater_ = of_two_("greater_", comparison.gt, overloaded=True)
    ge = of_two("ge", comparison.ge, "Whether elements are no less than others.", overloaded=True)
    ge_ = of_two_("ge_", comparison.ge, overloaded=True)
    greater_equal = of_two("greater_equal", comparison.ge, "As ``ge``.", overloaded=True)
    greater_equal_ = of_two_("greater_equal_", comparison.ge, overloaded=True)

    logical_and = of_tensors("logical_and", logic.logical_and, "Whether neither element is 0.")
    logical_and_ = of_tensors_("logical_and_", logic.logical_and)
    logical_or = of_tensors("logical_or", logic.logical_or, "Whether not both elements are 0.")
    logical_or_ = of_tensors_("logical_or_", logic.logical_or)
    logical_xor = of_tensors("logical_xor", logic.logical_xor, "Whether just one element is 0.")
    logical_xor_ = of_tensors_("logical_xor_", logic.logical_xor)

    bitwise_and = of_two("bitwise_and", logic.bitwise_and, "Bits set in both.", overloaded=True)
    bitwise_and_ = of_two_("bitwise_and_", logic.bitwise_and, overloaded=True)
    bitwise_or = of_two("bitwise_or", logic.bitwise_or, "Bits set in either.", overloaded=True)
    bitwise_or_ = of_two_("bitwise_or_", logic.bitwise_or, overloaded=True)
    bitwise_xor = of_two("bitwise_xor", logic.bitwise_xor, "Bits set in one.", overloaded=True)
    bitwise_xor_ = of_two_("bitwise_xor_", logic.bitwise_xor, overloaded=True)
    bitwise_left_shift = of_two(
        "bitwise_left_shift", logic.bitwise_left_shift, "``self << other``.", overloaded=True
    )
    bitwise_left_shift_ = of_two_("bitwise_left_shift_", logic.bitwise_left_shift, overloaded=True)
    bitwise_right_shift = of_two(
        "bitwise_right_shift", logic.bitwise_right_shift, "``self >> other``.", overloaded=True
    )
    bitwise_right_shift_ = of_two_(
        "bitwise_right_shift_", logic.bitwise_right_shift, overloaded=True
    )

    # ---- equality as a whole ----

    def isclose(
        self, other: Array, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
    ) -> Self:
        """Whether ``|self - other| <= atol + rtol * |other|``; inf is close to itself.

        Raises RuntimeError for two dtypes or a negative tolerance.
        """
        if not isinstance(other, Array):
            raise wrong_argument("isclose", "other", other)
        if self.dtype is not other.dtype:
            names = self.dtype.legacy_name, other.dtype.legacy_name
            raise RuntimeError(f"{names[0]} did not match {names[1]}\n  cast one: x.to(y.dtype)")
        for name, tolerance in (("rtol", rtol), ("atol", atol)):
            if not tolerance >= 0:
                raise RuntimeError(
                    f"{name} must be greater than or equal to zero, but got {tolerance:g}"
                )
        close: Any = comparison.eq(self, other)
        if self.dtype.is_floating_point and equal_nan:
            both = logic.logical_and(logic.isnan(self), logic.isnan(other))
            close = logic.logical_or(close, both)
        if rtol == 0 and atol == 0:
            return close  # type: ignore[no-any-return]
        floating = constant(1.0, self.dtype).dtype
        a, b = cast(_detached(self), floating), cast(_detached(other), floating)
        allowed = add(constant(atol, floating), pointwise.abs_(mul(constant(rtol, floating), b)))
        error = pointwise.abs_(sub(a, b))
        near = logic.logical_and(logic.isfinite(error), comparison.le(error, allowed))
        return logic.logical_or(close, near)  # type: ignore[no-any-return]

    def allclose(
        self, other: Array, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
    ) -> bool:
        """Whether all elements are close; see ``isclose``."""
        return bool(Logic.isclose(self, other, rtol, atol, equal_nan).array.all())

    def equal(self, other: Array) -> bool:
        """Whether two tensors have one shape and the same elements."""
        if not isinstance(other, Array):
            raise wrong_argument("equal", "other", other)
        return self.shape == other.shape and bool(self._with(comparison.eq, other).array.all())

    # ---- bounds ----

    def clamp(self, min: Any = None, max: Any = None) -> Self:
        """Each element held between two bounds, numbers or tensors, either of which may be None.

        Raises RuntimeError if both are None, TypeError for a number beside a tensor.

        >>> import tatamu
        >>> tatamu.tensor([-2.0, 0.5, 7.0]).clamp(0, 1)
        tensor([0.0000, 0.5000, 1.0000])
        """
        if isinstance(min, Array) or isinstance(max, Array):
            return _clamp_by_tensors("clamp", _clamp.clamp_between, self, min, max)  # type: ignore[no-any-return]
        return apply(_clamp.clamp, *_clamp_by_numbers("clamp", self, min, max))  # type: ignore[no-any-return]

    def clamp_(self, min: Any = None, max: Any = None) -> Self:
        """As ``clamp``, in place."""
        return self._clamp_in_place("clamp_", _clamp.clamp, _clamp.clamp_between, min, max)

    def clip(self, min: Any = None, max: Any = None) -> Self:
        """As ``clamp``."""
        return self.clamp(min, max)

    def clip_(self, min: Any = None, max: Any = None) -> Self:
        """As ``clamp``, in place."""
        return self.clamp_(min, max)

    def clamp_min(self, min: Any) -> Self:
        """Each element, or ``min`` if it is less."""
        if isinstance(min, Array):
            return _clamp_by_tensors("clamp_min", _clamp.clamp_above, self, min, None)  # type: ignore[no-any-return]
        return apply(_clamp.clamp_min, *_clamp_by_numbers("clamp_min", self, min, None))  # type: ignore[no-any-return]

    def clamp_min_(self, min: Any) -> Self:
        """As ``clamp_min``, in place."""
        return self._clamp_in_place("clamp_min_", _clamp.clamp_min, _clamp.clamp_above, min, None)

    def clamp_max(self, max: Any) -> Self:
        """Each element, or ``max`` if it is more."""
        if isinstance(max, Array):
            return _clamp_by_tensors("clamp_max", _clamp.clamp_below, self, None, max)  # type: ignore[no-any-return]
        return apply(_clamp.clamp_max, *_clamp_by_numbers("clamp_max", self, None, max))  # type: ignore[no-any-return]

    def clamp_max_(self, max: Any) -> Self:
        """As ``clamp_max``, in place."""
        return self._clamp_in_place("clamp_max_", _clamp.clamp_max, _clamp.clamp_below, None, max)

    def _clamp_in_place(self, name: str, numbers: Op, tensors: Op, low: Any, high: Any) -> Self:
        if isinstance(low, Array) or isinstance(high, Array):
            _check_bounds(name, low, high)
            given = [None if b is None else cast(b, self.dtype) for b in (low, high)]
            return write(tensors, None, self, *given)  # type: ignore[arg-type]
        bounds, x = _clamp_by_numbers(name, self, low, high)
        if dtypes.category(x.dtype) > dtypes.category(self.dtype):
            raise RuntimeError(
                f"result type {x.dtype.legacy_name} can't be cast to the desired output type "
                f"{self.dtype.c_name}\n  the tensor holds {self.dtype}"
            )
        return write(numbers, bounds, self)

    # ---- choices and writes ----

    def where(self, condition: Array, other: Any) -> Self:
        """Each element where the condition holds, else that of ``other``, a tensor or a number."""
        return where(condition, self, other)  # type: ignore[no-any-return]

    def zero_(self) -> Self:
        """Fill with zeros."""
        return write(overwrite, None, self, constant(0, self.dtype))

    def fill_(self, value: Any) -> Self:
        """Fill with one number."""
        if not isinstance(value, (Array, *NUMBERS)):
            raise wrong_arguments("fill_", "(Tensor or Number value)", value)
        if isinstance(value, Array) and value.shape:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{len(value.shape)} dimensions.\n  x.copy_(...) takes as many numbers as x has"
            )
        source = value if isinstance(value, Array) else _filler(value, self.dtype)
        return write(overwrite, None, self, source)

    def copy_(self, source: Any, non_blocking: bool = False) -> Self:
        """Take the numbers of another tensor, broadcast and cast."""
        value = tensor_or_number("copy_", overwrite, source, self)
        broadcast_shapes(self.shape, value.shape)
        return write(overwrite, None, self, value)


def where(condition: Any, x: Any, y: Any) -> Any:
    """``x`` where the condition holds, else ``y``, tensors or numbers."""
    if condition.dtype is dtypes.uint8:
        import warnings

        warnings.warn(
            "where received a uint8 condition tensor. This behavior is deprecated and will be "
            "removed in a future version of PyTorch. Use a boolean condition instead.",
            UserWarning,
            stacklevel=3,
        )
        condition = cast(condition, dtypes.bool_)
    if not isinstance(x, Array) and not isinstance(y, Array):
        x, y = (constant(v, dtypes.bool_) for v in (x, y))
        dtype = dtypes.promote(x.dtype, y.dtype)
        return comparison.where(condition, cast(x, dtype), cast(y, dtype))
    if not isinstance(x, Array):
        x = _beside(x, y)
    if not isinstance(y, Array):
        y = _beside(y, x)
    if x.dtype is not y.dtype:
        dtype = common_type((x.dtype, x.shape), (y.dtype, y.shape))
        x, y = cast(x, dtype), cast(y, dtype)
    return comparison.where(condition, x, y)


def _detached(x: Array) -> Array:
    from tatamu.ops.array import detached

    return detached(x)


def _filler(value: Any, dtype: DType) -> Array:
    """A number in the dtype it fills, not in that of arithmetic; torch's sentence if too large."""
    if not dtype.is_floating_point and dtype is not dtypes.bool_:
        return constant(fitting(value, dtype), dtype)
    return cast(constant(value, dtype), dtype)


def _beside(value: Any, x: Array) -> Array:
    """A number to choose instead of what ``x`` holds."""
    number = constant(value, x.dtype)
    if number.dtype is x.dtype and not x.dtype.is_floating_point:
        return _filler(value, x.dtype)
    return number


def _check_bounds(name: str, low: Any, high: Any) -> None:
    """torch's sentences for no bounds, and for what are neither tensors nor numbers."""
    given = {key: bound for key, bound in (("max", high), ("min", low)) if bound is not None}
    if not given:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    for kind in (Array, NUMBERS):
        if all([isinstance(bound, kind) for bound in given.values()]):
            return
    raise wrong_arguments(name, "(Tensor min, Tensor max)\n  (Number min, Number max)", **given)


@lru_cache(maxsize=256, typed=True)
def _held(dtype: DType, low: Any, high: Any) -> tuple[DType, tuple[Any, Any]]:
    """The dtype that numbers are held in by these bounds, and the bounds in it.

    Plans are looked up by the identity of the bounds, so the same ones are always given.
    """
    for bound in (low, high):
        if bound is not None:
            dtype = constant(bound, dtype).dtype
    if dtype.is_floating_point:
        return dtype, (low, high)
    if dtype is dtypes.bool_:
        kind = "_min" if high is None else "_max" if low is None else ""
        raise NotImplementedError(
            f"\"clamp{kind}_scalar_cpu\" not implemented for 'Bool'\n"
            "  bounds that are whole numbers make them of truth values"
        )
    least, most = (None if b is None else fitting(b, dtype) for b in (low, high))
    return dtype, (least, most)


dtypes.depending.append(_held.cache_clear)


def _clamp_by_numbers(name: str, x: Array, low: Any, high: Any) -> Any:
    if type(low) not in _PLAIN or type(high) not in _PLAIN or (low is None and high is None):
        _check_bounds(name, low, high)
    dtype, bounds = _held(x.dtype, low, high)
    return bounds, cast(x, dtype)


_PLAIN = (float, int, type(None))


def _clamp_by_tensors(name: str, op: Op, x: Array, low: Any, high: Any) -> Any:
    _check_bounds(name, low, high)
    bounds = [b for b in (low, high) if b is not None]
    given = iter(alike(op, x, *bounds))
    return apply(op, None, next(given), *[None if b is None else next(given) for b in (low, high)])
