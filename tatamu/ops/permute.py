"""Permute: the axes in another order. The gradient's axes go back to where they were."""

from __future__ import annotations

from typing import TypeVar

from tatamu.ops.array import Array
from tatamu.ops.common import none, samples, view_shape
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Op, view

__all__ = ["permute", "permute_view"]

T = TypeVar("T", bound=Array)


def _inverse(order: Ints) -> Ints:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def permute(x: T, order: Ints) -> T:
    """The axes of ``x`` in another order."""
    return view(permute_view, order, x)


permute_view = Op(
    name="permute",
    title="Permute",
    shape=view_shape,
    reference=lambda order, x: x.transpose(order),
    vjp=lambda node, g: (permute(g, _inverse(node.call.attrs)),),
    saves=NOTHING,
    aliases=True,
    flops=none,
    bytes=none,
    samples=samples((2, 3, 4), attrs=(2, 0, 1)),
    kernels=(),
)
