"""Dead code: what nobody reads is not computed, and constants that nobody reads are let go."""

from __future__ import annotations

from types import MappingProxyType

from tatamu.compile.graph import Graph, Node, Value

__all__ = ["drop_dead"]


def drop_dead(graph: Graph) -> Graph:
    """``graph`` without what its outputs do not depend on."""
    wanted: set[Value] = set()

    def want(value: Value | None) -> None:
        while value is not None:
            wanted.add(value)
            value = value.inside

    for value in graph.outputs:
        want(value)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if wanted.isdisjoint(node.outputs):
            continue
        kept.append(node)
        for given in node.inputs:
            want(given)
    constants = {v: array for v, array in graph.constants.items() if v in wanted}
    return Graph(graph.inputs, tuple(reversed(kept)), graph.outputs, MappingProxyType(constants))
