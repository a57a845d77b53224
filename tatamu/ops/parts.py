"""Several views at once: an axis cut into parts, or into its positions.

y0, y1, ... = x            dx = (g0, g1, ...) joined again, with 0 for a part that has no gradient
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import full, interned, none, samples
from tatamu.ops.joining import cat, stack
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Call, Op, Out, apply

__all__ = ["Parts", "split", "split_with_sizes", "unbind"]


class Parts(NamedTuple):
    """The parts of an axis."""

    axis: int
    sizes: Ints

    @property
    def outputs(self) -> int:
        """How many there are."""
        return len(self.sizes)


def _at(x: Numpy, axis: int, part: int | slice) -> Numpy:
    where: Any = (*(slice(None),) * axis, part, ...)
    found: Numpy = x[where]
    return found


def _cut(parts: Parts, x: Numpy) -> tuple[Numpy, ...]:
    found, start = [], 0
    for size in parts.sizes:
        found.append(_at(x, parts.axis, slice(start, start + size)))
        start += size
    return tuple(found)


def _unbound(parts: Parts, x: Numpy) -> tuple[Numpy, ...]:
    return tuple([_at(x, parts.axis, place) for place in range(parts.outputs)])


def _op(name: str, title: str, look: Callable[..., tuple[Numpy, ...]], join: Op, at: Ints) -> Op:
    def shape(call: Call) -> tuple[Out, ...]:
        stand_in = np.broadcast_to(np.int8(0), call.shape(0))
        return tuple([Out(part.shape, call.dtype(0)) for part in look(call.attrs, stand_in)])

    def vjp(node: Node, *gradients: Array | None) -> tuple[Array]:
        call = node.call
        pairs = zip(gradients, shape(call), strict=True)
        whole = [full(out.shape, 0, call.dtype(0)) if g is None else g for g, out in pairs]
        return (apply(join, call.attrs.axis, *whole),)

    return Op(
        name=name,
        title=title,
        shape=shape,
        reference=look,
        vjp=vjp,
        saves=NOTHING,
        aliases=True,
        flops=none,
        bytes=none,
        samples=samples((3, 4, 5), attrs=interned(Parts(1, at))),
        kernels=(),
    )


split = _op("split", "Split", _cut, cat, (3, 1))
split_with_sizes = _op("split_with_sizes", "SplitWithSizes", _cut, cat, (1, 3))
unbind = _op("unbind", "Unbind", _unbound, stack, (1, 1, 1, 1))
