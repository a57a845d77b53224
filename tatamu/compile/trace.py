"""From a module to a graph: it is called once, and every operation that runs becomes a node.

Operations are seen where they are dispatched (`tatamu.ops.op.watching`), so nothing is known here
of any of them. What happens past them is told by `tatamu.ops.array.Noting`: a number that is read
could decide how the module goes on, so reading one that depends on the input is an error; memory
that is written to becomes a new value, and views of it are found anew in that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import tatamu.ops.op as dispatch
from tatamu.autograd import no_grad
from tatamu.compile.graph import Graph, Node, Value, verify
from tatamu.compile.structure import Structure, flattened
from tatamu.naming import known_as
from tatamu.nn.module import Module
from tatamu.ops import inplace
from tatamu.ops.array import Array, detached, local, made
from tatamu.ops.common import interned
from tatamu.ops.layout import Ints, contiguous_strides, dense_strides
from tatamu.ops.op import Event, watching
from tatamu.ops.reshape import clone
from tatamu.ops.strided import Geometry, as_strided, as_strided_scatter
from tatamu.random import default_generator
from tatamu.runtime.storage import Storage

__all__ = ["TraceError", "Traced", "trace"]

Place = tuple[int, Ints, Ints]
"""Offset, shape and strides in a storage."""


@known_as("builtins.RuntimeError")
class TraceError(RuntimeError):
    """A module cannot be compiled: how it goes on depends on numbers, or it cannot be followed."""


@dataclass(slots=True)
class Home:
    """What is known of a storage: the value that lies in it, where, and the views of that."""

    value: Value
    place: Place
    version: int
    views: dict[Place, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Traced:
    """A graph, and how its outputs make what the module returned.

    ``reordered`` says of each output whether an operation chose its order; ``watched`` are the
    tensors that were there before, whose change makes the graph stale.
    """

    graph: Graph
    build: Structure
    reordered: tuple[bool, ...]
    watched: tuple[tuple[Array, Storage, int], ...]


def trace(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    options: Mapping[str, Any],
    names: Mapping[int, str],
    modules: Mapping[int, str],
) -> Traced:
    """The graph of ``call(*args, **options)``.

    ``names`` are those of parameters and buffers, by the id of their storages; ``modules`` those
    of modules by id. Raises TraceError, naming the line, where it cannot be followed.
    """
    given, build, _ = flattened((args, dict(options)))
    tracer = Tracer(names, modules)
    copies = [tracer.enter(x, place) for place, x in enumerate(given)]
    own_args, own_options = build(copies)
    random = default_generator.get_state().array.tobytes()
    with no_grad(), watching(tracer.on_event), tracer.noting():
        result = call(*own_args, **own_options)
    if default_generator.get_state().array.tobytes() != random:
        raise TraceError(
            "the module draws random numbers: compiled, it would give the same ones each time\n"
            "  dropout in training mode does; model.eval() switches it off"
        )
    return tracer.finish(result)


class Tracer:
    """What has been seen so far."""

    def __init__(self, names: Mapping[int, str], modules: Mapping[int, str]) -> None:
        self._names = names
        self._modules = modules
        self._homes: WeakKeyDictionary[Storage, Home] = WeakKeyDictionary()
        self._inputs: list[Value] = []
        self._nodes: list[Node] = []
        self._constants: dict[Value, Array] = {}
        self._moving: set[Value] = set()
        self._watched: dict[int, tuple[Array, Storage, int]] = {}

    # ---- the ends ----

    def enter(self, x: Array, place: int) -> Array:
        """A copy of an input, known by its value."""
        steps = _dense(x.shape, x.strides)
        copy: Array = clone(x, attrs=interned(steps))
        copy.storage.reordered = x.storage.reordered
        copy._array = None
        value = Value(copy.shape, x.strides, x.dtype, name=f"x{place}" if place else "x")
        self._inputs.append(value)
        self._moving.add(value)
        if steps != x.strides:
            value = self._add(clone, interned(steps), (value,), copy, "")
        self._settle(copy, value)
        return copy

    def finish(self, result: Any) -> Traced:
        """The graph that leads to ``result``."""
        found, build, _ = flattened(result)
        outputs = tuple([self._value(x) for x in found])
        graph = Graph(
            tuple(self._inputs), tuple(self._nodes), outputs, MappingProxyType(self._constants)
        )
        reordered = tuple([_origin(x.storage).reordered for x in found])
        return Traced(verify(graph), build, reordered, tuple(self._watched.values()))

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Be told of reads and writes in this thread."""
        before, local.noting = local.noting, self
        try:
            yield
        finally:
            local.noting = before

    # ---- what is told ----

    def on_event(self, event: Event) -> None:
        """An operation has run."""
        inputs = tuple([None if x is None else self._value(x) for x in event.inputs])
        moving = any(value in self._moving for value in inputs)
        where = self._where(sys._getframe(1))
        if event.op.aliases:
            source = inputs[0]
            assert source is not None
            self._add_view(event, source, where)
        else:
            outputs = []
            for y in event.outputs:
                y._array = None
                value = Value(y.shape, y.strides, y.dtype)
                outputs.append(value)
                self._settle(y, value)
            self._nodes.append(Node(event.op, event.attrs, inputs, tuple(outputs), where))
        if moving:
            self._moving.update(self._nodes[-1].outputs)

    def _add_view(self, event: Event, source: Value, where: str) -> None:
        x = event.inputs[0]
        assert x is not None
        home = self._homes[_origin(x.storage)]
        outputs = []
        for y in event.outputs:
            y._array = None
            value = Value(y.shape, y.strides, y.dtype, source, y.offset - x.offset)
            outputs.append(value)
            home.views[_place(y)] = value
        self._nodes.append(Node(event.op, event.attrs, (source,), tuple(outputs), where))

    def reads(self, x: Array) -> None:
        """Numbers are read: by an operation, or by somebody who may decide by them."""
        home = self._homes.get(_origin(x.storage))
        if home is None or home.value not in self._moving:
            return
        frame: FrameType | None = sys._getframe(2)
        theirs = None
        while frame is not None:
            if frame.f_code in _WITHIN:
                return
            if theirs is None and not _ours(frame):
                theirs = frame
            frame = frame.f_back
        raise TraceError(
            f"{_line(theirs)} reads the numbers of a tensor that depends on the input: how a "
            "compiled network goes on cannot depend on them\n"
            "  bool(), item(), tolist() and numpy() read; tatamu.where(condition, a, b) chooses "
            "without"
        )

    def writes(self, x: Array, value: Array) -> None:
        """Memory is written to: a new value lies there from now on."""
        self._value(x)
        home = self._homes[_origin(x.storage)]
        if home.value in self._constants:  # it is about to change: keep what it was
            self._keep(x, home)
        after = self._value(value)
        where = self._where(sys._getframe(2))
        if _place(x) == home.place:
            if after.strides != x.strides or after.shape != x.shape:
                after = self._add(clone, interned(tuple(x.strides)), (after,), x, where)
            home.value = after
        else:
            offset, shape, strides = home.place
            geometry = Geometry(x.shape, x.strides, x.offset - offset, shape, strides)
            pair = (home.value, after)
            home.value = self._add(as_strided_scatter, interned(geometry), pair, home.value, where)
        home.version = _origin(x.storage).version + 1
        home.views = {home.place: home.value}

    def _keep(self, x: Array, home: Home) -> None:
        """Constants that a module writes to are copied, for theirs will be other numbers."""
        if id(_origin(x.storage)) in self._names:
            raise TraceError(
                f"{_line(_user(sys._getframe(3)))} writes to {home.value.name}: a compiled network "
                "leaves its parameters and buffers as they are"
            )
        for value in {home.value, *home.views.values()}:
            if value in self._constants:
                held = self._constants[value]
                geometry = (held.offset, held.shape, held.strides, held.dtype)
                self._constants[value] = made.type(held.storage.copy(), *geometry)
        self._watched.pop(id(_origin(x.storage)), None)

    # ---- values ----

    def _value(self, x: Array) -> Value:
        storage = _origin(x.storage)
        home = self._homes.get(storage)
        if home is None:
            home = self._constant(x, storage)
        if storage.version != home.version:
            raise TraceError(
                f"{_line(_user(sys._getframe(2)))} uses a tensor that was written to in a way "
                "that a compiled network cannot follow\n"
                "  operations ending in _ and x[...] = y are followed; NumPy's writes are not"
            )
        place = _place(x)
        found = home.views.get(place)
        if found is None:
            found = self._another_view(x, home, place)
            home.views[place] = found
        return found

    def _constant(self, x: Array, storage: Storage) -> Home:
        name = self._names.get(id(storage), "")
        value = Value(x.shape, x.strides, x.dtype, name=name)
        self._constants[value] = detached(x)
        self._watched[id(storage)] = (x, storage, storage.version)
        return self._settle(x, value)

    def _another_view(self, x: Array, home: Home, place: Place) -> Value:
        """The memory of ``home`` as ``x`` sees it, where no operation says how."""
        if home.value in self._constants:
            value = Value(x.shape, x.strides, x.dtype, name=home.value.name)
            self._constants[value] = detached(x)
            return value
        offset, shape, strides = home.place
        geometry = Geometry(x.shape, x.strides, x.offset - offset, shape, strides)
        value = Value(x.shape, x.strides, x.dtype, home.value, geometry.offset)
        self._nodes.append(Node(as_strided, interned(geometry), (home.value,), (value,)))
        if home.value in self._moving:
            self._moving.add(value)
        return value

    def _add(
        self,
        op: Any,
        attrs: Any,
        inputs: tuple[Value, ...],
        like: Array | Value,
        where: str,
    ) -> Value:
        value = Value(like.shape, like.strides, like.dtype)
        self._nodes.append(Node(op, attrs, inputs, (value,), where))
        if any(given in self._moving for given in inputs):
            self._moving.add(value)
        return value

    def _settle(self, x: Array, value: Value) -> Home:
        storage = _origin(x.storage)
        place = _place(x)
        home = Home(value, place, storage.version, {place: value})
        self._homes[storage] = home
        return home

    def _where(self, frame: FrameType | None) -> str:
        """The innermost module that is being called, by name."""
        while frame is not None:
            if frame.f_code is _CALL:
                return self._modules.get(id(frame.f_locals["self"]), "")
            frame = frame.f_back
        return ""


def _dense(shape: Ints, strides: Ints) -> Ints:
    """Strides without gaps in the order of ``strides``."""
    if 0 in shape:
        return contiguous_strides(shape)
    order = sorted(range(len(shape)), key=lambda axis: (strides[axis], -axis))
    return dense_strides(shape, order)


def _place(x: Array) -> Place:
    return x.offset, tuple(x.shape), tuple(x.strides)


def _origin(storage: Storage) -> Storage:
    """The storage whose bytes these are: ``tensor.data`` has one of its own."""
    while storage._origin is not None:
        storage = storage._origin
    return storage


# ---- lines of code ----

_WITHIN: frozenset[CodeType] = frozenset(
    f.__code__ for f in (dispatch.apply_all, dispatch.views, inplace.write)
)
_CALL = Module.__call__.__code__
_PACKAGE = str(Path(__file__).parents[1])


def _ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_PACKAGE)


def _user(frame: FrameType | None) -> FrameType | None:
    while frame is not None and _ours(frame):
        frame = frame.f_back
    return frame


def _line(frame: FrameType | None) -> str:
    if frame is None:
        return "a module"
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
