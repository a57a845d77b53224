"""The record that closes every operation's file, and the one way operations are called.

``apply(op, attrs, *inputs)`` looks up a ``Plan`` by (attrs, shapes, strides, dtypes). All that can
be known from those is worked out once, when the plan is made: the shape rule with its errors, the
output's layout, which kernel runs. ``attrs`` is keyed by identity, so callers intern theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from tatamu.dtypes import DType
from tatamu.ops.array import Array, Node, Numpy, Packed, detached, local, made
from tatamu.ops.layout import Ints, Size, sized
from tatamu.ops.plan import Plan, Ran, Runner
from tatamu.ops.saving import edge, kept_version, packed, places_of
from tatamu.runtime.storage import mode

__all__ = [
    "Call",
    "Event",
    "Kernel",
    "Op",
    "Out",
    "Plan",
    "Ran",
    "Runner",
    "Sample",
    "Saves",
    "apply",
    "called",
    "registry",
    "watching",
]

T = TypeVar("T", bound=Array)


class Call:
    """An operation on inputs of certain shapes, strides and dtypes; None for an absent input."""

    __slots__ = ("attrs", "dtypes", "op", "shapes", "strides")

    def __init__(self, op: Op, attrs: Any, inputs: tuple[Array | None, ...]) -> None:
        self.op = op
        self.attrs = attrs
        self.shapes = tuple([None if x is None else x.shape for x in inputs])
        self.strides = tuple([None if x is None else x.strides for x in inputs])
        self.dtypes = tuple([None if x is None else x.dtype for x in inputs])

    native = False
    """Whether a kernel is to serve it though NumPy would be as fast."""

    def outs(self) -> tuple[Out, ...]:
        """What the outputs are like; raises what the shape rule does."""
        return self.op.shape(self)

    def shape(self, index: int) -> Size:
        """The shape of an input that is known to be there."""
        shape = self.shapes[index]
        assert shape is not None
        return shape

    def dtype(self, index: int) -> DType:
        """The dtype of an input that is known to be there."""
        dtype = self.dtypes[index]
        assert dtype is not None
        return dtype


class Out(NamedTuple):
    """What the shape rule says of one output.

    Strides of None mean C order to a kernel; a reference's own order is then left as it is.
    """

    shape: Ints
    dtype: DType
    strides: Ints | None = None


class Event(NamedTuple):
    """One operation that ran. ``inputs`` holds None for an absent bias; ``written`` is the tensor
    that the output is about to be written over, None if there is none.
    """

    op: Op
    inputs: tuple[Array | None, ...]
    attrs: Any
    outputs: tuple[Array, ...]
    ran: Ran
    written: Array | None

    @property
    def output(self) -> Array:
        """Output 0."""
        return self.outputs[0]


class Kernel(Protocol):
    """Something that can serve an operation faster than its reference.

    It may have a method ``costs(call)`` besides, that gives a ``kernels.cost.Cost`` for each
    launch; of several kernels the one predicted to be fastest is then taken. If it says that it
    ``places`` its output, it writes that with whatever strides ``call.outs()`` has.
    """

    name: str

    def accepts(self, call: Call, /) -> str | None:
        """None, or why not: "stride is 2; F(4,3) needs 1"."""

    def prepare(self, call: Call, /) -> Runner:
        """Make ready, once per Call. ``CompileError`` here or in the runner: the reference runs."""


class Saves(NamedTuple):
    """What backward needs: inputs as (index, index of the input whose gradient needs it)."""

    inputs: tuple[tuple[int, int], ...]
    outputs: Ints


NOTHING = Saves((), ())
_PLAIN = (type(None), tuple, int, float, bool, Size)  # attrs that say nothing of a node's name


class Sample(NamedTuple):
    """Arguments for the tests: attrs, and arrays (float64 where a gradient is to be checked)."""

    attrs: Any
    inputs: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Op:
    """All there is to know about one operation. Nothing can be forgotten: only ``differentiable``,
    how many outputs (the first so many) are in the graph, ``reorders``, whether it lays its output
    out in another order than torch would (of its own accord), and ``listed``, the order of the
    inputs in torch's ``next_functions`` if it is another, have defaults.

    ``shape(call)`` gives the outputs or raises torch's sentence. ``reference(attrs, *arrays)`` is
    NumPy, obviously right, in the dtype it is given. ``vjp(node, *gradients)`` takes a gradient
    per differentiable output (if there are several, None for those that have none), gives one
    per input (None where not wanted), written in operations, or is None where none exists.
    ``aliases`` marks views: the reference returns a view of its array, or a tuple of several, and
    the outputs share memory.
    """

    name: str
    title: str
    shape: Callable[[Call], tuple[Out, ...]]
    reference: Callable[..., Any]
    vjp: Callable[..., tuple[Any, ...]] | None
    saves: Saves
    aliases: bool
    flops: Callable[[Call], int]
    bytes: Callable[[Call], int]
    samples: Callable[[np.random.Generator], Iterable[Sample]]
    kernels: tuple[Kernel, ...]
    differentiable: int = 1
    reorders: bool = False
    listed: Ints = ()
    kind: type[Node] = field(init=False, repr=False)
    plans: dict[tuple[Any, ...], Plan] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.name in _registry:
            raise ValueError(f"two operations are called {self.name!r}")
        _registry[self.name] = self
        object.__setattr__(self, "kind", node_type(node_name(self.title, None)))

    def node(
        self,
        call: Call,
        edges: tuple[Node | Array | None, ...],
        saved: tuple[Array | Packed | None, ...] = (),
        versions: Ints = (),
        places: Ints = (),
    ) -> Node:
        """A node of this operation's, of the class that torch's has."""
        attrs, kind = call.attrs, self.kind
        if attrs is not None and type(attrs) not in _PLAIN:
            kind = node_type(node_name(self.title, attrs))
        return kind(call, edges, saved, versions, places)

    def __call__(self, first: T, *others: Array | None, attrs: Any = None) -> T:
        return apply(self, attrs, first, *others)


def called(x: T, name: str) -> T:
    """``x``, just computed, its node under torch's name for the form called: ``SumBackward1``."""
    if x.node is not None:
        x.node.__class__ = node_type(name)
    return x


