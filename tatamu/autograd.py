"""Derivatives: walks the graph that operations left behind. It knows no operation by name, but one:
gradients that meet are added.

Order is by depth-first search with an explicit stack, so a chain of 100 000 operations is no
deeper than one of ten.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tatamu import missing
from tatamu.ops.arithmetic import add
from tatamu.ops.array import Array, Node, local
from tatamu.ops.cast import cast
from tatamu.ops.common import full
from tatamu.ops.inplace import write
from tatamu.ops.op import apply, edge
from tatamu.ops.reshape import clone

__all__ = ["backward", "enable_grad", "grad", "is_grad_enabled", "no_grad", "set_grad_enabled"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=Array)


class set_grad_enabled:
    """Record a graph or not, in this thread, until the block ends; without a block, from now on.

    >>> import tatamu
    >>> with tatamu.set_grad_enabled(False):
    ...     tatamu.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.before = local.grad
        self.mode = mode
        local.grad = mode

    def __enter__(self) -> None:
        local.grad = self.mode

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        local.grad = self.before


class _Mode:
    """A context manager, also a decorator, that sets the grad mode and restores it."""

    mode = True

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(local.grad)
        local.grad = self.mode

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        local.grad = self.before.pop()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            with type(self)():
                return function(*args, **kwargs)

        return wrapper


