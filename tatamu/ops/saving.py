"""Where gradients of a tensor go, and what is kept of a tensor that backward needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tatamu import naming
from tatamu.ops.array import Array, Node, Packed, detached, local, made
from tatamu.ops.layout import Ints

__all__ = ["edge", "kept_version", "packed", "places_of"]


def edge(x: Array | None) -> Node | Array | None:
    """Where the gradient of an input goes: its node, itself if it is a leaf, or nowhere."""
    if x is None:
        return None
    if x.base is not None and x.view_version != x.storage.version:
        made.refresh(x)
    if not x._requires_grad:
        return None
    return x.node or x


def places_of(inputs: Iterable[Array | None]) -> Ints:
    """For a node's edges: which output of its node each input is; empty if always the first."""
    for x in inputs:
        if x is not None and x.output_nr:
            return tuple([0 if y is None else y.output_nr for y in inputs])
    return ()


def kept_version(x: Any) -> int:
    """The version of a tensor that is being saved for backward."""
    storage = x.storage
    if storage.inference:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
            "inference mode in computation tracked by autograd. To work around this, you can make "
            "a clone to get a normal tensor and use it in autograd, or use "
            f"`{naming.prefix}.no_grad()` instead of `{naming.prefix}.inference_mode()`."
        )
    version: int = storage.version
    return version


def packed(x: Any) -> Packed:
    """A tensor that is being saved, given to the pack hook in force."""
    assert local.packing is not None
    pack, unpack = local.packing
    before, local.grad = local.grad, False
    try:
        value = pack(detached(x))
    finally:
        local.grad = before
    return Packed(value, unpack, edge(x), x.output_nr)
