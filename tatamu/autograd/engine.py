"""The engine: walks the graph that operations left behind. It knows no operation by name, but one:
gradients that meet are added.

Nodes are visited from the latest to the earliest, which is an order in which each comes after all
that it serves, and a leaf as soon as its last gradient is there. There is no recursion, so a chain
of 100 000 operations is no deeper than one of ten.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from tatamu import naming
from tatamu.autograd.anomaly_mode import told
from tatamu.dtypes import widen
from tatamu.ops.arithmetic import add
from tatamu.ops.array import Array, Node, anomaly, local
from tatamu.ops.cast import cast
from tatamu.ops.common import interned
from tatamu.ops.expand import sum_to
from tatamu.ops.hooks import Hooks, Notes
from tatamu.ops.inplace import write
from tatamu.ops.layout import Ints, axis_order, contiguous_strides, is_contiguous
from tatamu.ops.op import apply, called
from tatamu.ops.reshape import clone

__all__ = ["Place", "run"]


class Place(NamedTuple):
    """An output of a node, or a leaf (``number`` is 0): where a gradient arrives."""

    target: Node | Array
    number: int

    @property
    def key(self) -> tuple[int, int]:
        """For dictionaries: tensors compare elementwise."""
        return id(self.target), self.number


def run(
    starts: Sequence[tuple[Place, Array]],
    *,
    keep: bool,
    create_graph: bool,
    inputs: Sequence[Place] | None = None,
    accumulate: bool = False,
) -> dict[tuple[int, int], Array]:
    """Carry gradients from ``starts`` to every leaf, or only to ``inputs``.

    The gradients of ``inputs`` are returned, unless ``accumulate`` adds those of leaves up.
    """
    walk = _Walk(create_graph, None if inputs is None else {p.key for p in inputs}, accumulate)
    walk.survey([place.target for place, _ in starts], inputs)
    for place, seed in starts:
        walk.receive(place.target, place.number, seed, fresh=False)
    del starts, seed
    before, local.pruning = local.pruning, inputs is not None
    try:
        walk.finish(keep)
    finally:
        local.pruning = before
    return walk.captured


class _Walk:
    """One backward pass."""

    def __init__(
        self, create_graph: bool, wanted: set[tuple[int, int]] | None, accumulate: bool
    ) -> None:
        self.create_graph = create_graph
        self.wanted = wanted
        self.accumulate = accumulate
        self.captured: dict[tuple[int, int], Array] = {}
        self.pending: dict[tuple[int, int], Array] = {}
        self.fresh: set[tuple[int, int]] = set()
        self.queue: list[tuple[int, Node]] = []
        self.queued: set[int] = set()
        self.uses: dict[int, int] = {}
        self.leaves: dict[int, Array] = {}
        self.ready: list[int] = []
        self.needed: set[int] | None = None

    def survey(self, starts: Iterable[Node | Array], inputs: Sequence[Place] | None) -> None:
        """Count how often each leaf is used; find what leads to ``inputs``."""
        nodes: list[Node] = []
        seen: set[int] = set()
        stack = [start for start in starts if isinstance(start, Node)]
        while stack:
            node = stack.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            nodes.append(node)
            for target in node.edges:
                if target is None:
                    continue
                if isinstance(target, Node):
                    stack.append(target)
                else:
                    self.uses[id(target)] = self.uses.get(id(target), 0) + 1
        if inputs is None:
            return
        self.needed = {id(place.target) for place in inputs}
        nodes.sort(key=lambda node: node.sequence)
        for node in nodes:
            if any(id(target) in self.needed for target in node.edges):
                self.needed.add(id(node))

    def receive(self, target: Node | Array, number: int, g: Array, fresh: bool) -> None:
        """Add a gradient to what has arrived at a place. ``fresh``: nobody else holds it."""
        key = id(target), number
        have = self.pending.get(key)
        self.pending[key] = g if have is None else add(have, g)
        if fresh or have is not None:
            self.fresh.add(key)
        if isinstance(target, Array):
            self.leaves[id(target)] = target
            if self.uses.get(id(target), 0) <= 0:
                self.ready.append(id(target))
        elif id(target) not in self.queued:
            self.queued.add(id(target))
            heappush(self.queue, (-target.sequence, target))

    def finish(self, keep: bool) -> None:
        """Visit everything that has received a gradient."""
        while self.queue or self.leaves:
            for key in self.ready if self.ready or self.queue else list(self.leaves):
                if key in self.leaves:
                    self.arrive(self.leaves.pop(key))
            self.ready.clear()
            if self.queue:
                self.visit(heappop(self.queue)[1], keep)

    def arrive(self, leaf: Array) -> None:
        """The gradient of a leaf is complete."""
        key = id(leaf), 0
        g = self.pending.pop(key)
        fresh = key in self.fresh
        notes = leaf.notes
        if self.wanted is not None and key not in self.wanted:
            return
        if notes is not None and 0 in notes.hooks:
            g, fresh = hooked(notes.hooks[0], g), False
        if self.wanted is not None and not self.accumulate:
            self.captured[key] = g
            return
        if notes is None:
            deposit(leaf, g, self.create_graph, fresh)
            return
        for hook in tuple(notes.before.values()):
            (g,) = _tuple(hook((g,)), (g,))
        deposit(leaf, g, self.create_graph, fresh and not notes.before)
        for hook in tuple(notes.after.values()):
            hook((), (g,))
        for hook in tuple(notes.accumulated.values()):
            hook(leaf)

    def visit(self, node: Node, keep: bool) -> None:
        """Pull the gradients of one node's outputs back to its inputs."""
        key = id(node)
        pending, count = self.pending, node.outputs
        gradients: tuple[Array | None, ...] = (pending.pop((key, 0), None),)
        if count > 1:
            gradients += tuple([pending.pop((key, place), None) for place in range(1, count)])
        notes, needed = node.notes, self.needed
        found = gradients
        if notes is not None and (notes.hooks or notes.retained):
            gradients = tuple([_seen(notes, place, g) for place, g in enumerate(found)])
        if needed is not None:
            goes_on = any(id(target) in needed for target in node.edges)
            # Where the walk goes on, torch gives an input's gradient as it was before its hooks.
            for place, g in enumerate(found if goes_on else gradients):
                if g is not None and self.wanted is not None and (key, place) in self.wanted:
                    self.captured[key, place] = g
            if not goes_on:
                self.count(node)
                return
        del found
        if notes is not None:
            for hook in tuple(notes.before.values()):
                gradients = _tuple(hook(gradients), gradients)
        try:
            pulled = list(node.pull(gradients))
            shapes, kinds, check = node.call.shapes, node.call.dtypes, anomaly.checked
            for place, target in enumerate(node.edges):
                d = pulled[place]
                if target is None or d is None:
                    continue
                if check or d.dtype is not kinds[place] or d.shape != shapes[place]:
                    pulled[place] = _fitting(node, place, d)
        except Exception:
            if anomaly.traced:
                told(node)
            raise
        if notes is not None:
            for hook in tuple(notes.after.values()):
                pulled = list(_tuple(hook(tuple(pulled), gradients), tuple(pulled)))
        taken = [g.storage for g in gradients if g is not None]
        own = not node.foreign and not (notes and notes.after)
        del gradients
        if not keep:
            node.free()
        for place, target in enumerate(node.edges):
            d, pulled[place] = pulled[place], None
            if target is None:
                continue
            if isinstance(target, Array):
                self.used(target)
            if d is None or (needed is not None and id(target) not in needed):
                continue
            fresh = own and d.base is None and d.storage not in taken
            taken.append(d.storage)
            self.receive(target, node.places[place] if node.places else 0, d, fresh)
            del d

    def used(self, leaf: Array) -> None:
        """One of the places that use a leaf has given its part, or has none."""
        left = self.uses[id(leaf)] = self.uses[id(leaf)] - 1
        if not left and id(leaf) in self.leaves:
            self.ready.append(id(leaf))

    def count(self, node: Node) -> None:
        """A node that passes nothing on has done its part for the leaves it leads to."""
        for target in node.edges:
            if isinstance(target, Array):
                self.used(target)