class no_grad(_Mode):
    """Record no graph in this thread: ``with no_grad():`` or ``@no_grad()``.

    >>> import tatamu
    >>> x = tatamu.ones(2, requires_grad=True)
    >>> with tatamu.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    mode = False


class enable_grad(_Mode):
    """Record a graph again inside a ``no_grad`` block."""

    mode = True


def is_grad_enabled() -> bool:
    """Whether operations of this thread record a graph."""
    return local.grad


def _order(starts: Sequence[Node | Array]) -> list[Node | Array]:
    """Everything reachable, each before whatever it leads to: inputs first."""
    order: list[Node | Array] = []
    seen: set[int] = set()
    stack: list[tuple[Node | Array, bool]] = [(start, False) for start in starts]
    while stack:
        item, finished = stack.pop()
        if finished:
            order.append(item)
            continue
        if id(item) in seen:
            continue
        seen.add(id(item))
        stack.append((item, True))
        if isinstance(item, Node):
            for target in item.edges:
                if target is not None and id(target) not in seen:
                    stack.append((target, False))
    return order


def _leading_to(order: list[Node | Array], targets: set[int]) -> set[int]:
    """Which items of ``order`` the targets can be reached from."""
    found = set(targets)
    for item in order:
        if isinstance(item, Node) and any(id(target) in found for target in item.edges):
            found.add(id(item))
    return found


def _deposit(leaf: Array, g: Array, create_graph: bool, fresh: bool) -> None:
    """Add ``g`` to the gradient of a leaf. ``fresh``: nobody else holds its memory.

    It matters since the leaf's own gradient will be written to in place, while the caller may hold
    what ``backward`` was given, and both operands of a sum are given one and the same gradient.
    """
    before = leaf.grad_array
    if create_graph:
        leaf.grad_array = g if before is None else add(before, g)
    elif before is None:
        leaf.grad_array = g if fresh else apply(clone, None, g)
    else:
        write(add, None, before, g)


def _walk(
    starts: Sequence[Node | Array],
    seeds: Sequence[Array],
    keep: bool,
    create_graph: bool,
    targets: set[int] | None = None,
) -> dict[int, Array]:
    """Carry gradients from ``starts`` to the leaves, or to the targets, whose own are returned."""
    order = _order(starts)
    needed = None if targets is None else _leading_to(order, targets)
    captured: dict[int, Array] = {}
    pending: dict[int, Array] = {}
    fresh: set[int] = set()
    for start, seed in zip(starts, seeds, strict=True):
        have = pending.get(id(start))
        pending[id(start)] = seed if have is None else add(have, seed)
    del seeds
    while order:
        item = order.pop()
        g = pending.pop(id(item), None)
        if g is None or (needed is not None and id(item) not in needed):
            continue
        if targets is not None and id(item) in targets:
            captured[id(item)] = g
        if isinstance(item, Array):
            if targets is None:
                _deposit(item, g, create_graph, id(item) in fresh)
            continue
        if item.retained is not None:
            tensor = item.retained()
            if tensor is not None:
                tensor.grad_array = g
        if needed is not None and not any(id(target) in needed for target in item.edges):
            continue
        vjp = item.call.op.vjp
        assert vjp is not None
        gradients = vjp(item, g)
        source = g.storage
        del g
        for place, target in enumerate(item.edges):
            d = gradients[place]
            if target is None or d is None:
                continue
            d = cast(d, item.call.dtype(place))
            have = pending.get(id(target))
            pending[id(target)] = d if have is None else add(have, d)
            if have is not None or (d.base is None and d.storage is not source):
                fresh.add(id(target))
            del d, have
        del gradients, source
        if not keep and item.saved:
            item.saved = None
    return captured


def _seed(output: Array, gradient: Array | None) -> Array:
    if gradient is None:
        if output.shape.numel() != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs\n"
                f"  the output has shape {list(output.shape)}: reduce it, for example with "
                ".sum(), or give backward() a gradient of that shape"
            )
        return full(output.shape, 1, output.dtype)
    if gradient.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] has "
            f"a shape of {output.shape}."
        )
    return cast(gradient, output.dtype)


def _starts(
    outputs: Sequence[Array], gradients: Sequence[Array | None]
) -> tuple[list[Node | Array], list[Array]]:
    starts: list[Node | Array] = []
    seeds = []
    for index, (output, gradient) in enumerate(zip(outputs, gradients, strict=True)):
        start = edge(output)
        if start is None:
            raise RuntimeError(
                f"element {index} of tensors does not require grad and does not have a grad_fn\n"
                "  nothing it was computed from has requires_grad=True, or it was computed inside "
                "no_grad()"
            )
        starts.append(start)
        seeds.append(_seed(output, gradient))
    return starts, seeds


def _listed(value: Any, count: int | None = None) -> list[Any]:
    if value is None:
        return [None] * (count or 0)
    return [value] if isinstance(value, Array) else list(value)


def backward(
    tensors: Array | Sequence[Array],
    grad_tensors: Array | Sequence[Array] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the derivatives of ``tensors`` to ``.grad`` of every leaf that requires it.

    Raises RuntimeError, with torch's sentences, if a tensor has no history, is not a scalar and
    comes without a gradient, if the graph was freed by an earlier call, or if a value that is
    needed was overwritten.

    >>> import tatamu
    >>> x = tatamu.tensor([1.0, 2.0], requires_grad=True)
    >>> tatamu.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    outputs = _listed(tensors)
    keep = create_graph if retain_graph is None else retain_graph
    before = local.grad
    local.grad = create_graph
    try:
        starts, seeds = _starts(outputs, _listed(grad_tensors, len(outputs)))
        _walk(starts, seeds, keep, create_graph)
    finally:
        local.grad = before


def grad(
    outputs: T | Sequence[T],
    inputs: T | Sequence[T],
    grad_outputs: T | Sequence[T] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[T, ...]:
    """The derivatives of ``outputs`` with respect to ``inputs``, without touching any ``.grad``.

    With ``create_graph`` they have a history themselves and can be differentiated again. Raises
    RuntimeError as ``backward`` does, and for an input that is not part of the graph (with
    ``allow_unused`` its derivative is None).

    >>> import tatamu
    >>> x = tatamu.tensor(3.0, requires_grad=True)
    >>> (dx,) = tatamu.autograd.grad(x ** 3, x, create_graph=True)
    >>> tatamu.autograd.grad(dx, x)
    (tensor(18.),)
    """
    ends, wanted = _listed(outputs), _listed(inputs)
    keep = create_graph if retain_graph is None else retain_graph
    before = local.grad
    local.grad = create_graph
    try:
        starts, seeds = _starts(ends, _listed(grad_outputs, len(ends)))
        places = [edge(tensor) for tensor in wanted]
        if None in places:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        captured = _walk(starts, seeds, keep, create_graph, {id(place) for place in places})
    finally:
        local.grad = before
    found: list[Any] = [captured.get(id(place)) for place in places]
    if None in [g if g is None else 0 for g in found] and not allow_unused:
        index = next(i for i, g in enumerate(found) if g is None)
        raise RuntimeError(
            f"The differentiated Tensor at index {index} appears to not have been used in the "
            "graph. Set allow_unused=True if this is the desired behavior."
        )
    return tuple(found)


if not TYPE_CHECKING:
    __getattr__ = missing.of_module("torch.autograd", __name__)
