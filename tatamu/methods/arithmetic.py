"""The methods and operators of Tensor that calculate with another tensor or a number."""

from __future__ import annotations

from typing import Any, Self

from tatamu import dtypes
from tatamu.methods.operands import (
    NUMBERS,
    alike,
    beside,
    must_be,
    number,
    of_tensors,
    of_tensors_,
    of_two,
    of_two_,
    tensor_or_number,
    wrong_arguments,
)
from tatamu.ops import arithmetic, clamp, logic, pairs, triples
from tatamu.ops.arithmetic import add, div, mul, sub
from tatamu.ops.array import Array
from tatamu.ops.cast import cast
from tatamu.ops.common import constant, interned
from tatamu.ops.elementary import reciprocal
from tatamu.ops.inplace import write
from tatamu.ops.op import Op, apply
from tatamu.ops.power import pow_, power, power_of_number, scalar

__all__ = ["Arithmetic"]

_ROUNDED: dict[str | None, Op] = {None: div, "floor": pairs.div_floor, "trunc": pairs.div_trunc}


class Arithmetic(Array):
    """Sums, products, quotients, powers, and other functions of two or three numbers."""

    __slots__ = ()

    def _with(self, op: Op, other: Any, swapped: bool = False) -> Any:
        if not isinstance(other, Array):
            if not isinstance(other, NUMBERS):
                return NotImplemented
            other = number(op, other, self)
        if other.dtype is not self.dtype:
            a, b = alike(op, self, other)
            return apply(op, None, b, a) if swapped else apply(op, None, a, b)
        return apply(op, None, other, self) if swapped else apply(op, None, self, other)

    def _scaled(self, name: str, op: Op, other: Any, alpha: Any) -> Array:
        """``alpha * other``, for what has this argument."""
        value = tensor_or_number(name, op, other, self)
        if isinstance(alpha, int) and not isinstance(alpha, bool) and alpha == 1:
            return value
        dtype = alike(op, self, value)[0].dtype
        if isinstance(alpha, bool) and dtype is not dtypes.bool_:
            raise RuntimeError(
                "Boolean alpha only supported for Boolean results.\n"
                f"  the result is {dtype}, alpha {alpha}"
            )
        if isinstance(alpha, float) and not dtype.is_floating_point:
            raise RuntimeError(
                "For integral input tensors, argument alpha must not be a floating point number.\n"
                f"  the result is {dtype}, alpha {alpha}"
            )
        return mul(cast(value, dtype), constant(alpha, dtype))

    # ---- operators ----

    def __add__(self, other: Any) -> Self:
        return self._with(add, other)  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Self:
        return self._with(add, other)  # type: ignore[no-any-return]

    def __sub__(self, other: Any) -> Self:
        return self._with(sub, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> Self:
        return self._less_than(other)  # type: ignore[no-any-return]

    def _less_than(self, other: Any) -> Any:
        return self._with(pairs.rsub if isinstance(other, Array) else pairs.rsub_number, other)

    def __mul__(self, other: Any) -> Self:
        return self._with(mul, other)  # type: ignore[no-any-return]

    def __rmul__(self, other: Any) -> Self:
        return self._with(mul, other)  # type: ignore[no-any-return]

    def __truediv__(self, other: Any) -> Self:
        return self._with(div, other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Any) -> Self:
        if isinstance(other, NUMBERS):
            return Arithmetic._with(reciprocal(self), mul, other)  # type: ignore[no-any-return]
        return self._with(div, other, swapped=True)  # type: ignore[no-any-return]

    def __floordiv__(self, other: Any) -> Self:
        return self._with(pairs.floor_divide, other)  # type: ignore[no-any-return]

    def __rfloordiv__(self, other: Any) -> Self:
        return self._with(pairs.floor_divide, other, swapped=True)  # type: ignore[no-any-return]

    def __mod__(self, other: Any) -> Self:
        op = pairs.remainder if isinstance(other, Array) else pairs.remainder_number
        return self._with(op, other)  # type: ignore[no-any-return]

    def __rmod__(self, other: Any) -> Self:
        return self._with(pairs.remainder, other, swapped=True)  # type: ignore[no-any-return]

    def __pow__(self, other: Any) -> Self:
        if isinstance(other, (int, float)):
            return apply(pow_, scalar(other), self)
        return self._with(power, other)  # type: ignore[no-any-return]

    def __rpow__(self, other: Any) -> Self:
        return self._with(power_of_number, other, swapped=True)  # type: ignore[no-any-return]

    def __iadd__(self, other: Any) -> Self:
        return self._write(add, other)

    def __isub__(self, other: Any) -> Self:
        return self._write(sub, other)

    def __imul__(self, other: Any) -> Self:
        return self._write(mul, other)

    def __itruediv__(self, other: Any) -> Self:
        return self._write(div, other)

    def __ifloordiv__(self, other: Any) -> Self:
        return self._write(pairs.floor_divide, other)

    def __imod__(self, other: Any) -> Self:
        return self._write(pairs.remainder, other)

    def __ipow__(self, other: Any) -> Self:
        if isinstance(other, (int, float)):
            return write(pow_, scalar(other), self)
        return self._write(power, other)

    def _write(self, op: Op, other: Any) -> Self:
        if not isinstance(other, Array):
            if not isinstance(other, NUMBERS):
                return NotImplemented  # type: ignore[no-any-return]
            other = number(op, other, self)
        return write(op, None, self, beside(op, self, other))

    # ---- sums, products, quotients ----

    def add(self, other: Any, *, alpha: Any = 1) -> Self:
        """``self + alpha * other``."""
        return self._with(add, self._scaled("add", add, other, alpha))  # type: ignore[no-any-return]

    def add_(self, other: Any, *, alpha: Any = 1) -> Self:
        """Add in place."""
        return self._write(add, self._scaled("add_", add, other, alpha))

    def sub(self, other: Any, *, alpha: Any = 1) -> Self:
        """``self - alpha * other``."""
        return self._with(sub, self._scaled("sub", sub, other, alpha))  # type: ignore[no-any-return]

    def sub_(self, other: Any, *, alpha: Any = 1) -> Self:
        """Subtract in place."""
        return self._write(sub, self._scaled("sub_", sub, other, alpha))

    def subtract(self, other: Any, *, alpha: Any = 1) -> Self:
        """As ``sub``."""
        value = self._scaled("subtract", sub, other, alpha)
        return self._with(sub, value)  # type: ignore[no-any-return]

    def subtract_(self, other: Any, *, alpha: Any = 1) -> Self:
        """As ``sub``, in place."""
        return self._write(sub, self._scaled("subtract_", sub, other, alpha))

    mul = of_two("mul", arithmetic.mul, "``self * other``.")
    mul_ = of_two_("mul_", arithmetic.mul)
    multiply = of_two("multiply", arithmetic.mul, "As ``mul``.")
    multiply_ = of_two_("multiply_", arithmetic.mul)

    def div(self, other: Any, *, rounding_mode: str | None = None) -> Self:
        """``self / other``; its quotient rounded if ``rounding_mode`` is "floor" or "trunc".

        Raises RuntimeError for other modes and for integers over 0.

        >>> import tatamu
        >>> x = tatamu.tensor([7, -7])
        >>> x.div(2), x.div(2, rounding_mode="floor"), x.div(2, rounding_mode="trunc")
        (tensor([ 3.5000, -3.5000]), tensor([ 3, -4]), tensor([ 3, -3]))
        """
        op = _quotient(rounding_mode)
        return self._with(op, tensor_or_number("div", op, other, self))  # type: ignore[no-any-return]

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Self:
        """As ``div``, in place."""
        op = _quotient(rounding_mode)
        return self._write(op, tensor_or_number("div_", op, other, self))

    def divide(self, other: Any, *, rounding_mode: str | None = None) -> Self:
        """As ``div``."""
        op = _quotient(rounding_mode)
        value = tensor_or_number("divide", op, other, self)
        return self._with(op, value)  # type: ignore[no-any-return]

    def divide_(self, other: Any, *, rounding_mode: str | None = None) -> Self:
        """As ``div``, in place."""
        op = _quotient(rounding_mode)
        return self._write(op, tensor_or_number("divide_", op, other, self))

    true_divide = of_two("true_divide", arithmetic.div, "``self / other``.")
    true_divide_ = of_two_("true_divide_", arithmetic.div)
    floor_divide = of_two("floor_divide", pairs.floor_divide, "``self // other``.")
    floor_divide_ = of_two_("floor_divide_", pairs.floor_divide)
    remainder = of_two(
        "remainder",
        pairs.remainder,
        "``self % other``: what is left of division, with the divisor's sign.",
        by_number=pairs.remainder_number,
        overloaded=True,
    )
    remainder_ = of_two_(
        "remainder_", pairs.remainder, by_number=pairs.remainder_number, overloaded=True
    )
    fmod = of_two(
        "fmod",
        pairs.fmod,
        "What is left of division, with the dividend's sign.",
        by_number=pairs.fmod_number,
        overloaded=True,
    )
    fmod_ = of_two_("fmod_", pairs.fmod, by_number=pairs.fmod_number, overloaded=True)

    # ---- powers ----

    def pow(self, exponent: Any) -> Self:
        """``self ** exponent``, a number or a tensor."""
        found = self.__pow__(exponent)
        if found is NotImplemented:
            raise wrong_arguments("pow", "(Tensor or Number exponent)", exponent)
        return found

    def pow_(self, exponent: Any) -> Self:
        """As ``pow``, in place."""
        found = self.__ipow__(exponent)
        if found is NotImplemented:
            raise wrong_arguments("pow_", "(Tensor or Number exponent)", exponent)
        return found

    def float_power(self, exponent: Any) -> Self:
        """``self ** exponent`` in float64."""
        if isinstance(exponent, Array):
            exponent = cast(exponent, dtypes.float64)
        return cast(self, dtypes.float64).pow(exponent)

    def float_power_(self, exponent: Any) -> Self:
        """As ``float_power``, in place; RuntimeError for what is not float64."""
        if self.dtype is not dtypes.float64:
            raise RuntimeError(
                f"the base given to float_power_ has dtype {self.dtype.legacy_name} but the "
                "operation's result requires dtype Double\n  x.pow_(...) keeps the dtype"
            )
        return self.pow_(exponent)

    ldexp = of_tensors("ldexp", pairs.ldexp, "``self * 2 ** other``.")
    ldexp_ = of_tensors_("ldexp_", pairs.ldexp)
    xlogy = of_two(
        "xlogy",
        pairs.xlogy,
        "``self * log(other)``, 0 where self is 0.",
        by_number=pairs.xlogy_by_number,
        overloaded=True,
    )
    xlogy_ = of_two_("xlogy_", pairs.xlogy, by_number=pairs.xlogy_by_number, overloaded=True)
    logaddexp = of_tensors("logaddexp", pairs.logaddexp, "log(e^self + e^other).")
    logaddexp2 = of_tensors("logaddexp2", pairs.logaddexp2, "log2(2^self + 2^other).")

    # ---- signs, angles, the larger and the smaller ----

    atan2 = of_tensors("atan2", pairs.atan2, "The angle of the points (other, self).")
    atan2_ = of_tensors_("atan2_", pairs.atan2)
    arctan2 = of_tensors("arctan2", pairs.atan2, "As ``atan2``.")
    arctan2_ = of_tensors_("arctan2_", pairs.atan2)
    hypot = of_tensors("hypot", pairs.hypot, "√(self² + other²).")
    hypot_ = of_tensors_("hypot_", pairs.hypot)
    copysign = of_two(
        "copysign",
        pairs.copysign,
        "The size of self with the sign of other.",
        by_number=pairs.copysign_number,
        overloaded=True,
    )
    copysign_ = of_two_(
        "copysign_", pairs.copysign, by_number=pairs.copysign_number, overloaded=True
    )
    maximum = of_tensors("maximum", clamp.maximum, "The larger element; NaN if either is.")
    minimum = of_tensors("minimum", clamp.minimum, "The smaller element; NaN if either is.")
    fmax = of_tensors("fmax", pairs.fmax, "The larger element; the other one if one is NaN.")
    fmin = of_tensors("fmin", pairs.fmin, "The smaller element; the other one if one is NaN.")
    nextafter = of_tensors("nextafter", logic.nextafter, "The next number towards other's.")
    nextafter_ = of_tensors_("nextafter_", logic.nextafter)
    gcd = of_tensors("gcd", logic.gcd, "The greatest common divisor of integers.")
    gcd_ = of_tensors_("gcd_", logic.gcd)
    lcm = of_tensors("lcm", logic.lcm, "The least common multiple of integers.")
    lcm_ = of_tensors_("lcm_", logic.lcm)

    def heaviside(self, values: Any) -> Self:
        """0 below 0, 1 above, ``values`` at 0. RuntimeError for two dtypes."""
        return pairs.heaviside(self, _step("heaviside", self, values))

    def heaviside_(self, values: Any) -> Self:
        """As ``heaviside``, in place."""
        return write(pairs.heaviside, None, self, _step("heaviside_", self, values))

    # ---- three numbers ----

    def addcmul(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Self:
        """``self + value * tensor1 * tensor2``."""
        factors = _two_tensors("addcmul", tensor1, tensor2)
        given = alike(triples.addcmul, self, *factors)
        return apply(triples.addcmul, interned((_plain(value),)), *given)  # type: ignore[no-any-return]

    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Self:
        """As ``addcmul``, in place."""
        factors = _two_tensors("addcmul_", tensor1, tensor2)
        given = alike(triples.addcmul, self, *factors)[1:]
        return write(triples.addcmul, interned((_plain(value),)), self, *given)

    def addcdiv(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Self:
        """``self + value * tensor1 / tensor2``; RuntimeError for a quotient of integers."""
        factors = _divisible(_two_tensors("addcdiv", tensor1, tensor2))
        given = alike(triples.addcdiv, self, *factors)
        return apply(triples.addcdiv, interned((_plain(value),)), *given)  # type: ignore[no-any-return]

    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Self:
        """As ``addcdiv``, in place."""
        factors = _divisible(_two_tensors("addcdiv_", tensor1, tensor2))
        given = alike(triples.addcdiv, self, *factors)[1:]
        return write(triples.addcdiv, interned((_plain(value),)), self, *given)

    def lerp(self, end: Any, weight: Any) -> Self:
        """``self + weight * (end - self)``; the weight is a number or a tensor."""
        _ends("lerp", end, weight)
        if isinstance(weight, Array):
            return triples.lerp(self, end, weight)
        return apply(triples.lerp_number, interned((float(weight),)), self, end)

    def lerp_(self, end: Any, weight: Any) -> Self:
        """As ``lerp``, in place."""
        _ends("lerp_", end, weight)
        if isinstance(weight, Array):
            return write(triples.lerp, None, self, end, weight)
        return write(triples.lerp_number, interned((float(weight),)), self, end)


def _quotient(rounding_mode: str | None) -> Op:
    op = _ROUNDED.get(rounding_mode)
    if op is None:
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return op


def _plain(value: Any) -> Any:
    return value.array.item() if isinstance(value, Array) else value


def _step(name: str, x: Array, values: Any) -> Any:
    must_be(name, "values", values)
    if values.dtype is not x.dtype:
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes.\n"
            f"  {x.dtype} and {values.dtype}"
        )
    return values


def _two_tensors(name: str, first: Any, second: Any) -> tuple[Any, Any]:
    return must_be(name, "tensor1", first, 1), must_be(name, "tensor2", second, 2)


def _divisible(factors: tuple[Any, Any]) -> tuple[Any, Any]:
    if not any([x.dtype.is_floating_point for x in factors]):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release "
            "addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv "
            "behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2))."
            "to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for "
            "float inputs. The future addcdiv behavior is just the latter implementation: (input "
            "+ value * tensor1 / tensor2), for all dtypes."
        )
    return factors


def _ends(name: str, end: Any, weight: Any) -> None:
    if not isinstance(end, Array) or not isinstance(weight, (Array, *NUMBERS)):
        raise wrong_arguments(name, "(Tensor end, Tensor or Number weight)", end, weight)
