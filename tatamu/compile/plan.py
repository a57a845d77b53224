"""The plan of a program: which kernel serves each node, and where each value lies.

Kernels are chosen as eager mode chooses them, but that small work is theirs, too (a program has no
use for NumPy), and outputs may be asked for with strides. Every value of the graph lies in the
memory of its root: in the arena, one block that all share whose lives do not meet; in the caller's
input; in a constant; or in memory made anew for each call, which the caller then owns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from tatamu.compile.arena import Life, Placed, aligned, place
from tatamu.compile.calls import PlacedCall
from tatamu.compile.graph import Graph, Node, Value, joined_in_place, root
from tatamu.compile.passes.editor import Editor
from tatamu.ops.array import made
from tatamu.ops.common import interned
from tatamu.ops.layout import contiguous_strides
from tatamu.ops.op import Op
from tatamu.ops.plan import Plan
from tatamu.ops.reshape import clone

__all__ = ["ProgramPlan", "Step", "Where", "planned"]


class Where(NamedTuple):
    """Where a root lies: ``kind`` is "arena", "input", "output" or "constant".

    ``number`` counts inputs and fresh outputs; ``offset`` is in bytes, in the arena.
    """

    kind: str
    number: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a kernel (or of a reference, where none serves)."""

    node: Node
    plan: Plan

    @property
    def op(self) -> Op:
        """The operation."""
        return self.node.op


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """Steps in order, and where every root lies.

    ``fresh`` are the roots that each call makes memory for, ``activations`` the bytes that all
    values would take without sharing, ``lives`` and ``placed`` how the arena came about.
    """

    graph: Graph
    steps: tuple[Step, ...]
    where: dict[Value, Where]
    fresh: tuple[Value, ...]
    arena: int
    activations: int
    lives: tuple[Life, ...]
    placed: Placed

    def memory(self) -> str:
        """A line on what the program needs.

        The bytes of the arena, and of all activations together.
        """
        share = f", {self.arena / self.activations:.0%}" if self.activations else ""
        return (
            f"arena {_mebibytes(self.arena)} for activations of "
            f"{_mebibytes(self.activations)}{share}"
        )


def _mebibytes(nbytes: int) -> str:
    return f"{nbytes / 2**20:.2f} MiB"


def planned(graph: Graph, *, native: bool, winograd: bool) -> ProgramPlan:
    """The plan of a graph. ``native``: kernels serve small work, too."""
    graph = _ends_apart(_private(graph))
    without = frozenset() if winograd else frozenset(("Winograd", "FFT"))
    steps = []
    for node in graph.nodes:
        if node.op.aliases or joined_in_place(node):
            continue
        steps.append(Step(node, Plan(PlacedCall(node, native=native), without)))
    return _placed(graph, tuple(steps))


def _private(graph: Graph) -> Graph:
    """Constants that NumPy code sees, which may write to them unseen, are copied."""
    constants = dict(graph.constants)
    for value, array in constants.items():
        if array.storage.shared:
            geometry = array.offset, array.shape, array.strides, array.dtype
            constants[value] = made.type(array.storage.copy(), *geometry)
    return replace(graph, constants=MappingProxyType(constants))


def _ends_apart(graph: Graph) -> Graph:
    """Outputs that lie in an input or a constant are copied: the caller is to own them."""
    given = {*graph.inputs, *graph.constants}
    editor = Editor(graph)
    for node in graph.nodes:
        editor.keep(node)
    for value in graph.outputs:
        if root(value)[0] in given and editor.now(value) is value:
            like = Value(value.shape, _whole(value), value.dtype)
            editor.replace(value, editor.put(clone, interned(like.strides), (value,), like))
    return editor.done()


def _whole(value: Value) -> tuple[int, ...]:
    """The strides of a copy: the value's own, if it has no gaps and no element twice."""
    return value.strides if value.extent == value.shape.numel() else contiguous_strides(value.shape)


def _placed(graph: Graph, steps: tuple[Step, ...]) -> ProgramPlan:
    where: dict[Value, Where] = {}
    for number, value in enumerate(graph.inputs):
        where[value] = Where("input", number)
    for number, value in enumerate(graph.constants):
        where[value] = Where("constant", number)
    fresh: list[Value] = []
    for value in graph.outputs:
        base = root(value)[0]
        if base not in where:
            where[base] = Where("output", len(fresh))
            fresh.append(base)
    spans = _spans(steps, where)
    shared = _written_over(steps, spans, where)
    groups: dict[Value, Life] = {}
    for value, (first, last) in spans.items():
        base = _final(shared, value)
        life = groups.get(base)
        if life is None:
            groups[base] = Life(value.nbytes, first, last)
        else:
            groups[base] = Life(
                max(life.nbytes, value.nbytes), min(life.first, first), max(life.last, last)
            )
    lives = tuple(groups.values())
    found = place(lives)
    at = dict(zip(groups, found.offsets, strict=True))
    for value in spans:
        where[value] = Where("arena", 0, at[_final(shared, value)])
    total = sum(aligned(value.nbytes) for value in (*spans, *fresh))
    return ProgramPlan(graph, steps, where, tuple(fresh), found.nbytes, total, lives, found)


def _spans(steps: Sequence[Step], elsewhere: dict[Value, Where]) -> dict[Value, tuple[int, int]]:
    """The first and the last step that touches each root that lies in the arena."""
    spans: dict[Value, tuple[int, int]] = {}
    for number, step in enumerate(steps):
        for value in (*step.node.outputs, *step.node.inputs):
            base = None if value is None else root(value)[0]
            if base is not None and base not in elsewhere:
                first, _ = spans.get(base, (number, number))
                spans[base] = first, number
    return spans


def _written_over(
    steps: Sequence[Step], spans: dict[Value, tuple[int, int]], elsewhere: dict[Value, Where]
) -> dict[Value, Value]:
    """Outputs that may lie where an input lay: the kernel reads each place before it writes it.

    The input is whole, lies alike, and nobody reads it afterwards.
    """
    shared: dict[Value, Value] = {}
    for number, step in enumerate(steps):
        out, *more = step.node.outputs
        if more or not step.plan.elementwise or out not in spans or out.inside is not None:
            continue
        if spans[out][0] != number:
            continue
        bases = [root(v)[0] for v in step.node.inputs if v is not None]
        for value in step.node.inputs:
            if value is None or value not in spans or bases.count(value) != 1:
                continue
            alike = value.strides == out.strides and value.shape == out.shape
            if alike and value.dtype is out.dtype and spans[value][1] == number:
                shared[out] = value
                break
    return shared


def _final(shared: dict[Value, Value], value: Value) -> Value:
    while value in shared:
        value = shared[value]
    return value
