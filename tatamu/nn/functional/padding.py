"""Padding as a function."""

from __future__ import annotations

from collections.abc import Sequence

from tatamu.errors import ArgumentError, GeometryError
from tatamu.functions.function import of_tensor
from tatamu.ops.common import interned
from tatamu.ops.op import apply
from tatamu.ops.pad import Pad, pad_op
from tatamu.tensor import Tensor

__all__ = ["pad"]

_PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@of_tensor()
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """``input`` with more on the sides of its last axes: (left, right, top, bottom, ...).

    Modes: constant (the only one that crops, by negative numbers), reflect, replicate, circular.
    Raises ValueError for a value with another mode, RuntimeError where the widths do not fit,
    NotImplementedError for an unknown mode, and for another number of axes than it pads.

    >>> import tatamu
    >>> pad(tatamu.tensor([[1, 2]]), (1, 1), value=9)
    tensor([[9, 1, 2, 9]])
    """
    if len(pad) % 2:
        raise GeometryError(
            "Padding length must be divisible by 2",
            arithmetic=[f"{len(pad)} widths: each axis takes one before and one after"],
        )
    if len(pad) // 2 > len(input.shape):
        raise ArgumentError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {len(input.shape)}"
        )
    if mode not in _PAD_MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    rank = len(input.shape)
    if mode != "constant" and rank - len(pad) // 2 not in (1, 2):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {rank}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if mode != "constant" and value is not None:
        raise ArgumentError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode != "constant" and min(pad) < 0:
        raise ArgumentError(
            f"negative padding is not supported in mode {mode!r}",
            fits=["to crop, slice the input: x[..., 1:-1]"],
        )
    widths = tuple((pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2))
    return apply(pad_op, interned(Pad(widths, _PAD_MODES[mode], float(value or 0))), input)