def _tuple(result: Any, before: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a node's hook has returned in place of some gradients."""
    if result is None:
        return before
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def hooked(hooks: Hooks, g: Array) -> Array:
    """A gradient after the hooks of a tensor, each of which may give another."""
    for hook in tuple(hooks.values()):
        result = hook(g)
        if result is None:
            continue
        name = getattr(hook, "__name__", type(hook).__name__)
        if not isinstance(result, Array):
            raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
        if result.dtype is not g.dtype:
            raise RuntimeError(
                f"hook '{name}' has changed the type of value (was "
                f"{naming.prefix}.{g.dtype.legacy_name}Tensor got "
                f"{naming.prefix}.{result.dtype.legacy_name}Tensor)"
            )
        if result.shape != g.shape:
            raise RuntimeError(
                f"hook '{name}' has changed the size of value\n"
                f"  from {list(g.shape)} to {list(result.shape)}"
            )
        g = result
    return g


def _seen(notes: Notes, place: int, g: Array | None) -> Array | None:
    """The gradient of an output after its hooks; kept, if its tensor is to keep it."""
    if g is None:
        return None
    if place in notes.hooks:
        g = hooked(notes.hooks[place], g)
    tensor = notes.keeper(place)
    if tensor is not None:
        before = tensor.grad_array
        tensor.grad_array = g if before is None else add(before, g)
    return g


def _fitting(node: Node, place: int, d: Array) -> Array:
    """The gradient of an input, checked, in the input's dtype."""
    shape = node.call.shape(place)
    if d.shape != shape:
        d = _summed(node, place, d, shape)
    if anomaly.checked and np.isnan(widen(d.array, d.dtype)).any():
        raise RuntimeError(f"Function '{node.name()}' returned nan values in its {place}th output.")
    return cast(d, node.call.dtype(place))


def _summed(node: Node, place: int, d: Array, shape: Ints) -> Array:
    """A gradient of a broadcast shape, summed to the input's."""
    longer = len(d.shape) - len(shape)
    tail = zip(d.shape[max(longer, 0) :], shape, strict=False)
    if longer < 0 or any(n not in (1, m) for m, n in tail):
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient at index {place} - got "
            f"{list(d.shape)} but expected shape compatible with {list(shape)}"
        )
    return sum_to(d, shape)


_depositing = threading.RLock()


def deposit(leaf: Array, g: Array, create_graph: bool, fresh: bool) -> None:
    """Add ``g`` to the gradient of a leaf. ``fresh``: nobody else holds its memory.

    It matters since the leaf's own gradient will be written to in place, while the caller may hold
    what ``backward`` was given, and both operands of a sum are given one and the same gradient.
    """
    with _depositing:
        before = leaf.grad_array
        if before is None:
            strides = _strides_like(leaf)
            if create_graph or not fresh or not is_contiguous(leaf.shape, g.strides, strides):
                plain = strides == contiguous_strides(leaf.shape)
                g = apply(clone, None if plain else interned(strides), g)
                called(g, "CopyBackwards")
            leaf.grad_array = g
        elif create_graph:
            leaf.grad_array = add(before, g)
        else:
            write(add, None, before, g)


def _strides_like(leaf: Array) -> Ints:
    """A gradient lies as its leaf does, if that has no gaps."""
    if axis_order(leaf.shape, leaf.strides) is None:
        return contiguous_strides(leaf.shape)
    return leaf.strides
