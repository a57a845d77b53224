"""Losses with margins, and of sequences, as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tatamu.dtypes import int64
from tatamu.nn.functional.activation import logsigmoid
from tatamu.nn.functional.distance import pairwise_distance
from tatamu.nn.functional.reducing import check_tensors, chosen, fixed, legacy, reduced
from tatamu.ops import ctc_loss as _ctc
from tatamu.ops import loss as _loss
from tatamu.ops import margin_loss as _margin
from tatamu.ops.array import Array, wrap
from tatamu.ops.cast import cast
from tatamu.ops.common import constant, interned
from tatamu.ops.comparison import where
from tatamu.ops.expand import expand
from tatamu.ops.layout import broadcast_shapes
from tatamu.ops.op import apply
from tatamu.pitfalls import hint
from tatamu.tensor import Tensor

__all__ = [
    "cosine_embedding_loss",
    "ctc_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

Distance = Callable[[Tensor, Tensor], Tensor]


def _zero(x: Tensor) -> Any:
    return constant(0.0, x.dtype)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -t (x1 - x2) + margin): where t is 1, x1 should be the larger; where -1, x2.

    RuntimeError for different numbers of axes.

    >>> import tatamu
    >>> x1, x2 = tatamu.tensor([3.0, 1.0]), tatamu.tensor([1.0, 2.0])
    >>> margin_ranking_loss(x1, x2, tatamu.ones(2), reduction="none")
    tensor([0., 1.])
    """
    reduction = chosen(reduction, size_average, reduce)
    if not len(input1.shape) == len(input2.shape) == len(target.shape):
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp(min=0), reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The distance x itself where t is 1, max(0, margin - x) where it is -1.

    >>> import tatamu
    >>> hinge_embedding_loss(tatamu.tensor([0.25, 0.25]), tatamu.tensor([1, -1]), reduction="none")
    tensor([0.2500, 0.7500])
    """
    reduction = chosen(reduction, size_average, reduce)
    apart: Tensor = where(target == 1, _zero(input), (margin - input).clamp(min=0))
    near: Tensor = where(target == -1, _zero(input), input)
    return reduced(apart + near, reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + e^(-t x)) with t of 1 or -1.

    >>> import tatamu
    >>> soft_margin_loss(tatamu.tensor([0.0]), tatamu.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = chosen(reduction, size_average, reduce)
    fixed("soft_margin_loss", target=target)
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {input.dtype.legacy_name}"
            "\n  the input holds integers: x.float() makes them float32"
        )
    shape = broadcast_shapes(input.shape, target.shape)
    t = expand(cast(target, input.dtype), shape)
    attrs = interned(_loss.Reduced(reduction))
    return apply(_loss.soft_margin_loss, attrs, expand(input, shape), t)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of sigmoid(x) and each of the classes, which may be right or wrong, averaged.

    >>> import tatamu
    >>> multilabel_soft_margin_loss(tatamu.zeros(1, 3), tatamu.ones(1, 3))
    tensor(0.6931)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy(size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    loss = loss.sum(-1) / input.shape[-1]
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid\n  'none', 'mean' or 'sum' is")
    return reduced(loss, reduction)


def _check_rows(input: Tensor) -> None:
    shape = input.shape
    if len(shape) not in (1, 2) or not shape[-1]:
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(shape)}\n  the input holds scores of shape (N, C) or (C)"
        )


def _check_long(target: Tensor) -> None:
    if target.dtype is not int64:
        raise RuntimeError(
            f"expected scalar type Long but found {target.dtype.legacy_name}\n"
            f"  {hint('labels_long')}"
        )


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Every right class should score above every wrong one by 1.

    A row of ``target`` lists the right classes and ends with -1. RuntimeError for what is no class.

    >>> import tatamu
    >>> x = tatamu.tensor([[0.1, 0.2, 0.4, 0.8]])
    >>> multilabel_margin_loss(x, tatamu.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """
    reduction = chosen(reduction, size_average, reduce)
    check_tensors("multilabel_margin_loss", input=input, target=target)
    _check_rows(input)
    if target.shape != input.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: "
            f"{list(input.shape)}\n  the target has the input's shape; -1 ends a shorter list"
        )
    if input.dtype.is_floating_point:
        _check_long(target)
    attrs = interned(_margin.Margin(reduction))
    return apply(_margin.multilabel_margin_loss, attrs, input, target)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The right class should score above every other by the margin.

    Raises ValueError for a ``p`` other than 1 and 2, RuntimeError for what is no class.

    >>> import tatamu
    >>> multi_margin_loss(tatamu.tensor([[0.1, 0.2, 0.4, 0.8]]), tatamu.tensor([3]))
    tensor(0.3250)
    """
    reduction = chosen(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported\n  {p=}")
    if weight is not None and len(weight.shape) != 1:
        raise ValueError(
            f"weight must be one-dimensional\n  the weights have shape {list(weight.shape)}"
        )
    check_tensors("multi_margin_loss", input=input, target=target)
    fixed("multi_margin_loss", weight=weight)
    _check_rows(input)
    rows = input.shape[0] if len(input.shape) == 2 else 1
    if target.shape.numel() != rows or len(target.shape) > 1:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{rows}], but got {list(target.shape)}. "
            f"Input has shape {list(input.shape)}."
        )
    classes = input.shape[-1]
    if weight is not None and weight.shape[0] != classes:
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
        )
    if input.dtype.is_floating_point:
        _check_long(target)
    attrs = interned(_margin.Margin(reduction, int(p), float(margin)))
    return apply(_margin.multi_margin_loss, attrs, input, target, weight)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos of two vectors where t is 1, max(0, cos - margin) where it is -1.

    RuntimeError for a target that is neither (N) beside inputs (N, D) nor a number beside (D).

    >>> import tatamu
    >>> x = tatamu.tensor([[1.0, 0.0]])
    >>> cosine_embedding_loss(x, x, tatamu.tensor([-1]))
    tensor(1.)
    """
    reduction = chosen(reduction, size_average, reduce)
    check_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    rank = len(target.shape)
    if rank > 1:
        raise RuntimeError(
            "0D or 1D target tensor expected, multi-target not supported\n"
            f"  the target has shape {list(target.shape)}"
        )
    if len(input1.shape) != rank + 1 or len(input2.shape) != rank + 1:
        raise RuntimeError(
            f"{rank}D target tensor expects {rank + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    tiny = 1e-12
    squares = [(x * x).sum(-1) + tiny for x in (input1, input2)]
    cosine = (input1 * input2).sum(-1) / (squares[0] * squares[1]).sqrt()
    alike: Tensor = where(target == 1, 1 - cosine, _zero(cosine))
    unlike: Tensor = where(target == -1, (cosine - margin).clamp(min=0), _zero(cosine))
    return reduced(alike + unlike, reduction)


def _check_triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> None:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    ranks = [len(x.shape) for x in (anchor, positive, negative)]
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {ranks[0]}D, positive {ranks[1]}D, and negative "
            f"{ranks[2]}D inputs"
        )


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm of the difference.

    With ``swap`` the negative's distance is the smaller one of those from anchor and positive.

    >>> import tatamu
    >>> a, b = tatamu.tensor([[0.0, 0.0]]), tatamu.tensor([[3.0, 4.0]])
    >>> triplet_margin_loss(a, b, b)
    tensor(1.)
    """
    reduction = chosen(reduction, size_average, reduce)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """``triplet_margin_loss`` with a distance of one's own.

    >>> import tatamu
    >>> a, b = tatamu.zeros(1, 2), tatamu.ones(1, 2)
    >>> triplet_margin_with_distance_loss(
    ...     a, a, b, distance_function=lambda x, y: (x - y).abs().amax(1), margin=1.5
    ... )
    tensor(0.5000)
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    distance = distance_function or pairwise_distance
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Distance,
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    _check_triplet(anchor, positive, negative, margin)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp(min=0), reduction)


