"""Concatenation in place: what will be joined is written where it is to lie.

    y = cat(a, b, c)             ->  a, b and c lie inside y; nothing is copied

Kernels write with any stride from pixel to pixel, so what makes ``a`` writes it straight into
``y``, and everybody else reads it there. Where all parts lie side by side already, inside a longer
concatenation (DenseNet joins the same features again and again), ``y`` is a part of that one. What
cannot be made in place (an input, a constant, a view, what lies in two joins) is copied there.
"""

from __future__ import annotations

from dataclasses import replace

from tatamu.compile.calls import can_place
from tatamu.compile.graph import Graph, Node, Value, root
from tatamu.compile.passes.editor import Editor
from tatamu.ops.common import interned
from tatamu.ops.joining import cat
from tatamu.ops.layout import Ints
from tatamu.ops.reshape import clone

__all__ = ["join_in_place"]

Spot = tuple[Value, int]
"""The value in whose memory something lies, and how many elements into it."""


def join_in_place(graph: Graph) -> Graph:
    """``graph`` with concatenations that have nothing left to copy."""
    makers = {v: node for node in graph.nodes for v in node.outputs}
    kept = set(graph.outputs)
    spots: dict[Value, Spot] = {}
    copied: dict[Node, set[int]] = {}
    for node in reversed(graph.nodes):
        if node.op is not cat or 0 in node.outputs[0].shape:
            continue
        (out,) = node.outputs
        if out not in spots and (spot := _already(node, spots)) is not None and out not in kept:
            spots[out] = spot
            continue
        base, offset = spots.get(out, (out, 0))
        copied[node] = set()
        for place, value in enumerate(node.inputs):
            assert value is not None
            own = (base, offset)
            offset += value.shape[node.attrs] * base.strides[node.attrs]
            free = value not in spots and value not in kept and value not in node.inputs[:place]
            if free and _places(makers.get(value), base.strides):
                spots[value] = own
            elif spots.get(value) != own:
                copied[node].add(place)
    return _rebuilt(graph, spots, copied)


def _already(node: Node, spots: dict[Value, Spot]) -> Spot | None:
    """Where the output lies if all inputs lie side by side in a longer concatenation."""
    (out,) = node.outputs
    first = node.inputs[0]
    assert first is not None
    if first not in spots:
        return None
    base, start = spots[first]
    step = base.strides[node.attrs] if len(base.shape) == len(out.shape) else 0
    offset = start
    for value in node.inputs:
        assert value is not None
        if spots.get(value) != (base, offset) or not step:
            return None
        offset += value.shape[node.attrs] * step
    return base, start


def _places(maker: Node | None, strides: Ints) -> bool:
    """Whether what makes a value can write it with other strides."""
    return maker is not None and (maker.op is cat or can_place(maker, strides))


def _rebuilt(graph: Graph, spots: dict[Value, Spot], copied: dict[Node, set[int]]) -> Graph:
    editor = Editor(graph)
    for value, (base, offset) in spots.items():
        editor.replace(value, replace(value, strides=base.strides, inside=base, offset=offset))
    for node in graph.nodes:
        if node.op is not cat or node not in copied:
            editor.keep(node)
            continue
        (out,) = node.outputs
        base, offset = root(editor.now(out))
        inputs: list[Value | None] = []
        for place, part in enumerate(node.inputs):
            assert part is not None
            now = editor.now(part)
            if place in copied[node]:
                there = Value(part.shape, base.strides, part.dtype, base, offset)
                attrs = interned(tuple(base.strides))
                editor.add(Node(clone, attrs, (now,), (there,), node.where))
                now = there
            inputs.append(now)
            offset += part.shape[node.attrs] * base.strides[node.attrs]
        editor.add(replace(node, inputs=tuple(inputs), outputs=(editor.now(out),)))
    return editor.done()
