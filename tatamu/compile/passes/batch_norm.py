"""Batch normalisation in inference is a scale and a shift, which go into what comes before it.

    bn(conv(x, w, b))  ->  conv(x, s w, s (b - mean) + shift)        s = weight / sqrt(var + eps)
    bn(x)              ->  s x + (shift - s mean)                    where no convolution is before

Convolutions, transposed ones and linear layers whose output nobody else reads take it in; scaled
weights are worked out in float64. The scale and shift that remain (DenseNet's, whose normalisation
comes first) are a multiplication and an addition, which become one pass with the activation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tatamu.compile.graph import Graph, Node, Value, users
from tatamu.compile.passes.editor import Editor
from tatamu.ops.arithmetic import add, mul
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.ops.batch_norm import batch_norm_inference
from tatamu.ops.convolution import conv_transpose, convolution
from tatamu.ops.linear import linear, linear_without_bias

__all__ = ["fold_batch_norm"]


class Affine(NamedTuple):
    """What is done to each channel."""

    scale: Numpy
    shift: Numpy


def fold_batch_norm(graph: Graph) -> Graph:
    """``graph`` without batch normalisation, as far as its numbers are constants."""
    editor, readers = Editor(graph), users(graph)
    for node in graph.nodes:
        affine = _affine(editor, node) if node.op is batch_norm_inference else None
        if affine is None:
            editor.keep(node)
            continue
        x = node.inputs[0]
        assert x is not None
        maker = editor.makers.get(editor.now(x))
        if maker is not None and len(readers[x]) == 1 and _foldable(editor, maker):
            value = _into(editor, maker, affine)
        else:
            value = _apart(editor, node, editor.now(x), affine)
        editor.replace(node.outputs[0], value)
    return editor.done()


def _affine(editor: Editor, node: Node) -> Affine | None:
    arrays = [None if v is None else editor.constants.get(editor.now(v)) for v in node.inputs[1:]]
    if any(v is not None and a is None for v, a in zip(node.inputs[1:], arrays, strict=True)):
        return None
    mean, var, weight, bias = (None if a is None else _exact(a) for a in arrays)
    assert mean is not None and var is not None
    scale = 1 / np.sqrt(var + node.attrs.eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    return Affine(scale, shift if bias is None else shift + bias)


def _exact(array: Array) -> Numpy:
    return array.array.astype(np.float64)


def _foldable(editor: Editor, maker: Node) -> bool:
    """Whether a node scales its outputs by constants, channel by channel along axis 1."""
    if maker.op not in (convolution, conv_transpose, linear, linear_without_bias):
        return False
    weights = [v for v in maker.inputs[1:] if v is not None]
    return all(v in editor.constants for v in weights) and len(maker.outputs[0].shape) > 1


def _into(editor: Editor, maker: Node, affine: Affine) -> Value:
    x, w, *rest = maker.inputs
    assert w is not None
    b = rest[0] if rest else None
    weight = editor.constants[w]
    name = w.name.removesuffix(".weight")
    scaled = _weight(maker, _exact(weight), affine.scale)
    bias = affine.shift
    if b is not None:
        bias = bias + affine.scale * _exact(editor.constants[b])
    new_w = editor.hold(_of(scaled, weight), f"{name}.weight folded")
    new_b = editor.hold(_of(bias, weight), f"{name}.bias folded")
    editor.drop(maker)
    op = linear if maker.op is linear_without_bias else maker.op
    return editor.put(op, maker.attrs, (x, new_w, new_b), maker.outputs[0], maker.where)


def _weight(maker: Node, weight: Numpy, scale: Numpy) -> Numpy:
    if maker.op is not conv_transpose:
        return weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    groups = maker.attrs.groups  # transposed weights have (in, out / groups, kernel)
    split = weight.reshape(groups, -1, *weight.shape[1:])
    by_group = scale.reshape(groups, 1, -1, *(1,) * (weight.ndim - 2))
    return (split * by_group).reshape(weight.shape)


def _apart(editor: Editor, node: Node, x: Value, affine: Affine) -> Value:
    beside = (1, -1, *(1,) * (len(x.shape) - 2))
    like: Any = next(editor.constants[editor.now(v)] for v in node.inputs[1:] if v is not None)
    name = "" if node.inputs[3] is None else node.inputs[3].name.removesuffix(".weight")
    scale = editor.hold(_of(affine.scale.reshape(beside), like), f"{name}.scale")
    shift = editor.hold(_of(affine.shift.reshape(beside), like), f"{name}.shift")
    scaled = editor.put(mul, None, (x, scale), node.outputs[0], node.where)
    return editor.put(add, None, (scaled, shift), node.outputs[0], node.where)


def _of(values: Numpy, like: Array) -> Array:
    """Numbers as a tensor of the dtype of ``like``."""
    return wrap(np.ascontiguousarray(values.astype(like.dtype.numpy)), like.dtype)