Lengths = Tensor | Sequence[int]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log likelihood of label sequences, over all ways of aligning them with the input.

    ``log_probs`` (T, N, C) or (T, C) come from ``log_softmax``; ``targets`` are (N, S), or all
    sequences one behind the other. The mean is over losses divided by their sequences' lengths.
    Raises RuntimeError for lengths and labels that do not fit.

    >>> import tatamu
    >>> even = tatamu.zeros(2, 1, 2).log_softmax(2)
    >>> ctc_loss(even, tatamu.tensor([[1]]), [2], [1])
    tensor(0.2877)
    """
    how = chosen(reduction)
    single = len(log_probs.shape) == 2
    y = log_probs.unsqueeze(1) if single else log_probs
    inputs, labels = _lengths(input_lengths, "input"), _lengths(target_lengths, "target")
    _check_lengths(y, inputs, labels, blank)
    padded = _padded(targets, labels, y.shape[2])
    fixed_lengths = [wrap(n, int64) for n in (padded, inputs, labels)]
    attrs = interned(_ctc.Ctc(int(blank), bool(zero_infinity)))
    loss = apply(_ctc.ctc_loss, attrs, y, *fixed_lengths)
    if zero_infinity:
        loss = where(loss == np.inf, _zero(loss), loss)
    if how == "mean":
        return (loss / wrap(np.maximum(labels, 1), int64)).mean()
    if single and how == "none":
        return loss.squeeze(0)
    return reduced(loss, how)


def _lengths(value: Lengths, name: str) -> Any:
    array = value.array if isinstance(value, Array) else np.array(value)
    if array.dtype.kind not in "iu":
        raise RuntimeError(
            f"{name}_lengths must be integral\n  {name}_lengths.long() makes them so"
        )
    return array.reshape(-1).astype(np.int64)


def _check_lengths(y: Tensor, inputs: Any, labels: Any, blank: int) -> None:
    steps, batch, classes = y.shape
    where_from = "(while checking arguments for ctc_loss_allocate_outputs)"
    if not 0 <= blank < classes:
        raise RuntimeError(
            f"blank must be in label range\n  {blank=}, and there are {classes} classes"
        )
    for name, values in (("input", inputs), ("target", labels)):
        if len(values) != batch:
            raise RuntimeError(
                f"{name}_lengths must be of size batch_size\n"
                f"  {len(values)} lengths for {batch} sequences"
            )
        if len(values) and values.min() < 0:
            raise RuntimeError(
                f"Expected {name}_lengths to have value at least 0, but got value {values.min()} "
                + where_from
            )
    if batch and inputs.max() > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {inputs.max()} "
            f"{where_from}\n  log_probs of shape {list(y.shape)} hold {steps} steps"
        )


def _padded(targets: Tensor, lengths: Any, classes: int) -> Any:
    """Labels as (N, S), whichever way they came; RuntimeError where there are too few."""
    given = targets.array.astype(np.int64)
    where_from = (
        "for argument #2 'targets' (while checking arguments for ctc_loss_allocate_outputs)"
    )
    longest = int(lengths.max(initial=0))
    if given.ndim == 1:
        if len(given) != lengths.sum():
            raise RuntimeError(
                f"Expected tensor to have size {lengths.sum()} at dimension 0, but got size "
                f"{len(given)} {where_from}"
            )
        out = np.zeros((len(lengths), longest), np.int64)
        out[np.arange(longest) < lengths[:, None]] = given
    else:
        if given.shape[1] < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                f"{given.shape[1]} {where_from}"
            )
        out = np.ascontiguousarray(given[:, :longest])
    used = out[np.arange(longest) < lengths[:, None]]
    if ((used < 0) | (used >= classes)).any():
        wrong = used[(used < 0) | (used >= classes)][0]
        raise RuntimeError(f"ctc_loss: label {wrong} is none of the {classes} classes")
    return out
