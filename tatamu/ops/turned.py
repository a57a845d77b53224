"""The elements of a tensor in other places: flipped, rolled, turned, repeated, cut to a triangle.

flip, roll, rot90    dx = g the other way round
tril, triu           dx = g cut alike
repeat               dx = the sum of the copies of g
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, like_input, moved_bytes, none, same_as_first, samples
from tatamu.ops.expand import sum_
from tatamu.ops.folding import reduction
from tatamu.ops.layout import Ints, contiguous_strides
from tatamu.ops.op import NOTHING, Call, Op, Out, apply
from tatamu.ops.reshape import reshape

__all__ = ["Roll", "Turn", "flip", "repeat", "roll", "rot90", "tril", "triu"]


class Roll(NamedTuple):
    """How far along which axes; no axes: along all elements as one row."""

    shifts: Ints
    axes: Ints | None


class Turn(NamedTuple):
    """So many quarter turns from the first axis towards the second."""

    times: int
    axes: tuple[int, int]


def _same_shape(call: Call) -> tuple[Out, ...]:
    return (Out(call.shape(0), call.dtype(0)),)


def _moving(
    name: str,
    title: str,
    move: Callable[[Any, Numpy], Numpy],
    vjp: Callable[[Node, Any], tuple[Array]],
    attrs: Any,
    shape: Callable[[Call], tuple[Out, ...]] = _same_shape,
) -> Op:
    return Op(
        name=name,
        title=title,
        shape=shape,
        reference=lambda attrs, x: np.array(move(attrs, x), order="C"),
        vjp=vjp,
        saves=NOTHING,
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=samples((3, 4, 5), attrs=attrs),
        kernels=(),
    )


def _alike(node: Node, g: Array) -> tuple[Array]:
    return (apply(node.call.op, node.call.attrs, g),)


def _roll_vjp(node: Node, g: Array) -> tuple[Array]:
    given: Roll = node.call.attrs
    return (apply(roll, interned(Roll(tuple([-n for n in given.shifts]), given.axes)), g),)


def _turn_vjp(node: Node, g: Array) -> tuple[Array]:
    given: Turn = node.call.attrs
    return (apply(rot90, interned(Turn(-given.times, given.axes)), g),)


def _rolled(given: Roll, x: Numpy) -> Numpy:
    return np.roll(x, given.shifts, given.axes) if given.axes else np.roll(x, given.shifts[0])


def _turned(given: Turn, x: Numpy) -> Numpy:
    return np.rot90(x, given.times, given.axes)


def _turned_shape(call: Call) -> tuple[Out, ...]:
    """torch flips, then exchanges the axes."""
    given: Turn = call.attrs
    shape = list(call.shape(0))
    strides = list(like_input(call, call.shape(0)) or contiguous_strides(call.shape(0)))
    if given.times % 2:
        a, b = given.axes
        shape[a], shape[b] = shape[b], shape[a]
        strides[a], strides[b] = strides[b], strides[a]
    return (Out(tuple(shape), call.dtype(0), tuple(strides)),)


def _repeated_shape(call: Call) -> tuple[Out, ...]:
    times: Ints = call.attrs
    shape = (1,) * (len(times) - len(call.shape(0))) + call.shape(0)
    return (Out(tuple([n * m for n, m in zip(times, shape, strict=True)]), call.dtype(0)),)


def _repeat_vjp(node: Node, g: Array) -> tuple[Array]:
    times: Ints = node.call.attrs
    own = node.call.shape(0)
    wide = (1,) * (len(times) - len(own)) + own
    apart = tuple([n for pair in zip(times, wide, strict=True) for n in pair])
    copies = reduction(tuple(range(0, len(apart), 2)))
    return (reshape(apply(sum_, copies, reshape(g, apart)), own),)


flip = _moving("flip", "Flip", lambda axes, x: np.flip(x, axes), _alike, (0, 2), same_as_first)
roll = _moving("roll", "Roll", _rolled, _roll_vjp, Roll((1, 2), (0, 2)), same_as_first)
rot90 = _moving("rot90", "Rot90", _turned, _turn_vjp, Turn(1, (0, 2)), _turned_shape)
tril = _moving("tril", "Tril", lambda diagonal, x: np.tril(x, diagonal), _alike, 1)
triu = _moving("triu", "Triu", lambda diagonal, x: np.triu(x, diagonal), _alike, -1)
repeat = _moving(
    "repeat",
    "Repeat",
    lambda times, x: np.tile(x, times),
    _repeat_vjp,
    (2, 1, 3, 2),
    _repeated_shape,
)
