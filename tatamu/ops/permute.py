"""Permute: the axes in another order. The gradient's axes go back to where they were.

The exchange of two axes, and the transpose of a matrix, have names of their own in torch.
"""

from __future__ import annotations

from typing import TypeVar

from tatamu.ops.array import Array
from tatamu.ops.common import none, samples, view_shape
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Op, view

__all__ = ["permute", "permute_view", "t", "t_", "transpose", "transpose_"]

T = TypeVar("T", bound=Array)


def _inverse(order: Ints) -> Ints:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def permute(x: T, order: Ints) -> T:
    """The axes of ``x`` in another order."""
    return view(permute_view, order, x)


def _permuting(name: str, title: str) -> Op:
    return Op(
        name=name,
        title=title,
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


permute_view = _permuting("permute", "Permute")
transpose = _permuting("transpose", "Transpose")
transpose_ = _permuting("transpose_", "TransposeBackward1")
t = _permuting("t", "T")
t_ = _permuting("t_", "TBackward1")
