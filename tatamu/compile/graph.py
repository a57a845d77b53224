"""What a network computes, as data: values, and the operations between them.

A ``Graph`` is frozen. Passes (`tatamu.compile.passes`) make others of it; ``verify`` says whether
one holds together; printing one is how it is read, and what the tests compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from tatamu.dtypes import DType
from tatamu.ops.array import Array
from tatamu.ops.layout import (
    Ints,
    Size,
    channels_innermost_strides,
    contiguous_strides,
    extent,
    is_contiguous,
)
from tatamu.ops.op import Op

__all__ = [
    "Graph",
    "Node",
    "Value",
    "geometries",
    "joined_in_place",
    "root",
    "told",
    "users",
    "verify",
]


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A tensor that will be there when the program runs.

    It has memory of its own, or lies ``inside`` another value's, ``offset`` elements from where
    that begins: as a view, or since what will be joined is written where it is to lie.
    """

    shape: Size
    strides: Ints
    dtype: DType
    inside: Value | None = None
    offset: int = 0
    name: str = ""

    @property
    def extent(self) -> int:
        """Elements from the first to behind the last one."""
        return extent(self.shape, self.strides)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it reaches over."""
        return self.extent * self.dtype.itemsize


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One operation; ``where`` is the module it was called in, and the line."""

    op: Op
    attrs: Any
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    where: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Graph:
    """Nodes in the order in which they run. ``constants`` hold what no input reaches."""

    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    constants: Mapping[Value, Array] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        return printed(self)

    def counts(self) -> dict[str, int]:
        """How many nodes there are of each operation, views left out."""
        found: dict[str, int] = {}
        for node in self.nodes:
            if not node.op.aliases and not joined_in_place(node):
                found[node.op.name] = found.get(node.op.name, 0) + 1
        return dict(sorted(found.items()))


def root(value: Value) -> tuple[Value, int]:
    """The value whose memory it lies in, and how many elements into it."""
    offset = 0
    while value.inside is not None:
        offset += value.offset
        value = value.inside
    return value, offset


def users(graph: Graph) -> dict[Value, list[Node | None]]:
    """The nodes that read each value, once for each time; None stands for the program's output."""
    found: dict[Value, list[Node | None]] = {}
    for node in graph.nodes:
        for value in node.inputs:
            if value is not None:
                found.setdefault(value, []).append(node)
    for value in graph.outputs:
        found.setdefault(value, []).append(None)
    return found


