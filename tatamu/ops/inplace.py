"""Writing in place: what may be written to, and what the graph makes of it.

An operation in place is the operation, its result copied over the tensor's memory (or written there
at once, where an elementwise kernel can), and the tensor's place in the graph moved to the new
node. If the tensor is a view, the root it views gets a new history too:
``root = as_strided_scatter(root, view)``. Other views of it notice by the version.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from tatamu.dtypes import category
from tatamu.ops.array import Array, Node, attached, detached, local, made
from tatamu.ops.cast import cast
from tatamu.ops.common import interned
from tatamu.ops.layout import overlaps
from tatamu.ops.op import Call, Op, apply, planned, record
from tatamu.ops.reshape import clone
from tatamu.ops.saving import edge, places_of
from tatamu.ops.strided import Geometry, as_strided, as_strided_scatter
from tatamu.pitfalls import hint
from tatamu.runtime.storage import mode

__all__ = ["check_leaf", "check_writable", "refresh", "write"]

T = TypeVar("T", bound=Array)

_MODE = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the {mode} block (if you "
    "don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)
_NO_GRAD = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled."
)
_VIEWS = {
    "no_grad": _NO_GRAD + _MODE.format(mode="no_grad"),
    "inference": "A view was created in inference mode and is being modified inplace in normal "
    "mode." + _MODE.format(mode="inference_mode"),
    "several": "{output} This view is the output of a function that returns multiple views. Such "
    "functions do not allow the output views to be modified inplace. You should replace the "
    "inplace operation by an out-of-place one.",
    "function": "{output} This view was created inside a custom Function (or because an input was "
    "returned as-is) and the autograd logic to handle view+inplace would override the custom "
    "backward associated with the custom Function, leading to incorrect gradients. This behavior "
    "is forbidden. You can fix this by cloning the output of the custom Function.",
}


def check_writable(x: Array, wanted: bool = False) -> None:
    """Raise torch's sentence, or the one about linked copies, if ``x`` may not be written to.

    ``wanted``: what is to be written requires grad.
    """
    if overlaps(x.shape, x.strides):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    if x.storage.linked():
        raise RuntimeError(
            "a tensor and its view(...) would differ after this write: the view had to copy, for "
            "the convolution's output lies channels-last in memory.\n"
            "  use reshape(...) where a copy will do, or clone() the tensor before writing to it"
        )
    if x.storage.inference and not mode.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make "
            "a clone to get a normal tensor before doing inplace update.See "
            "https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    if not local.grad:
        return
    check_leaf(x)
    root = x.base
    if x.view_kind and (wanted or edge(x) is not None or edge(root) is not None):
        raise RuntimeError(_VIEWS[x.view_kind].format(output=_output(x)))
    if _of_leaf(x) or (root is not None and root._requires_grad and root.node is None):
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
            f"\n  {hint('leaf_inplace')}"
        )


def check_leaf(x: Array) -> None:
    """Raise torch's sentence if ``x`` is a leaf whose gradient is wanted, in a graph."""
    if local.grad and x.node is None and x._requires_grad:
        kind = "a leaf" if x.base is None else "a view of a leaf"
        raise RuntimeError(
            f"{kind} Variable that requires grad is being used in an in-place operation.\n"
            f"  {hint('leaf_inplace')}"
        )


def _of_leaf(x: Array) -> bool:
    """Whether nothing but views lies between ``x`` and a leaf."""
    above: Any = x.node
    while isinstance(above, Node) and above.call.op.aliases:
        above = above.edges[0]
    return x.node is not None and isinstance(above, Array)


def _output(x: Array) -> str:
    """What one of several outputs is, for a sentence."""
    if x.node is None:
        return _NO_GRAD
    return f"Output {x.output_nr} of {x.node.title()} is a view and is being modified inplace."


