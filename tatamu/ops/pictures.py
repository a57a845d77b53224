"""How the last axes of a tensor lie: as pictures of so many channels, in either memory order."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from tatamu.ops.layout import channels_last_strides, contiguous_strides, is_contiguous
from tatamu.ops.op import Call

__all__ = ["Pictures", "pictures"]


class Pictures(NamedTuple):
    """Pictures one after another, and the channels of each pixel, which are innermost."""

    planes: int
    channels: int


def pictures(call: Call, axes: int) -> Pictures | str:
    """Input 0, whose last ``axes`` axes are the pictures'; or why it cannot be seen so."""
    shape, strides = call.shape(0), call.strides[0]
    assert strides is not None
    if 0 in shape:
        return "the input is empty"
    outer = shape[: len(shape) - axes]
    if is_contiguous(shape, strides, contiguous_strides(shape)):
        return Pictures(prod(outer), 1)
    if len(outer) == 2 and is_contiguous(shape, strides, channels_last_strides(shape)):
        return Pictures(*outer)
    return "the input lies neither in C order nor channels-last"
