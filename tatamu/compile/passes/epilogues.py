"""What follows a convolution ends it: a residual is added, an activation taken, in one pass.

    relu(conv(x, w, b) + r)      ->  conv_fused(x, w, b, r) residual relu
    silu(conv(x, w, b))          ->  conv_fused(x, w, b) silu

The convolution moves to where the last of them stood, since by then the residual is there. An
activation that comes before the addition ends the convolution by itself; the addition stays.
Kernels write both through `tatamu.kernels.epilogue`, as eager operations do: the same bits.
"""

from __future__ import annotations

from dataclasses import replace

from tatamu.compile.graph import Graph, Node, Value, users
from tatamu.compile.passes.editor import Editor
from tatamu.ops.arithmetic import add
from tatamu.ops.conv_fused import FusedConv, conv_fused, fused
from tatamu.ops.convolution import convolution

__all__ = ["fuse_epilogues"]

# Operations as epilogues have them; those with numbers are told apart in `_activation`.
_PLAIN = {
    "relu": "relu",
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
    "silu": "silu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "gelu": "gelu",
}
_SERVED = ("float32", "float64")


def fuse_epilogues(graph: Graph, fewest: int = 0) -> Graph:
    """``graph`` with convolutions that end in what followed them.

    Nothing is fused that has fewer than ``fewest`` elements: eager mode has NumPy compute that.
    """
    editor, readers = Editor(graph), users(graph)
    for node in graph.nodes:
        small = node.outputs[0].shape.numel() < fewest
        value = None if small else _ended(editor, readers, node)
        if value is None:
            editor.keep(node)
        else:
            editor.replace(node.outputs[0], value)
    return editor.done()


def _ended(editor: Editor, readers: dict[Value, list[Node | None]], node: Node) -> Value | None:
    """The output of a convolution that ends in ``node``, if one can."""
    activation = _activation(node)
    if activation is not None:
        (x,) = node.inputs
        assert x is not None
        maker = _maker(editor, readers, x)
        if maker is None or maker.attrs.activation or not _alike(maker, node):
            return None
        name, slope = activation
        attrs = fused(maker.attrs.spec, name, maker.attrs.residual, slope)
        return _moved(editor, maker, attrs, maker.inputs[3], node)
    if node.op is not add:
        return None
    found = []
    for x, other in (node.inputs, tuple(reversed(node.inputs))):
        assert x is not None and other is not None
        maker = _maker(editor, readers, x)
        whole = other.shape == x.shape and other.dtype is x.dtype
        if maker is None or not whole or not _alike(maker, node):
            continue
        if not maker.attrs.activation and not maker.attrs.residual:
            at = editor.nodes.index(editor.makers[maker.outputs[0]])
            found.append((at, maker, editor.now(other)))
    if not found:
        return None
    _, maker, residual = max(found, key=lambda one: one[0])
    attrs = fused(maker.attrs.spec, "", True)
    return _moved(editor, maker, attrs, residual, node)


def _activation(node: Node) -> tuple[str, float] | None:
    """The epilogue's name for an operation and a slope, None where it has none."""
    name = node.op.name
    if name in _PLAIN:
        return _PLAIN[name], 0.01
    if name == "leaky_relu":
        return "leaky_relu", node.attrs[0]
    if name == "hardtanh" and node.attrs == (0.0, 6.0):
        return "relu6", 0.01
    return None


def _maker(editor: Editor, readers: dict[Value, list[Node | None]], x: Value) -> Node | None:
    """The convolution that makes ``x`` for one reader alone, as one that may have an end."""
    maker = editor.makers.get(editor.now(x))
    if maker is None or len(readers[x]) != 1 or maker.outputs[0].inside is not None:
        return None
    if maker.op is conv_fused:
        return maker
    if maker.op is not convolution or maker.outputs[0].dtype.name not in _SERVED:
        return None
    x_, w, *bias = maker.inputs
    inputs = (x_, w, *(bias or (None,)), None)
    return replace(maker, op=conv_fused, attrs=fused(maker.attrs), inputs=inputs)


def _alike(maker: Node, node: Node) -> bool:
    """Whether what follows lies as the convolution's output does."""
    a, b = maker.outputs[0], node.outputs[0]
    return a.shape == b.shape and a.strides == b.strides and a.dtype is b.dtype


def _moved(
    editor: Editor, maker: Node, attrs: FusedConv, residual: Value | None, node: Node
) -> Value:
    editor.drop(editor.makers[maker.outputs[0]])
    inputs = (*maker.inputs[:3], residual)
    return editor.put(conv_fused, attrs, inputs, node.outputs[0], maker.where)
