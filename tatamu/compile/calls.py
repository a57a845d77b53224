"""Calls whose outputs lie where a program wants them."""

from __future__ import annotations

from dataclasses import replace

from tatamu.compile.graph import Node
from tatamu.ops.layout import Ints
from tatamu.ops.op import Call, Out

__all__ = ["PlacedCall", "can_place"]


class PlacedCall(Call):
    """A call whose outputs lie as the program says."""

    __slots__ = ("native", "places")

    def __init__(self, node: Node, *, native: bool = True) -> None:
        super().__init__(node.op, node.attrs, node.inputs)  # type: ignore[arg-type]
        self.native = native
        self.places = tuple([value.strides for value in node.outputs])

    def outs(self) -> tuple[Out, ...]:
        """The shape rule's, with the strides that were asked for."""
        pairs = zip(self.op.shape(self), self.places, strict=True)
        return tuple([out._replace(strides=strides) for out, strides in pairs])


def can_place(node: Node, strides: Ints) -> bool:
    """Whether a kernel can write the one output of a node with other strides."""
    if len(node.outputs) != 1 or node.outputs[0].inside is not None:
        return False
    call = PlacedCall(replace(node, outputs=(replace(node.outputs[0], strides=strides),)))
    return any(
        kernel.accepts(call) is None
        for kernel in node.op.kernels
        if getattr(kernel, "places", False)
    )