def geometries(op: Op, attrs: Any, x: Value) -> list[tuple[Size, Ints, int]]:
    """Shape, strides and offset of what a view of ``x`` gives; ValueError if there is no such view.

    NumPy is asked, over memory that nobody reads.
    """
    size = x.dtype.itemsize
    steps = tuple(step * size for step in x.strides)
    base = np.lib.stride_tricks.as_strided(np.empty(1, x.dtype.numpy), x.shape, steps)
    found = op.reference(attrs, base)
    start = base.__array_interface__["data"][0]
    made = []
    for array in found if type(found) is tuple else (found,):
        offset = (array.__array_interface__["data"][0] - start) // size if array.size else 0
        strides = tuple(step // size for step in array.strides)
        made.append((Size(array.shape), strides, offset))
    return made


def joined_in_place(node: Node) -> bool:
    """Whether a concatenation has nothing left to do: its inputs lie inside its output."""
    if node.op.name != "cat":
        return False
    (out,) = node.outputs
    base, offset = root(out)
    start = offset
    for value in node.inputs:
        assert value is not None
        own, at = root(value)
        if own is not base or at != start or value.strides != out.strides:
            return False
        start += value.shape[node.attrs] * out.strides[node.attrs]
    return True


# ---- whether it holds together ----


def verify(graph: Graph) -> Graph:
    """``graph``, if every value is there before it is read, and lies where its memory reaches.

    Raises AssertionError that names the node otherwise: a pass is wrong.
    """
    there: set[Value] = {*graph.inputs, *graph.constants}
    for value, array in graph.constants.items():
        _check(value.shape == array.shape and value.dtype is array.dtype, f"{value.name} changed")
    for node in graph.nodes:
        for given in node.inputs:
            _check(given is None or given in there, f"{node.op.name} reads what is not there")
        for value in node.outputs:
            _check(value not in there, f"{node.op.name} writes what is there already")
            there.add(value)
        if node.op.aliases:
            _check_view(node)
        for value in node.outputs:
            _check_inside(node, value)
    for out in graph.outputs:
        _check(out in there, "an output is not there")
    return graph


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise AssertionError(f"a pass went wrong: {sentence}")


def _check_view(node: Node) -> None:
    (x,) = node.inputs
    assert x is not None
    pairs = zip(node.outputs, geometries(node.op, node.attrs, x), strict=True)
    for value, (shape, strides, offset) in pairs:
        _check(value.inside is x, f"{node.op.name} is no view of its input")
        same = value.shape == shape and (value.strides == strides or 0 in shape)
        _check(same and value.offset == offset, f"{node.op.name} lies elsewhere than it says")


def _check_inside(node: Node, value: Value) -> None:
    base, offset = root(value)
    if base is value:
        return
    _check(offset >= 0, f"{node.op.name} begins before its memory")
    reach = (offset + value.extent) * value.dtype.itemsize
    _check(value.dtype is base.dtype, f"{node.op.name} lies in memory of another dtype")
    _check(reach <= base.nbytes, f"{node.op.name} reaches behind its memory")


# ---- how it is read ----


def printed(graph: Graph) -> str:
    """The graph as lines of text, one for each node."""
    names = {value: f"%{value.name or place}" for place, value in enumerate(graph.inputs)}
    names |= {v: v.name or f"constant[{_sizes(v)}]" for v in graph.constants}
    count = 0
    for node in graph.nodes:
        for value in node.outputs:
            count += 1
            names[value] = f"%{count}"
    lines = [f"input {names[v]}: {_kind(v)}" for v in graph.inputs]
    for node in graph.nodes:
        outs = ", ".join(names[v] for v in node.outputs)
        given = ["-" if v is None else names[v] for v in node.inputs]
        while given and given[-1] == "-":
            given.pop()
        what = f"{node.op.name}({', '.join(given)})"
        notes = [what, *told(node.attrs), *(["in place"] if joined_in_place(node) else [])]
        kinds = ", ".join(_kind(v) for v in node.outputs)
        lines.append(f"{outs} = {' '.join(notes)}: {kinds}")
    lines.append(f"output {', '.join(names[v] for v in graph.outputs)}")
    return "\n".join(lines)


def _sizes(value: Value) -> str:
    return ", ".join(map(str, value.shape))


def _kind(value: Value) -> str:
    kind = f"{value.dtype.name}[{_sizes(value)}]"
    if is_contiguous(value.shape, value.strides, contiguous_strides(value.shape)):
        return kind
    if is_contiguous(value.shape, value.strides, channels_innermost_strides(value.shape)):
        return f"{kind} channels last"
    return f"{kind} strides {list(value.strides)}"


def told(attrs: Any) -> Iterable[str]:
    """Words on an operation's attributes."""
    if attrs is None:
        return ()
    own = getattr(attrs, "told", None)
    if own is not None:
        return (own(),)
    spec = getattr(attrs, "spec", None)
    if spec is not None and hasattr(attrs, "activation"):
        ends = [attrs.activation] if attrs.activation else []
        return (*told(spec), *(["residual"] if attrs.residual else []), *ends)
    if hasattr(attrs, "windows"):
        return (_of_windows(attrs),)
    return (str(attrs),)


def _of_windows(spec: Any) -> str:
    words = ["×".join(map(str, spec.kernel))]
    for name, plain in (("stride", 1), ("dilation", 1)):
        values = getattr(spec, name)
        if set(values) != {plain}:
            words.append(f"{name} {'×'.join(map(str, values))}")
    pads = [window.pad for window in spec.windows]
    if any(any(pad) for pad in pads):
        words.append(f"pad {'×'.join(str(a) if a == b else f'{a}+{b}' for a, b in pads)}")
    if getattr(spec, "groups", 1) != 1:
        words.append(f"groups {spec.groups}")
    return " ".join(words)