def write(op: Op, attrs: Any, x: T, *others: Array) -> T:
    """``x`` overwritten by ``op(x, *others)``."""
    check_writable(x, any(edge(other) is not None for other in others))
    if _write_through(op, attrs, x, others):
        return x
    if local.watchers:
        local.written = x
    try:
        out = apply(op, attrs, x, *others)
    finally:
        local.written = None
    if out.shape != x.shape:
        raise RuntimeError(
            f"output with shape {list(x.shape)} doesn't match the broadcast shape {list(out.shape)}"
        )
    if category(out.dtype) > category(x.dtype):
        raise RuntimeError(
            f"result type {out.dtype.legacy_name} can't be cast to the desired output type "
            f"{x.dtype.legacy_name}"
        )
    out = cast(out, x.dtype)
    node = out.node
    if node is not None and node.saved and any(saved is x for saved in node.saved):
        # The values from before the write are wanted: keep a copy of them.
        before = apply(clone, None, x)
        node.saved = tuple([before if saved is x else saved for saved in node.saved])
        pairs = zip(node.saved, node.versions, strict=True)
        node.versions = tuple([0 if saved is before else version for saved, version in pairs])
    if local.noting is not None:
        local.noting.writes(x, out)
    np.copyto(x.array, out.array)
    x.storage.touch()
    if local.grad:
        _move(x, out)
    return x


def _write_through(op: Op, attrs: Any, x: Array, others: tuple[Array, ...]) -> bool:
    """Have the operation's kernel write straight over ``x``; False where that cannot be.

    It can where each element depends on those of the same place alone, the result lies as ``x``
    does, no other input shares memory with it in another way, and the graph will not want the
    values from before.
    """
    inputs = (x, *others)
    plan = planned(op, attrs, inputs)
    if plan is None or not plan.elementwise:
        return False
    shape, strides, dtype, _, _ = plan.outs[0]
    if shape != x.shape or strides != x.strides or dtype is not x.dtype or local.watchers:
        return False
    for other in others:
        same = other.offset == x.offset and other.strides == strides and other.shape == shape
        if other.storage is not x.storage or (same and other.dtype is dtype):
            continue
        return False
    edges = tuple([edge(y) for y in inputs]) if local.grad and op.vjp is not None else ()
    wanted = [index for index, target in enumerate(edges) if target is not None]
    if any(inputs[index].storage is x.storage for index, by in op.saves.inputs if by in wanted):
        return False
    out = detached(x)
    if not plan.fill(inputs, (out,)):
        return False
    x.storage.touch()
    if wanted:
        record(plan.call, inputs, (out,), edges)
    if local.grad:
        _move(x, out)
    return True


def _geometry(x: Array, root: Array) -> Geometry:
    offset = x.offset - root.offset
    return interned(Geometry(x.shape, x.strides, offset, root.shape, root.strides))


def _move(x: Array, out: Array) -> None:
    """Give ``x``, and the root it views, the history of ``out``."""
    source = edge(out)
    root = x.base
    if root is None:
        if source is not None or x._requires_grad:
            _retain_at(x, out.node)
            x.node = out.node
            x.output_nr = out.output_nr
            x._requires_grad = out._requires_grad
        return
    before = edge(root)
    if source is None and before is None:
        return
    call = Call(as_strided_scatter, _geometry(x, root), (root, out))
    node = as_strided_scatter.node(call, (before, source), places=places_of((root, out)))
    _retain_at(root, node)
    root.node = node
    root.output_nr = 0
    root._requires_grad = True
    refresh(x)


def _retain_at(x: Array, node: Node | None) -> None:
    """A tensor that keeps its gradient keeps that of its new value from now on."""
    notes = None if x.node is None else x.node.notes
    if notes is not None and node is not None and notes.keeper(x.output_nr) is x:
        node.note().retained[0] = notes.retained.pop(x.output_nr)


def refresh(x: Array) -> None:
    """Make the history of a view anew from its root, if somebody wrote since it was made."""
    root = x.base
    if root is None or x.view_version == x.storage.version:
        return
    x.view_version = x.storage.version
    source = edge(root)
    if source is None:
        return
    call = Call(as_strided, _geometry(x, root), (root,))
    x.node = as_strided.node(call, (source,), places=places_of((root,)))
    x.output_nr = 0
    x._requires_grad = True


def rejoin(x: Array, target: Node | Array, output_nr: int) -> Array:
    """``x``, a saved tensor's numbers, in the place in the graph that the tensor had."""
    if isinstance(target, Node):
        return attached(x, target, output_nr)
    return attached(x, clone.node(Call(clone, None, (x,)), (target,)), 0)


made.refresh = refresh
made.rejoin = rejoin
