"""Common subexpressions: the same operation on the same values is computed once.

    a = op(x); b = op(x)         ->  a = op(x), a for b

Constants of the same memory, or numbers of the same value, are one constant. Copies that copy
nothing new go, too: a clone that lies as its source does is the source, since nothing is written to
twice in a graph.
"""

from __future__ import annotations

from typing import Any

from tatamu.compile.graph import Graph, Value
from tatamu.compile.passes.editor import Editor
from tatamu.ops.array import Array
from tatamu.ops.common import interned
from tatamu.ops.layout import contiguous_strides
from tatamu.ops.reshape import clone

__all__ = ["share_common"]


def share_common(graph: Graph) -> Graph:
    """``graph`` with nothing in it that is computed twice."""
    editor = Editor(graph)
    held: dict[Any, Value] = {}
    for value, array in graph.constants.items():
        editor.replace(value, held.setdefault(_same(array), value))
    seen: dict[Any, tuple[Value, ...]] = {}
    for node in graph.nodes:
        inputs = tuple([None if v is None else editor.now(v) for v in node.inputs])
        if node.op is clone and _copies_nothing(node.outputs[0], inputs[0]):
            assert inputs[0] is not None
            editor.replace(node.outputs[0], inputs[0])
            continue
        key = (node.op, _told_apart(node.attrs), inputs)
        found = seen.get(key)
        if found is not None:
            for old, new in zip(node.outputs, found, strict=True):
                editor.replace(old, new)
            continue
        seen[key] = editor.keep(node).outputs
    return editor.done()


def _told_apart(attrs: Any) -> Any:
    """A key of attributes: (1, 2) is not (1.0, 2.0)."""
    try:
        return id(interned(attrs))
    except TypeError:  # slices have no hash
        return id(attrs)


def _same(array: Array) -> Any:
    """A key that equal constants share."""
    if not array.shape:
        return array.dtype, array.array.tobytes()
    return id(array.storage), array.offset, array.shape, array.strides, array.dtype


def _copies_nothing(out: Value, x: Value | None) -> bool:
    if x is None or out.dtype is not x.dtype:
        return False
    wanted = out.strides or contiguous_strides(out.shape)
    return all(n == 1 or a == b for n, a, b in zip(x.shape, x.strides, wanted, strict=True))
