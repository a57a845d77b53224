"""Picking elements by an index tensor, and putting or adding elements where they were picked.

A family is a rule that turns its index into places in x. Of each there are three operations:

picked   y = x[places]             dx = 0, with g added at the places
put      y = x; y[places] = src    dx = g, with 0 put at the places;  dsrc = g[places]
added    y = x; y[places] += src   dx = g;                            dsrc = g[places]

The families: ``at`` (x[i, :, j]: the broadcast i and j stacked), ``along`` (gather, scatter: an
index for every element), ``rows`` (index_select, index_add: whole slices) and ``flat`` (take, put:
x as one row).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tatamu.ops.array import Array, Node, Numpy, local
from tatamu.ops.common import full, moved_bytes, none, same_as_first
from tatamu.ops.expand import sum_to
from tatamu.ops.inplace import check_writable, write
from tatamu.ops.layout import Ints, broadcast_order, contiguous_strides
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.saving import edge

__all__ = [
    "ALONG",
    "AT",
    "FLAT",
    "ROWS",
    "Family",
    "filled_along",
    "filled_rows",
    "filled_rows_by",
    "picked_mask",
]
__all__ += ["at_shape", "write_places", "writes_alone"]

T = TypeVar("T", bound=Array)


class Family(NamedTuple):
    """The operations of one rule."""

    picked: Op
    put: Op
    added: Op


class Rule(NamedTuple):
    """Where an index points, the shape of what lies there, and a sample for the tests."""

    places: Callable[[Any, Ints, Numpy], Any]
    shape: Callable[[Any, Ints, Ints], Ints]
    sample: tuple[Any, Ints, Any]


def _at_places(dims: Ints, shape: Ints, index: Numpy) -> Any:
    where: list[Any] = [slice(None)] * len(shape)
    for dim, part in zip(dims, index, strict=True):
        where[dim] = part
    return tuple(where)


def _spliced(dims: Ints, own: Ints, taken: Ints) -> Ints:
    """Where the dims are neighbours the index's axes stand in their place, else in front."""
    kept = [n for axis, n in enumerate(own) if axis not in dims]
    at = dims[0] if dims[-1] - dims[0] == len(dims) - 1 else 0
    return (*kept[:at], *taken, *kept[at:])


def at_shape(dims: Ints, shape: Ints, index: Ints) -> Ints:
    """The shape of what ``index``, of which each row belongs to one of ``dims``, picks."""
    return _spliced(dims, shape, index[1:])


def _at_strides(call: Call, out: Ints) -> Ints | None:
    """torch's rule: axes that are not picked from keep their order, if they decide it."""
    dims, index = call.attrs, call.shape(1)
    strides = call.strides[0]
    assert strides is not None
    taken = contiguous_strides(index[1:])
    own = _spliced(dims, strides, (0,) * len(taken))
    other = _spliced(dims, (0,) * len(strides), taken)
    return broadcast_order((out, out), (own, other), out)


def _along_places(dim: int, shape: Ints, index: Numpy) -> Any:
    where: list[Any] = list(np.indices(index.shape, sparse=True))
    where[dim] = index
    return tuple(where)


def _rows_places(dim: int, shape: Ints, index: Numpy) -> Any:
    return (*[slice(None)] * dim, index)


def _flat_places(attrs: None, shape: Ints, index: Numpy) -> Any:
    return np.unravel_index(index % max(prod(shape), 1), shape)


_AT = Rule(_at_places, at_shape, ((0, 2), (3, 2, 4), [[2, 0], [1, 3]]))
_ALONG = Rule(_along_places, lambda _, x, index: index, (1, (2, 5), [[4, 0, 1], [3, 1, 2]]))
_ROWS = Rule(
    _rows_places,
    lambda dim, x, index: (*x[:dim], *index, *x[dim + 1 :]),
    (1, (2, 4, 3), [3, 0]),
)
_FLAT = Rule(_flat_places, lambda _, x, index: index, (None, (3, 4), [[5, 0], [11, 2]]))


def _pick(rule: Rule, attrs: Any, x: Numpy, index: Numpy) -> Numpy:
    if rule is _ROWS:
        return x.take(index, attrs)
    if rule is _FLAT:
        return x.reshape(-1).take(index)
    return np.asarray(x[rule.places(attrs, x.shape, index)], order="C")


def _differ(x: Numpy, places: Any) -> bool:
    """Whether places are slices of which it is easily seen that no two are the same."""
    arrays = [(axis, part) for axis, part in enumerate(places) if isinstance(part, np.ndarray)]
    if len(arrays) != 1 or arrays[0][1].ndim != 1:
        return False
    axis, index = arrays[0]
    return np.unique(index % max(x.shape[axis], 1)).size == index.size


def _add_at(x: Numpy, places: Any, src: Numpy) -> None:
    """``x[places] += src``, one after the other: an index may repeat."""
    if x.dtype == np.bool_:
        np.logical_or.at(x, places, src)
    elif _differ(x, places):
        x[places] += src
    elif x.ndim and x.flags.c_contiguous and src.size * 8 >= x.size:
        # NumPy adds to a single axis ten times as fast as to several.
        flat = np.arange(x.size).reshape(x.shape)[places]
        np.add.at(x.reshape(-1), flat.reshape(-1), np.broadcast_to(src, flat.shape).reshape(-1))
    else:
        np.add.at(x, places, src)


