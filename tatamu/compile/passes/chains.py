"""Elementwise operations that follow one another become one, which passes over memory once.

    relu(x * scale + shift)      ->  chain(x, scale, shift) mul, add, relu

A result that nobody else reads, of the same shape, stays in a register. Chains end where a result
is read twice or broadcast, where precisions change, and at six inputs (registers for addresses).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tatamu.compile.graph import Graph, Node, Value, users
from tatamu.compile.passes.editor import Editor
from tatamu.ops.chain import Chain, Link, chain, expression_of, links

__all__ = ["chain_elementwise"]

MOST_INPUTS = 6


def chain_elementwise(graph: Graph, fewest: int = 0) -> Graph:
    """``graph`` with chains in place of elementwise operations on each other's results.

    Those on fewer than ``fewest`` elements stay apart: eager mode has NumPy compute them.
    """
    editor, readers = Editor(graph), users(graph)
    for node in graph.nodes:
        kept = editor.keep(node)
        merged = _as_chain(kept)
        if merged is None or kept.outputs[0].shape.numel() < fewest:
            continue
        before = len(merged.attrs.links)
        while (longer := _with_maker(editor, readers, node, merged)) is not None:
            merged = longer
        if len(merged.attrs.links) > before:
            editor.drop(kept)
            editor.add(merged)
    return editor.done()


def _as_chain(node: Node) -> Node | None:
    """A node as a chain of one operation, if it can be one."""
    if node.op is chain:
        return node
    if links(node.op) is None or len(node.outputs) != 1 or None in node.inputs:
        return None
    inputs = list(dict.fromkeys(node.inputs))
    operands = tuple([inputs.index(v) for v in node.inputs])
    attrs = Chain(len(inputs), (Link(node.op, node.attrs, operands),))
    made = replace(node, op=chain, attrs=attrs, inputs=tuple(inputs))
    return made if _served(made) else None


def _served(node: Node) -> bool:
    given = tuple([(v.shape, v.dtype) for v in node.inputs if v is not None])
    return not isinstance(expression_of(node.attrs, given), str)


def _with_maker(
    editor: Editor, readers: dict[Value, list[Node | None]], node: Node, merged: Node
) -> Node | None:
    """A chain that computes one of its inputs itself, None if there is no such input."""
    out = merged.outputs[0]
    for place, value in enumerate(merged.inputs):
        assert value is not None
        maker = editor.makers.get(value)
        if maker is None or value.inside is not None or not _alike(value, out):
            continue
        if any(reader is not node for reader in readers.get(value, [None])):
            continue
        first = _as_chain(maker)
        if first is None:
            continue
        longer = _joined(first, merged, place)
        if len(longer.inputs) <= MOST_INPUTS and _served(longer):
            editor.drop(maker)
            return longer
    return None


def _alike(value: Value, out: Value) -> bool:
    return value.shape == out.shape and value.strides == out.strides


def _joined(first: Node, then: Node, place: int) -> Node:
    """Two chains as one: the input at ``place`` of the second is the first."""
    inputs: list[Any] = list(first.inputs)
    at: list[int | None] = []
    for i, value in enumerate(then.inputs):
        if i == place:
            at.append(None)
        elif value in inputs:
            at.append(inputs.index(value))
        else:
            at.append(len(inputs))
            inputs.append(value)
    count = len(inputs)
    own: Chain = first.attrs
    behind: Chain = then.attrs
    result = count + len(own.links) - 1
    links_ = [_numbered(link, lambda i: i if i < own.inputs else i - own.inputs + count)
              for link in own.links]  # fmt: skip

    def number(i: int) -> int:
        if i >= behind.inputs:
            return i - behind.inputs + count + len(own.links)
        found = at[i]
        return result if found is None else found

    links_ += [_numbered(link, number) for link in behind.links]
    return replace(then, attrs=Chain(count, tuple(links_)), inputs=tuple(inputs))


def _numbered(link: Link, number: Any) -> Link:
    return link._replace(operands=tuple([number(i) for i in link.operands]))
