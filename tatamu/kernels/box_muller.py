"""Blocks of 16 uniform float32 numbers made normal in place, with torch's roundings.

The same steps as ``tatamu.random.normal``, which serves where no kernel can run and says what they
are: every product and sum is rounded to float32, those named ``fma`` once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.box_muller_table import (
    COSINE,
    FOUR_OVER_PI,
    LN2,
    LOG,
    QUARTER_PI,
    SINE,
    SQRT_HALF,
    TWO_PI,
)
from tatamu.stage import F32, I32, I64, Function, Layout, Module, PointerTo, Target, Type, Value
from tatamu.stage import math as stage_math

__all__ = ["BoxMullerPlan", "accepts", "plan"]

HALF = 8  # numbers: a block is as many radii and as many angles
ITEM = 2048  # blocks

# `numbers` holds the mean and the deviation.
FIELDS: dict[str, Type | PointerTo] = {
    "data": PointerTo(F32),
    "numbers": PointerTo(F32),
    "blocks": I64,
}


def accepts(blocks: int, target: Target) -> str | None:
    """None if the kernel can run for ``target``, else why it cannot."""
    return None if target.fma else "the processor cannot multiply and add with one rounding"


@dataclass(frozen=True, slots=True)
class BoxMullerPlan:
    """So many blocks, one after another."""

    blocks: int
    target: Target

    label = "Box and Muller"

    @property
    def items(self) -> int:
        """Parts of the blocks."""
        return -(-self.blocks // ITEM)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return 1000 * self.blocks

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return f"box_muller_{self.target.tag}"

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; data and numbers (fields 0 and 1) are for the call to fill."""
        return Layout.of(FIELDS).pack(data=0, numbers=0, blocks=self.blocks)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.target)


def plan(blocks: int, target: Target) -> BoxMullerPlan:
    """Work out the plan; ``accepts(blocks, target)`` must be None."""
    return BoxMullerPlan(blocks, target)


def emit(target: Target, *, debug: bool = False) -> Module:
    """Each item makes ``ITEM`` blocks normal, the last one what is left."""
    m = Module(f"box_muller_{target.tag}", target, debug=debug)
    f, a = m.task(FIELDS)
    data = a.pointer("data")
    mean, deviation = (a.pointer("numbers").splat(i, HALF) for i in range(2))
    first, last = f.args.begin * ITEM, f.min(f.args.end * ITEM, a.blocks)
    for block in f.loop(last, start=first):
        at = block * (2 * HALF)
        uniform, turn = data.vec(at, HALF), data.vec(at + HALF, HALF)
        radius = stage_math.sqrt(f, _log(f, 1.0 - uniform) * -2.0)
        sine, cosine = _sine_cosine(f, turn * TWO_PI)
        for place, wave in enumerate((cosine, sine)):
            data.store(at + place * HALF, f.fma(radius * wave, deviation, mean))
    return m


def _polynomial(f: Function, coefficients: list[float], x: Value) -> Value:
    """Horner's scheme."""
    value = f.constant(coefficients[0], x.type)
    for coefficient in coefficients[1:]:
        value = f.fma(value, x, coefficient)
    return value


def _log(f: Function, x: Value) -> Value:
    """The logarithm of normal numbers: x = m 2^e with m near 1, a polynomial in m - 1."""
    t = x.type
    bits = f.bits(x)
    exponent = f.convert("sitofp", f.arithmetic("lshr", bits, 23) - 126, t)
    mantissa = f.from_bits((bits & 0x7FFFFF) | 0x3F000000)
    low = mantissa < SQRT_HALF
    exponent = exponent - f.select(low, f.constant(1.0, t), 0.0)
    y = f.select(low, mantissa + mantissa, mantissa) - 1.0
    square = y * y
    value = f.fma(_polynomial(f, LOG, y) * y, square, exponent * LN2[1])
    value = f.fma(square, -0.5, value)
    return f.fma(exponent, LN2[0], y + value)


def _sine_cosine(f: Function, x: Value) -> tuple[Value, Value]:
    """Sine and cosine of numbers in [0, 2 pi): less a multiple of pi/2, a polynomial each."""
    t = x.type
    octant = f.convert("fptosi", x * FOUR_OVER_PI, I32.vector(t.lanes))
    octant = (octant + 1) & -2
    multiple = f.convert("sitofp", octant, t)
    for part in QUARTER_PI:
        x = f.fma(multiple, part, x)
    square = x * x
    cosine = _polynomial(f, COSINE, square) * square
    cosine = f.fma(cosine, square, square * -0.5) + 1.0
    sine = f.fma(_polynomial(f, SINE, square) * square, x, x)
    swapped = (octant & 2) != 0
    first, second = f.select(swapped, cosine, sine), f.select(swapped, sine, cosine)
    turned, mirrored = (octant & 4) != 0, ((octant + 2) & 4) != 0
    return (
        f.select(turned, f.negate(first), first),
        f.select(mirrored, f.negate(second), second),
    )
