"""Other shapes and orders of axes, parts, turns, and copies."""

from __future__ import annotations

from typing import Any

from tatamu.functions.function import function, must_be_tensor
from tatamu.tensor import Tensor

__all__ = [
    "adjoint",
    "as_strided",
    "broadcast_to",
    "channel_shuffle",
    "chunk",
    "clone",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "dsplit",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "is_nonzero",
    "is_tensor",
    "moveaxis",
    "movedim",
    "narrow",
    "numel",
    "permute",
    "ravel",
    "repeat_interleave",
    "reshape",
    "roll",
    "rot90",
    "select",
    "select_scatter",
    "slice_scatter",
    "split",
    "split_with_sizes",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "tensor_split",
    "tile",
    "transpose",
    "tril",
    "triu",
    "unbind",
    "unflatten",
    "unsqueeze",
    "vsplit",
]

adjoint = function(Tensor.adjoint)
as_strided = function(Tensor.as_strided)
broadcast_to = function(Tensor.broadcast_to)
chunk = function(Tensor.chunk)
clone = function(Tensor.clone)
diag = function(Tensor.diag)
diag_embed = function(Tensor.diag_embed)
diagflat = function(Tensor.diagflat)
diagonal = function(Tensor.diagonal)
diagonal_scatter = function(Tensor.diagonal_scatter)
dsplit = function(Tensor.dsplit)
flatten = function(Tensor.flatten)
flip = function(Tensor.flip)
fliplr = function(Tensor.fliplr)
flipud = function(Tensor.flipud)
hsplit = function(Tensor.hsplit)
moveaxis = function(Tensor.moveaxis)
movedim = function(Tensor.movedim)
narrow = function(Tensor.narrow)
numel = function(Tensor.numel)
permute = function(Tensor.permute)
ravel = function(Tensor.ravel)
reshape = function(Tensor.reshape)
roll = function(Tensor.roll)
rot90 = function(Tensor.rot90)
select = function(Tensor.select)
select_scatter = function(Tensor.select_scatter)
slice_scatter = function(Tensor.slice_scatter)
split_with_sizes = function(Tensor.split_with_sizes)
squeeze = function(Tensor.squeeze)
swapaxes = function(Tensor.swapaxes)
swapdims = function(Tensor.swapdims)
t = function(Tensor.t)
tensor_split = function(Tensor.tensor_split)
tile = function(Tensor.tile)
transpose = function(Tensor.transpose)
tril = function(Tensor.tril)
triu = function(Tensor.triu)
unbind = function(Tensor.unbind)
unflatten = function(Tensor.unflatten)
unsqueeze = function(Tensor.unsqueeze)
vsplit = function(Tensor.vsplit)


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, Tensor)


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of a tensor is not 0. RuntimeError if there are more or none."""
    must_be_tensor("is_nonzero", input)
    return bool(input)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element, or slice, so many times in a row; given numbers alone, their positions.

    >>> import tatamu
    >>> repeat_interleave(tatamu.tensor([1, 0, 2]))
    tensor([0, 2, 2])
    """
    must_be_tensor("repeat_interleave", input)
    if repeats is not None:
        return input.repeat_interleave(repeats, dim, output_size=output_size)
    places = Tensor.new_tensor(input, range(len(input)))
    return places.repeat_interleave(input, 0)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of one size (the last may be smaller), or of the sizes that a list gives.

    >>> import tatamu
    >>> split(tatamu.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    must_be_tensor("split", tensor)
    return tensor.split(split_size_or_sections, dim)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of so many groups taken in turn: one of each group, then the next of each.

    Raises RuntimeError unless the channels can be shared out evenly.

    >>> import tatamu
    >>> channel_shuffle(tatamu.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    must_be_tensor("channel_shuffle", input)
    if len(input.shape) < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    batch, channels, *rest = input.shape
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and "
            f"{groups} groups."
        )
    apart = input.reshape(batch, groups, channels // groups, *rest)
    return apart.transpose(1, 2).reshape(input.shape)
