"""Elementwise operations one after the other, in one pass over memory.

    y = f(g(a, b), h(c))

It has no gradient: it is what a compiled program puts in place of operations whose results nobody
else reads. Each is written as its own kernel writes it, so the numbers are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.dtypes import DType, from_numpy_dtype
from tatamu.ops.arithmetic import add, mul
from tatamu.ops.array import Numpy
from tatamu.ops.common import moved_bytes, ordered_by_all
from tatamu.ops.elementwise import Choice, Elementwise, elementwise_by
from tatamu.ops.layout import Ints, Size, contiguous_strides
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample
from tatamu.ops.relu import relu

__all__ = ["Chain", "Link", "chain", "expression_of", "links"]


class Link(NamedTuple):
    """One operation. ``operands`` count the chain's inputs first, then its links before this."""

    op: Op
    attrs: Any
    operands: tuple[int, ...]


class Chain(NamedTuple):
    """Operations in order; the last one's result is the chain's. ``inputs`` is their number."""

    inputs: int
    links: tuple[Link, ...]

    def told(self) -> str:
        """The operations, for a graph's print."""
        return ", ".join(link.op.name for link in self.links)


Given = tuple[tuple[Ints, DType], ...]
"""Shapes and dtypes of a chain's inputs."""


def links(op: Op) -> Elementwise | None:
    """The kernel by which an operation can be part of a chain, None if it cannot."""
    for kernel in op.kernels:
        if isinstance(kernel, Elementwise):
            return kernel
    return None


def expression_of(attrs: Chain, given: Given) -> Choice | str:
    """The whole chain as one expression on such inputs, or why there is none."""
    from tatamu.kernels.pointwise_emit import Expression, Step

    parts = []
    for call in _calls(attrs, given):
        kernel = links(call.op)
        assert kernel is not None, "a chain is made of these"
        chosen = kernel.choose(call)
        if isinstance(chosen, str):
            return chosen
        parts.append(chosen)
    precisions = {e.parameter for e, _ in parts if e.parameters}
    floats = {name for e, _ in parts for name in (*e.inputs, e.output) if name.startswith("float")}
    if len(precisions | floats) > 1:
        return f"it is computed in {', '.join(sorted(precisions | floats))}, not in one precision"
    parameters = tuple([number for _, own in parts for number in own])
    steps: list[Step] = []
    results = list(range(attrs.inputs))
    used = attrs.inputs
    for link, (expression, own) in zip(attrs.links, parts, strict=True):
        places = [*(results[i] for i in link.operands), *range(used, used + len(own))]
        used += len(own)
        for step in expression.steps:
            places.append(attrs.inputs + len(parameters) + len(steps))
            steps.append(Step(step.kind, tuple([places[i] for i in step.operands])))
        results.append(places[-1])
    names = tuple([dtype.name for _, dtype in given])
    precision = precisions.pop() if precisions else "float32"
    last = parts[-1][0].output
    return Expression(names, tuple(steps), last, len(parameters), precision), parameters


def _calls(attrs: Chain, given: Given) -> list[Call]:
    """Each link's call on the shapes and dtypes of what it reads."""
    found, calls = list(given), []
    for link in attrs.links:
        call = Call.__new__(Call)
        call.op, call.attrs = link.op, link.attrs
        own = [found[i] for i in link.operands]
        call.shapes = tuple([Size(shape) for shape, _ in own])
        call.strides = tuple([contiguous_strides(Size(shape)) for shape, _ in own])
        call.dtypes = tuple([dtype for _, dtype in own])
        (out,) = link.op.shape(call)
        found.append((out.shape, out.dtype))
        calls.append(call)
    return calls


def _given(call: Call) -> Given:
    return tuple([(call.shape(i), call.dtype(i)) for i in range(len(call.shapes))])


def _shape(call: Call) -> tuple[Out, ...]:
    last = _calls(call.attrs, _given(call))[-1]
    (out,) = last.op.shape(last)
    return (out._replace(strides=ordered_by_all(call, out.shape)),)


def _reference(attrs: Chain, *arrays: Numpy) -> Numpy:
    given = tuple([(a.shape, from_numpy_dtype(a.dtype)) for a in arrays])
    found = list(arrays)
    for call in _calls(attrs, given):
        link = attrs.links[len(found) - attrs.inputs]
        result = call.op.reference(call.attrs, *[found[i] for i in link.operands])
        (out,) = call.op.shape(call)
        found.append(np.asarray(result).astype(out.dtype.compute, copy=False))
    return found[-1]


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    wide, narrow = random.uniform(-2, 2, (2, 3, 4)), random.uniform(-2, 2, (3, 1))
    steps = Link(mul, None, (0, 1)), Link(add, None, (2, 0)), Link(relu, None, (3,))
    yield Sample(Chain(2, steps), (wide, narrow))


chain = Op(
    name="chain",
    title="Chain",
    shape=_shape,
    reference=_reference,
    vjp=None,
    saves=NOTHING,
    aliases=False,
    flops=lambda call: len(call.attrs.links) * int(np.prod(_shape(call)[0].shape)),
    bytes=moved_bytes,
    samples=_samples,
    kernels=(elementwise_by(lambda call: expression_of(call.attrs, _given(call))),),
)
