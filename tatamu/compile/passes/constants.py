"""Constant folding: what no input reaches is computed now.

    c = op(constant, ...)        ->  c, a constant

Operations compute it as they do in eager mode, so the numbers are the same to the bit.
"""

from __future__ import annotations

from tatamu.autograd import no_grad
from tatamu.compile.graph import Graph
from tatamu.compile.passes.editor import Editor
from tatamu.ops.op import apply_all

__all__ = ["fold_constants"]


def fold_constants(graph: Graph) -> Graph:
    """``graph`` without operations on constants alone."""
    editor = Editor(graph)
    for node in graph.nodes:
        inputs = [None if v is None else editor.now(v) for v in node.inputs]
        if any(v is not None and v not in editor.constants for v in inputs):
            editor.keep(node)
            continue
        arrays = [None if v is None else editor.constants[v] for v in inputs]
        with no_grad():
            found = apply_all(node.op, node.attrs, *arrays)
        for value, array in zip(node.outputs, found, strict=True):
            editor.replace(value, editor.hold(array, f"folded {node.op.name}"))
    return editor.done()