def node_name(title: str, attrs: Any) -> str:
    """torch's name for a node: a title may hold the number of the overload, attrs may tell either.

    >>> node_name("Exp", None), node_name("PowBackward1", None)
    ('ExpBackward0', 'PowBackward1')
    """
    title = getattr(attrs, "node_title", title)
    if title in ("CopySlices", "CopyBackwards") or re.search(r"Backward\d", title):
        return title
    return f"{title}Backward{getattr(attrs, 'overload', 0)}"


@lru_cache(maxsize=1024)
def node_type(name: str) -> type[Node]:
    """The class of nodes of this name."""
    return type(name, (Node,), {"__slots__": (), "__module__": "builtins"})


_registry: dict[str, Op] = {}
_VIEW = Ran("view", "", 0.0, True, "")
_PLANS_KEPT = 1024


def registry() -> dict[str, Op]:
    """Every operation by name."""
    return dict(_registry)


@contextmanager
def watching(watcher: Callable[[Event], object]) -> Iterator[None]:
    """Call ``watcher`` with an ``Event`` after each operation of this thread's forward passes."""
    before = local.watchers
    local.watchers = (*before, watcher)
    try:
        yield
    finally:
        local.watchers = before


def _plan(op: Op, key: tuple[Any, ...], attrs: Any, inputs: tuple[Array | None, ...]) -> Plan:
    plan = Plan(Call(op, attrs, inputs))
    if len(op.plans) >= _PLANS_KEPT:
        op.plans.clear()
    op.plans[key] = plan
    return plan


def planned(op: Op, attrs: Any, inputs: tuple[Array | None, ...]) -> Plan | None:
    """The plan for these inputs; None for a view, which needs none."""
    if op.aliases:
        return None
    signature: list[Any] = [id(attrs)]
    for x in inputs:
        signature += (None,) if x is None else (x.shape, x.strides, x.dtype)
    key = tuple(signature)
    return op.plans.get(key) or _plan(op, key, attrs, inputs)


