"""Layout: what is joined or shuffled lies channels-last if anything in it does.

    cat(a: channels last, b: C order)                     ->  channels last
    view(clone(transpose(view(x, (n, g, c, h, w)))))      ->  a copy among channels, channels last

Eager mode follows torch there and lays the results in C order; so ShuffleNet turned from one order
to the other twice in each unit. Everything behind follows by its shape rule.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from tatamu.compile.graph import Graph, Node, Value, users
from tatamu.compile.passes.editor import Editor
from tatamu.ops.common import interned
from tatamu.ops.joining import cat
from tatamu.ops.layout import (
    Ints,
    Size,
    channels_innermost_strides,
    contiguous_strides,
    is_channels_last,
)
from tatamu.ops.op import Call
from tatamu.ops.reshape import clone

__all__ = ["lay_channels_last"]


def lay_channels_last(graph: Graph) -> Graph:
    """``graph`` with concatenations and channel shuffles channels-last."""
    editor, readers = Editor(graph), users(graph)
    changed = False
    for node in graph.nodes:
        inputs = [None if v is None else editor.now(v) for v in node.inputs]
        strides = _wanted(node, inputs, readers)
        if strides is not None and strides != node.outputs[0].strides:
            changed = True
            attrs = interned(strides) if node.op is clone else node.attrs
            out = replace(node.outputs[0], strides=strides)
            editor.add(Node(node.op, attrs, tuple(inputs), (out,), node.where))
            editor.replace(node.outputs[0], out)
        elif not changed or node.op.aliases or inputs == list(node.inputs):
            editor.keep(node)
        else:
            _follow(editor, node, inputs)
    return editor.done()


def _wanted(
    node: Node, inputs: list[Value | None], readers: dict[Value, list[Node | None]]
) -> Ints | None:
    """Other strides for the output, where this node is to have them."""
    out = node.outputs[0]
    if node.op is cat and len(out.shape) in (4, 5) and any(map(_last, inputs)):
        return channels_innermost_strides(out.shape)
    if node.op is clone and node.attrs is None and len(out.shape) > 3:
        return _shuffled(out, inputs[0], readers.get(out, []))
    return None


def _shuffled(out: Value, x: Value | None, after: list[Node | None]) -> Ints | None:
    """Strides for a copy whose first two axes behind the batch are then channels, ``after``."""
    n, a, b, *pixels = out.shape
    channels, count = a * b, prod(pixels)
    for reader in after:
        if reader is None or not reader.op.aliases:
            return None
        shape = reader.outputs[0].shape
        if len(shape) < 4 or shape[:2] != (n, channels) or prod(shape[2:]) != count:
            return None
    if x is None or {x.strides[1], x.strides[2]} != {1, a}:
        return None
    steps = [channels * step for step in contiguous_strides(Size(pixels))]
    return (channels * count, b, 1, *steps)


def _last(value: Value | None) -> bool:
    return value is not None and is_channels_last(value.shape, value.strides)


def _follow(editor: Editor, node: Node, inputs: list[Value | None]) -> None:
    """Take a node over; its outputs lie as the shape rule has it for what its inputs now are."""
    outs = node.op.shape(Call(node.op, node.attrs, tuple(inputs)))  # type: ignore[arg-type]
    outputs = []
    for old, out in zip(node.outputs, outs, strict=True):
        value = replace(old, strides=out.strides or contiguous_strides(out.shape))
        if value.strides != old.strides:
            editor.replace(old, value)
        outputs.append(editor.now(old))
    editor.add(replace(node, inputs=tuple(inputs), outputs=tuple(outputs)))
