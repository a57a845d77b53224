"""Losses that want the score of the right class above all others by a margin.

multi-margin              y = w[t] / C  sum_{j != t} max(0, m - x[t] + x[j])^p        p = 1 or 2
multi-label margin        y = 1 / C  sum over right classes a and wrong ones i of
                                     max(0, 1 - x[a] + x[i])

for each row x of C scores. Both are made of pairs of scores (j against a), so one way of counting
serves: ``n[a, j]`` says how often a pair counts; its slope goes to j, and away from a.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.dtypes import float64
from tatamu.ops.activation import plus, times
from tatamu.ops.arithmetic import mul, sub
from tatamu.ops.array import Array, Node, Numpy, wrap
from tatamu.ops.cast import cast
from tatamu.ops.common import constant, interned, moved_bytes
from tatamu.ops.comparison import gt
from tatamu.ops.expand import sum_
from tatamu.ops.folding import reduction
from tatamu.ops.loss import fold, share
from tatamu.ops.op import Call, Op, Out, Sample, Saves
from tatamu.ops.relu import relu
from tatamu.ops.reshape import reshape

__all__ = ["Margin", "multi_margin_loss", "multilabel_margin_loss"]


class Margin(NamedTuple):
    """What becomes of the rows' losses; the power and the margin."""

    reduction: str
    power: int = 1
    margin: float = 1.0


def _single(attrs: Margin, classes: int, target: Numpy, weight: Numpy | None) -> Numpy:
    """Pairs of the right class (axis 1) with every other (axis 2), over the number of classes."""
    labels = target.reshape(-1)
    if ((labels < 0) | (labels >= classes)).any():
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise RuntimeError(
            f"target out of range\n  the target {wrong} is none of the {classes} classes, "
            f"0 to {classes - 1}"
        )
    own = np.eye(classes)[labels]
    pairs = own[:, :, None] * (1 - own[:, None, :])
    return pairs if weight is None else pairs * weight[labels][:, None, None]


def _several(attrs: Margin, classes: int, target: Numpy, weight: None = None) -> Numpy:
    """Pairs of the classes listed before the first -1, as often as they are, with all not so."""
    rows = target.reshape(-1, classes)
    if ((rows < -1) | (rows >= classes)).any():
        raise RuntimeError(
            "argument #2 'target' is out of range\n"
            f"  a row lists the right classes, 0 to {classes - 1}, and ends with -1"
        )
    listed = np.logical_and.accumulate(rows >= 0, axis=1)
    counts = (np.eye(classes)[np.where(listed, rows, 0)] * listed[:, :, None]).sum(axis=1)
    return np.asarray(counts[:, :, None] * (counts == 0)[:, None, :])


def _loss(name: str, title: str, pairs: Any, targets: Any, powers: tuple[int, ...]) -> Op:
    """``pairs(attrs, classes, target, weight)`` counts them; ``targets`` draws samples' targets."""
    weights = 1 if pairs is _single else 0
    missing = "_cpu_kernel" if weights else "_forward_out_frame"

    def shape(call: Call) -> tuple[Out, ...]:
        dtype, scores = call.dtype(0), call.shape(0)
        if not dtype.is_floating_point:
            raise NotImplementedError(
                f"\"{name}{missing}\" not implemented for '{dtype.legacy_name}'\n"
                "  the input holds integers: x.float() makes them float32"
            )
        return (Out(scores[:-1] if call.attrs.reduction == "none" else (), dtype),)

    def counted(attrs: Margin, x: Any, target: Any, weight: Any = None) -> Numpy:
        classes = x.shape[-1]
        return pairs(attrs, classes, target, weight) / classes  # type: ignore[no-any-return]

    def reference(attrs: Margin, x: Numpy, target: Numpy, weight: Numpy | None = None) -> Any:
        rows = x.reshape(-1, x.shape[-1])
        apart = np.maximum(attrs.margin - rows[:, :, None] + rows[:, None, :], 0) ** attrs.power
        each = (apart * counted(attrs, x, target, weight)).sum(axis=(1, 2)).astype(x.dtype)
        return fold(each.reshape(x.shape[:-1]), attrs.reduction)

    def vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
        x, *rest = node.recall()
        arrays = [None if r is None else r.array for r in rest]
        attrs: Margin = node.call.attrs
        counts: Any = wrap(counted(attrs, x, *arrays), float64)
        counts = cast(counts, x.dtype)
        classes = x.shape[-1]
        batch = counts.shape[0]
        first, second = reshape(x, (batch, classes, 1)), reshape(x, (batch, 1, classes))
        apart = plus(sub(second, first), attrs.margin)
        slope = times(relu(apart), 2.0) if attrs.power == 2 else cast(gt(apart, _zero(x)), x.dtype)
        slope = mul(slope, counts)
        dx = sub(sum_(slope, attrs=reduction((1,))), sum_(slope, attrs=reduction((2,))))
        portion = share(g, attrs.reduction, batch)
        if attrs.reduction == "none":
            portion = reshape(portion, (batch, 1))
        return reshape(mul(dx, portion), x.shape), *[None] * len(rest)

    def draw(random: np.random.Generator) -> Iterable[Sample]:
        for power in powers:
            for fold_by in ("none", "mean", "sum"):
                x = random.uniform(-1, 1, (3, 4))
                weight = [random.uniform(0.5, 1.5, 4)] * weights
                yield Sample(interned(Margin(fold_by, power, 0.7)), (x, targets, *weight))

    return Op(
        name=name,
        title=title,
        shape=shape,
        reference=reference,
        vjp=vjp,
        saves=Saves(((0, 0), (1, 0), (2, 0))[: 2 + weights], ()),
        aliases=False,
        flops=lambda call: 3 * call.shape(0).numel() * call.shape(0)[-1],
        bytes=moved_bytes,
        samples=draw,
        kernels=(),
    )


def _zero(x: Array) -> Array:
    return constant(0.0, x.dtype)


multi_margin_loss = _loss(
    "multi_margin_loss", "MultiMarginLoss", _single, np.array([0, 3, 1]), (1, 2)
)
multilabel_margin_loss = _loss(
    "multilabel_margin_loss",
    "MultilabelMarginLoss",
    _several,
    np.array([[1, 0, -1, 2], [3, -1, 0, 0], [-1, 0, 1, 2]]),
    (1,),
)
