"""Tensors one behind the other along an axis, and along a new one.

y = (a, b, ...) along an axis      da, db, ... = the parts of g that lie there
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import moved_bytes, none
from tatamu.ops.elementwise import FEWEST
from tatamu.ops.index import index, select
from tatamu.ops.layout import Ints, channels_last_strides, contiguous_strides, off_by_one
from tatamu.ops.op import NOTHING, Call, Op, Out, Ran, Sample, view
from tatamu.ops.planned import refusal, target

__all__ = ["block_diag", "cat", "stack"]


def _channels_last(shape: Ints, strides: Ints) -> bool:
    """Whether torch takes strides for channels-last ones: axes of one can leave it in doubt."""
    if len(shape) not in (4, 5) or 0 in shape or not strides[1]:
        return False
    least = 0
    for axis in (1, *reversed(range(2, len(shape))), 0):
        if strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * shape[axis]
    return True


def _all_channels_last(call: Call) -> bool:
    pairs = zip(call.shapes, call.strides, strict=True)
    return all(_channels_last(shape or (), strides or ()) for shape, strides in pairs)


def _cat_shape(call: Call) -> tuple[Out, ...]:
    """C order, or channels-last where all inputs lie so."""
    axis: int = call.attrs
    shapes = [shape for shape in call.shapes if shape is not None]
    first = shapes[0]
    for place, shape in enumerate(shapes):
        if len(shape) != len(first):
            raise RuntimeError(
                "Tensors must have same number of dimensions: "
                f"got {len(first)} and {len(shape)}\n"
                f"  tensor 0 has shape {list(first)}, tensor {place} has {list(shape)}"
            )
        for other, (n, m) in enumerate(zip(first, shape, strict=True)):
            if n != m and other != axis:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {n} "
                    f"but got size {m} for tensor number {place} in the list.\n"
                    f"  tensor 0 has shape {list(first)}, tensor {place} has {list(shape)}"
                    + off_by_one(first, shape)
                )
    total = sum(shape[axis] for shape in shapes)
    out = (*first[:axis], total, *first[axis + 1 :])
    last = channels_last_strides(out) if _all_channels_last(call) else None
    return (Out(out, call.dtype(0), last),)


def _cat_vjp(node: Node, g: Array) -> tuple[Array, ...]:
    axis: int = node.call.attrs
    parts, start = [], 0
    for place in range(len(node.call.shapes)):
        end = start + node.call.shape(place)[axis]
        parts.append(index(g, (*[slice(None)] * axis, slice(start, end), ...)))
        start = end
    return tuple(parts)


def _stack_vjp(node: Node, g: Array) -> tuple[Array, ...]:
    before = (slice(None),) * node.call.attrs
    count = len(node.call.shapes)
    return tuple([view(select, (*before, place, ...), g) for place in range(count)])


def _stack_shape(call: Call) -> tuple[Out, ...]:
    """As the inputs joined along that axis, which is then seen as two."""
    axis: int = call.attrs
    first = call.shape(0)
    for place, shape in enumerate(call.shapes):
        if shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(shape or ())} at entry {place}"
            )
    out = (*first[:axis], len(call.shapes), *first[axis:])
    if axis == len(first) or not _all_channels_last(call):
        return (Out(out, call.dtype(0)),)
    joined = (*first[:axis], len(call.shapes) * first[axis], *first[axis + 1 :])
    steps = channels_last_strides(joined)
    return (Out(out, call.dtype(0), (*steps[:axis], steps[axis] * first[axis], *steps[axis:])),)


class Joining:
    """Copies every input to its place in the output, each with one kernel."""

    name = "joined by copies"

    def accepts(self, call: Call) -> str | None:
        """None, or why NumPy does it."""
        out = call.op.shape(call)[0]
        if prod(out.shape) < FEWEST and not call.native:
            return f"NumPy is as fast for fewer than {FEWEST} elements"
        if out.dtype.itemsize not in NAMES:
            return f"it moves elements of 1, 4 and 8 bytes, not of {out.dtype.itemsize}"
        for problem, _ in self._copies(call):
            reason = refusal(_algorithm(problem), problem)
            if reason:
                return reason
        return None

    def prepare(self, call: Call) -> Joined:
        """Compile the copies; CompileError where that cannot be done."""
        found = target()
        return Joined([(_algorithm(p).plan(p, found), at) for p, at in self._copies(call)])

    def _copies(self, call: Call) -> Iterable[tuple[Any, int]]:
        """The copy of each input, and how many bytes into the output it begins."""
        from tatamu.kernels.pointwise import PointwiseProblem
        from tatamu.kernels.pointwise_emit import single
        from tatamu.kernels.reorder import ReorderProblem

        out = call.op.shape(call)[0]
        strides = out.strides or contiguous_strides(out.shape)
        size, axis = out.dtype.itemsize, call.attrs
        name = NAMES[size]
        start = 0
        for place, own in enumerate(call.strides):
            shape, steps = tuple(call.shape(place)), strides
            assert own is not None
            count = 1
            if call.op is stack:
                steps = (*strides[:axis], *strides[axis + 1 :])
            else:
                count = shape[axis]
            turned = ReorderProblem(size, shape, own, steps)
            copy = PointwiseProblem(single("copy", (name,), name), shape, (own, steps), ())
            if 0 not in shape:
                yield copy if refusal(_algorithm(turned), turned) else turned, start * size
            start += count * strides[axis]


NAMES = {1: "uint8", 4: "int32", 8: "int64"}
"""The dtype as which a kernel moves elements of so many bytes."""


def _algorithm(problem: Any) -> Any:
    from tatamu.kernels import pointwise, reorder

    return reorder if isinstance(problem, reorder.ReorderProblem) else pointwise


class Joined:
    """The copies of one call, one after the other."""

    native = True

    def __init__(self, copies: list[tuple[Any, int]]) -> None:
        from tatamu.runtime.launch import Launch

        self._launches = [(Launch(plan), at) for plan, at in copies]
        self._plan = copies[0][0]
        self._calls = 0

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        self._calls += 1
        to = outputs[0].address
        given = [x.address for x in inputs if x is not None and 0 not in x.shape]
        for address, (launch, at) in zip(given, self._launches, strict=True):
            launch((address, to + at), launch.workers())

    def ran(self) -> Ran:
        """Which kernel ran first, and whether this process had to compile it."""
        from tatamu.ops.planned import ran

        return ran(self._plan, self._launches[0][0].code, self._calls)


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    yield Sample(1, (random.uniform(size=(2, 3, 4)), random.uniform(size=(2, 3, 4))))


def _cat_samples(random: np.random.Generator) -> Iterable[Sample]:
    shapes = ((2, 3, 4), (2, 1, 4), (2, 0, 4), (2, 2, 4))
    yield Sample(1, tuple([random.uniform(size=shape) for shape in shapes]))


def _cat_reference(axis: int, *arrays: Numpy) -> Numpy:
    """In C order, where NumPy would keep the inputs'."""
    first = arrays[0]
    total = sum(array.shape[axis] for array in arrays)
    out = np.empty((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)
    return np.concatenate(arrays, axis, out=out)


def _stack_reference(axis: int, *arrays: Numpy) -> Numpy:
    first = arrays[0]
    out = np.empty((*first.shape[:axis], len(arrays), *first.shape[axis:]), first.dtype)
    return np.stack(arrays, axis, out=out)


cat = Op(
    name="cat",
    title="Cat",
    shape=_cat_shape,
    reference=_cat_reference,
    vjp=_cat_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_cat_samples,
    kernels=(Joining(),),
)

stack = Op(
    name="stack",
    title="Stack",
    shape=_stack_shape,
    reference=_stack_reference,
    vjp=_stack_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(Joining(),),
)


def _blocks(shapes: Iterable[Ints]) -> Iterable[tuple[slice, slice]]:
    """Where each matrix lies, one behind and below the other."""
    row = column = 0
    for height, width in shapes:
        yield slice(row, row + height), slice(column, column + width)
        row, column = row + height, column + width


def _block_shape(call: Call) -> tuple[Out, ...]:
    shapes = [call.shape(place) for place in range(len(call.shapes))]
    return (Out((sum(s[0] for s in shapes), sum(s[1] for s in shapes)), call.dtype(0)),)


def _block_reference(_: None, *arrays: Numpy) -> Numpy:
    shapes = [array.shape for array in arrays]
    out = np.zeros((sum(s[0] for s in shapes), sum(s[1] for s in shapes)), arrays[0].dtype)
    for where, array in zip(_blocks(shapes), arrays, strict=True):
        out[where] = array
    return out


def _block_vjp(node: Node, g: Array) -> tuple[Array, ...]:
    shapes = [tuple(node.call.shape(place)) for place in range(len(node.call.shapes))]
    return tuple([index(g, (*where, ...)) for where in _blocks(shapes)])


def _block_samples(random: np.random.Generator) -> Iterable[Sample]:
    yield Sample(None, (random.uniform(size=(2, 3)), random.uniform(size=(1, 2))))


block_diag = Op(
    name="block_diag",
    title="BlockDiag",
    shape=_block_shape,
    reference=_block_reference,
    vjp=_block_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_block_samples,
    kernels=(),
)
