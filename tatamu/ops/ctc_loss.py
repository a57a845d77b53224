"""Connectionist temporal classification (Graves et al., 2006): the likelihood of a sequence of
labels, summed over all ways of writing it in T steps with blanks and repetitions.

With l' the labels with a blank before, between and after them, and y the log probabilities,

    a[t, s] = y[t, l'[s]] + log(e^a[t-1, s] + e^a[t-1, s-1] + e^a[t-1, s-2])
    loss    = -log(e^a[T, S] + e^a[T, S-1])

where the third term is left out at blanks and between equal labels. b runs the same way from the
end. As in torch, the gradient is the one that is right behind a log_softmax:

    dy[t, c] = g (e^y[t, c] - sum over s with l'[s] = c of e^(a[t, s] + b[t, s] - y[t, c] + loss))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import full, moved_bytes
from tatamu.ops.expand import sum_
from tatamu.ops.folding import reduction
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply

__all__ = ["Ctc", "ctc_loss"]


class Ctc(NamedTuple):
    """Which class is the blank, and whether infinite losses have no gradient."""

    blank: int
    zero_infinity: bool


class _Lattice:
    """The extended labels of every sequence, and which of their steps may skip a blank."""

    def __init__(self, blank: int, targets: Numpy, lengths: Numpy) -> None:
        batch, longest = targets.shape
        self.labels = np.full((batch, 2 * longest + 1), blank, np.int64)
        written = np.arange(longest) < lengths[:, None]
        self.labels[:, 1::2] = np.where(written, targets, blank)
        self.skips = np.zeros(self.labels.shape, bool)
        before, here = self.labels[:, 1:-2:2], self.labels[:, 3::2]
        self.skips[:, 3::2] = before != here
        self.ends = 2 * lengths
        self.inside = np.arange(self.labels.shape[1]) <= self.ends[:, None]

    def seen(self, y: Numpy) -> Numpy:
        """The log probability of each extended label in one step: (N, C) to (N, 2 S + 1)."""
        return np.where(self.inside, np.take_along_axis(y, self.labels, 1), -np.inf)


def _plus(*terms: Numpy) -> Numpy:
    """log of the sum of exponentials, -inf where all are."""
    top = np.maximum.reduce(terms)
    safe = np.where(np.isinf(top), 0, top)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(sum(np.exp(term - safe) for term in terms)) + safe)


def _shifted(a: Numpy, by: int) -> Numpy:
    """``a`` moved along its axis, -inf coming in."""
    out = np.full_like(a, -np.inf)
    if by > 0:
        out[:, by:] = a[:, :-by]
    else:
        out[:, :by] = a[:, -by:]
    return out


def _forward(lattice: _Lattice, y: Numpy) -> Numpy:
    """a of every step: (T, N, 2 S + 1)."""
    steps, batch, _ = y.shape
    out = np.full((steps, batch, lattice.labels.shape[1]), -np.inf, y.dtype)
    for t in range(steps):
        seen = lattice.seen(y[t])
        if t == 0:
            out[0, :, :2] = seen[:, :2]
            continue
        skipped = np.where(lattice.skips, _shifted(out[t - 1], 2), -np.inf)
        out[t] = _plus(out[t - 1], _shifted(out[t - 1], 1), skipped) + seen
    return out


def _backward(lattice: _Lattice, y: Numpy, lengths: Numpy) -> Numpy:
    """b of every step: (T, N, 2 S + 1)."""
    steps, batch, _ = y.shape
    places = np.arange(lattice.labels.shape[1])
    last = (places == lattice.ends[:, None]) | (places == lattice.ends[:, None] - 1)
    out = np.full((steps, batch, places.size), -np.inf, y.dtype)
    skips = np.zeros_like(lattice.skips)
    skips[:, :-2] = lattice.skips[:, 2:]
    for t in reversed(range(steps)):
        seen = lattice.seen(y[t])
        ending = (lengths - 1 == t)[:, None]
        start = np.where(last, seen, -np.inf)
        if t == steps - 1:
            out[t] = np.where(ending, start, -np.inf)
            continue
        skipped = np.where(skips, _shifted(out[t + 1], -2), -np.inf)
        onward = _plus(out[t + 1], _shifted(out[t + 1], -1), skipped) + seen
        out[t] = np.where(ending, start, onward)
    return out


def _losses(lattice: _Lattice, a: Numpy, lengths: Numpy) -> Numpy:
    batch = np.arange(len(lengths))
    if not len(a):
        return np.where(lattice.ends == 0, 0.0, np.inf)
    final = a[lengths - 1, batch]
    one = final[batch, lattice.ends]
    other = np.where(lattice.ends > 0, final[batch, lattice.ends - 1], -np.inf)
    return np.where(lengths > 0, -_plus(one, other), np.where(lattice.ends == 0, 0.0, np.inf))


def _reference(
    attrs: Ctc, y: Numpy, targets: Numpy, input_lengths: Numpy, target_lengths: Numpy
) -> Numpy:
    lattice = _Lattice(attrs.blank, targets, target_lengths)
    return _losses(lattice, _forward(lattice, y), input_lengths).astype(y.dtype)


def _grad_reference(
    attrs: Ctc,
    g: Numpy,
    y: Numpy,
    targets: Numpy,
    input_lengths: Numpy,
    target_lengths: Numpy,
) -> Numpy:
    lattice = _Lattice(attrs.blank, targets, target_lengths)
    a = _forward(lattice, y)
    losses = _losses(lattice, a, input_lengths)
    paths = a + _backward(lattice, y, input_lengths)
    summed = np.zeros_like(y)
    top = paths.max(axis=2, keepdims=True, initial=-np.inf)
    top = np.where(np.isinf(top), 0, top)
    rows = np.arange(y.shape[1])[:, None]
    for t in range(len(y)):
        np.add.at(summed[t], (rows, lattice.labels), np.exp(paths[t] - top[t]))
    with np.errstate(all="ignore"):
        shares = np.exp(np.log(summed) + top + losses[None, :, None] - y)
        out = (np.exp(y) - shares) * g[None, :, None]
    running = np.arange(len(y))[:, None] < input_lengths
    silent = attrs.zero_infinity & np.isinf(losses)
    return np.where((running & ~silent)[:, :, None], out, 0).astype(y.dtype)


def _vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    return apply(ctc_loss_grad, node.call.attrs, g, *node.recall()), None, None, None


def _grad_vjp(node: Node, h: Array) -> tuple[Array | None, ...]:
    if node.edges[1] is not None:
        raise RuntimeError(
            "derivative for aten::_ctc_loss_backward is not implemented\n"
            "  the gradient of ctc_loss cannot be differentiated again: leave out create_graph"
        )
    y, *rest = node.recall()
    one = full(node.call.shape(0), 1, h.dtype)
    slope = apply(ctc_loss_grad, node.call.attrs, one, y, *rest)
    return apply(sum_, reduction((0, 2)), mul(h, slope)), None, None, None, None


def _draw(random: np.random.Generator) -> Iterable[Sample]:
    y = np.log(random.dirichlet(np.ones(4), (6, 3)))
    targets = np.array([[1, 2, 2], [3, 0, 0], [1, 1, 0]])
    yield Sample(Ctc(0, False), (y, targets, np.array([6, 5, 6]), np.array([3, 1, 2])))


def _draw_grad(random: np.random.Generator) -> Iterable[Sample]:
    for attrs, inputs in _draw(random):
        yield Sample(attrs, (random.uniform(0.5, 1, 3), *inputs))


def _flops(call: Call) -> int:
    y = call.shape(len(call.shapes) - 4)
    return 10 * y[0] * y[1] * (2 * call.shape(len(call.shapes) - 3)[1] + 1)


ctc_loss = Op(
    name="ctc_loss",
    title="CtcLoss",
    shape=lambda call: (Out((call.shape(0)[1],), call.dtype(0)),),
    reference=_reference,
    vjp=_vjp,
    saves=Saves(((0, 0), (1, 0), (2, 0), (3, 0)), ()),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_draw,
    kernels=(),
)

ctc_loss_grad = Op(
    name="ctc_loss_grad",
    title="CtcLossBackward",
    shape=lambda call: (Out(call.shape(1), call.dtype(1)),),
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=Saves(((1, 0), (2, 0), (3, 0), (4, 0)), ()),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_draw_grad,
    kernels=(),
)
