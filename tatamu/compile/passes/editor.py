"""How passes make a new graph: node by node from the old one, some left out, some put in place."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from tatamu.compile.graph import Graph, Node, Value, geometries
from tatamu.ops.array import Array
from tatamu.ops.common import interned
from tatamu.ops.layout import contiguous_strides
from tatamu.ops.op import Op
from tatamu.ops.reshape import clone

__all__ = ["Editor"]


class Editor:
    """A graph in the making. ``now(value)`` is what stands for a value of the old graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._now: dict[Value, Value] = {}
        self.constants: dict[Value, Array] = dict(graph.constants)
        self.nodes: list[Node] = []
        self.makers: dict[Value, Node] = {}

    def now(self, value: Value) -> Value:
        """The value of the new graph that stands for one of the old."""
        return self._now.get(value, value)

    def replace(self, old: Value, new: Value) -> None:
        """Let ``new`` stand for ``old`` from here on."""
        self._now[old] = new

    def keep(self, node: Node) -> Node:
        """Take a node over as it is, on what stands for its inputs."""
        inputs = tuple([None if v is None else self.now(v) for v in node.inputs])
        if node.op.aliases:
            return self._view(node, inputs)
        outputs = tuple([self._placed(v) for v in node.outputs])
        return self.add(replace(node, inputs=inputs, outputs=outputs))

    def put(
        self, op: Op, attrs: Any, inputs: tuple[Value | None, ...], like: Value, where: str = ""
    ) -> Value:
        """Add a node, its output in memory of its own, of the geometry of ``like``."""
        value = replace(like, inside=None, offset=0, name="")
        self.add(Node(op, attrs, inputs, (value,), where))
        return value

    def add(self, node: Node) -> Node:
        """Add a node of values of the new graph."""
        self.nodes.append(node)
        for value in node.outputs:
            self.makers[value] = node
        return node

    def drop(self, node: Node) -> None:
        """Leave out a node of the new graph after all."""
        self.nodes.remove(node)

    def hold(self, array: Array, name: str) -> Value:
        """A new constant."""
        value = Value(array.shape, array.strides, array.dtype, name=name)
        self.constants[value] = array
        return value

    def done(self) -> Graph:
        """The new graph."""
        return Graph(
            self._graph.inputs,
            tuple(self.nodes),
            tuple([self.now(v) for v in self._graph.outputs]),
            MappingProxyType(self.constants),
        )

    def _placed(self, value: Value) -> Value:
        """An output that lies inside another value, inside what stands for that."""
        if value.inside is None or self.now(value.inside) is value.inside:
            return self.now(value)
        moved = replace(value, inside=self.now(value.inside))
        self.replace(value, moved)
        return moved

    def _view(self, node: Node, inputs: tuple[Value | None, ...]) -> Node:
        (x,) = inputs
        assert x is not None
        if x is node.inputs[0] and all(self.now(v) is v for v in node.outputs):
            return self.add(node)
        try:
            found = geometries(node.op, node.attrs, x)
        except ValueError:  # what it looks at now lies such that no view can be had
            x = self.put(clone, interned(contiguous_strides(x.shape)), (x,), Value(
                x.shape, contiguous_strides(x.shape), x.dtype), node.where)  # fmt: skip
            found = geometries(node.op, node.attrs, x)
        outputs = []
        for old, (shape, strides, offset) in zip(node.outputs, found, strict=True):
            value = Value(shape, strides, old.dtype, x, offset)
            self.replace(old, value)
            outputs.append(value)
        return self.add(replace(node, inputs=(x,), outputs=tuple(outputs)))