def _put_at(x: Numpy, places: Any, src: Numpy) -> None:
    """``x[places] = src``: of an index that repeats the last one counts."""
    x[places] = src


_writes: dict[str, tuple[Rule, Callable[[Numpy, Any, Numpy], None]]] = {}


def _picked_shape(rule: Rule, call: Call) -> tuple[Out, ...]:
    out = rule.shape(call.attrs, call.shape(0), call.shape(1))
    return (Out(out, call.dtype(0), _at_strides(call, out) if rule is _AT else None),)


def _picking(rule: Rule, name: str, title: str, back: Callable[[], Op]) -> Op:
    """(x, index) -> x[places]; ``back()`` adds."""

    def vjp(node: Node, g: Array) -> tuple[Array, None]:
        (index,) = node.recall()
        zeros = full(node.call.shape(0), 0, g.dtype)
        return apply(back(), node.call.attrs, zeros, index, g), None

    def draw(random: np.random.Generator) -> Iterable[Sample]:
        attrs, shape, index = rule.sample
        yield Sample(attrs, (random.uniform(-1, 1, shape), np.array(index)))

    return Op(
        name=name,
        title=title,
        shape=lambda call: _picked_shape(rule, call),
        reference=lambda attrs, x, index: _pick(rule, attrs, x, index),
        vjp=vjp,
        saves=Saves(((1, 0),), ()),
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=draw,
        kernels=(),
    )


def _writing(rule: Rule, name: str, title: str, adds: bool, picked: Op) -> Op:
    """(x, index, src) -> x with src put at, or added to, the places."""
    change = _add_at if adds else _put_at
    keeps = rule in (_AT, _FLAT) or name.startswith("index_fill")
    order: Any = "K" if keeps else "C"
    _writes[name] = rule, change

    def reference(attrs: Any, x: Numpy, index: Numpy, src: Numpy) -> Numpy:
        out = np.array(x, order=order)
        change(out, rule.places(attrs, x.shape, index), src)
        return out

    def added_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
        (index,) = node.recall()
        if index is None:
            return g, None, None
        return g, None, sum_to(apply(picked, node.call.attrs, g, index), node.call.shape(2))

    def put_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
        for_x, for_src = node.recall()
        attrs, op = node.call.attrs, node.call.op
        nothing = full(node.call.shape(2), 0, g.dtype)
        return (
            None if for_x is None else apply(op, attrs, g, for_x, nothing),
            None,
            None
            if for_src is None
            else sum_to(apply(picked, attrs, g, for_src), node.call.shape(2)),
        )

    def draw(random: np.random.Generator) -> Iterable[Sample]:
        attrs, shape, index = rule.sample
        places = np.array(index)
        src = random.uniform(-1, 1, rule.shape(attrs, shape, places.shape))
        yield Sample(attrs, (random.uniform(-1, 1, shape), places, src))

    return Op(
        name=name,
        title=title,
        shape=same_as_first if keeps else lambda call: (Out(call.shape(0), call.dtype(0)),),
        reference=reference,
        vjp=added_vjp if adds else put_vjp,
        saves=Saves(((1, 2),) if adds else ((1, 0), (1, 2)), ()),
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=draw,
        kernels=(),
    )


def _family(
    rule: Rule, picked: tuple[str, str], put: tuple[str, str], added: tuple[str, str]
) -> Family:
    get = _picking(rule, *picked, lambda: add)
    add = _writing(rule, *added, True, get)
    return Family(get, _writing(rule, *put, False, get), add)


AT = _family(_AT, ("index", "Index"), ("index_put", "IndexPut"), ("index_put_add", "IndexPut"))
ALONG = _family(_ALONG, ("gather", "Gather"), ("scatter", "Scatter"), ("scatter_add", "ScatterAdd"))
ROWS = _family(
    _ROWS, ("index_select", "IndexSelect"), ("index_copy", "IndexCopy"), ("index_add", "IndexAdd")
)
FLAT = _family(_FLAT, ("take_flat", "Take"), ("put_flat", "Put"), ("put_flat_add", "Put"))

picked_mask = _picking(_FLAT, "masked_select", "MaskedSelect", lambda: FLAT.added)
filled_along = _writing(_ALONG, "scatter_value", "ScatterBackward1", False, ALONG.picked)
filled_rows = _writing(_ROWS, "index_fill", "IndexFill", False, ROWS.picked)
filled_rows_by = _writing(_ROWS, "index_fill_by", "IndexFillBackward1", False, ROWS.picked)


def writes_alone(x: Array, *others: Array) -> bool:
    """Whether a write to ``x`` of numbers of its dtype is nothing but a write to its memory.

    Raises what ``check_writable`` does.
    """
    check_writable(x, any(edge(other) is not None for other in others))
    if local.watchers or x.dtype.compute != x.dtype.numpy or x.dtype is not others[-1].dtype:
        return False
    if any(other.storage is x.storage for other in others):
        return False
    return not local.grad or all(edge(y) is None for y in (x, *others, x.base))


def write_places(op: Op, attrs: Any, x: T, index: Array, src: Array) -> T:
    """``x`` overwritten by ``op(x, index, src)``, at its places alone where no graph asks for more.

    Raises what ``write`` does.
    """
    if not writes_alone(x, index, src):
        return write(op, attrs, x, index, src)
    rule, change = _writes[op.name]
    change(x.array, rule.places(attrs, x.shape, index.array), src.array)
    x.storage.touch()
    return x