def apply_all(op: Op, attrs: Any, *inputs: Any) -> tuple[Any, ...]:
    """All outputs of ``op``; they join the graph if grad mode is on and an input asks."""
    signature: list[Any] = [id(attrs)]
    for x in inputs:
        signature += (None,) if x is None else (x.shape, x.strides, x.dtype)
    key = tuple(signature)
    plan = op.plans.get(key)
    if plan is None:
        if op.aliases:
            return views(op, attrs, inputs[0])
        plan = _plan(op, key, attrs, inputs)
    outputs = plan.run(inputs)
    if local.grad and op.vjp is not None:
        for x in inputs:
            if x is not None and (x._requires_grad or x.base is not None):
                record(plan.call, inputs, outputs)
                break
    if local.watchers:
        event = Event(op, inputs, attrs, outputs, plan.ran(), local.written)
        for watcher in local.watchers:
            watcher(event)
    return outputs


def apply(op: Op, attrs: Any, first: T, *others: Array | None) -> T:
    """Output 0 of ``op`` on the inputs; see ``apply_all``."""
    outputs: tuple[T, ...] = apply_all(op, attrs, first, *others)
    return outputs[0]


def record(
    call: Call,
    inputs: tuple[Array | None, ...],
    outputs: tuple[Array, ...],
    edges: tuple[Node | Array | None, ...] | None = None,
) -> None:
    """Make the differentiable outputs the results of a new node, if any input wants a gradient.

    Integers and truth values have none, and end the graph.

    ``edges`` are given where an input was written to since they could be asked for.
    """
    if not outputs[0].dtype.is_floating_point:
        return
    if edges is None:
        edges = tuple([edge(x) for x in inputs])
    saves = call.op.saves
    for target in edges:
        if target is not None:
            break
    else:
        return
    saved: list[Array | Packed | None] = []
    for index, wanted in saves.inputs:
        saved.append(inputs[index] if edges[wanted] is not None else None)
    saved += [detached(outputs[index]) for index in saves.outputs]
    versions = tuple([0 if x is None else kept_version(x) for x in saved])
    if local.packing is not None:
        saved = [None if x is None else packed(x) for x in saved]
    node = call.op.node(call, edges, tuple(saved), versions, places_of(inputs))
    for place, output in enumerate(outputs[: call.op.differentiable]):
        output.node = node
        output.output_nr = place
        output._requires_grad = True


def view(op: Op, attrs: Any, x: T) -> T:
    """The output of an operation that only looks at the memory of ``x`` in another way."""
    return views(op, attrs, x)[0]


def views(op: Op, attrs: Any, x: T) -> tuple[T, ...]:
    """The outputs of an operation that only looks at the memory of ``x`` in other ways."""
    found: Any = op.reference(attrs, x.array)
    several = type(found) is tuple
    outs = [_seen(x, array, "several") for array in found] if several else [_seen(x, found, "")]
    if local.grad and (x._requires_grad or x.base is not None):
        source = edge(x)
        if source is not None:
            node = op.node(Call(op, attrs, (x,)), (source,), (), (), places_of((x,)))
            for place, out in enumerate(outs):
                out.node = node
                out.output_nr = place
                out._requires_grad = True
    if local.watchers and outs:
        event = Event(op, (x,), attrs, tuple(outs), _VIEW, None)
        for watcher in local.watchers:
            watcher(event)
    return tuple(outs)


def _seen(x: Any, array: Numpy, kind: str) -> Any:
    """The memory of ``x`` as the NumPy view ``array`` of it has it."""
    size = array.itemsize
    offset = x.offset
    if array.size:
        start: int = array.__array_interface__["data"][0]
        offset = (start - x.storage.address) // size
    strides = tuple([stride // size for stride in array.strides])
    out = made.type(x.storage, offset, sized(array.shape), strides, x.dtype)
    if array.flags.writeable:  # NumPy broadcasts read-only; then a view is made when asked for
        out._array = array
    out.base = x if x.base is None else x.base
    out.view_version = x.storage.version
    out.view_kind = view_kind(x, kind)
    return out


def view_kind(x: Array, kind: str = "") -> str:
    """Why a view of ``x`` may not be written to; see ``Array``."""
    if local.grad:
        return kind or x.view_kind
    return "inference" if mode.inference else "no_grad"
