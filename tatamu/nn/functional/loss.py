"""Losses of numbers and of probabilities as functions."""

from __future__ import annotations

import math
import warnings

from tatamu.autograd import no_grad
from tatamu.dtypes import promote
from tatamu.nn.functional.reducing import (
    chosen,
    fixed,
    legacy,
    reduced,
    same_dtype,
    together,
)
from tatamu.ops import loss as _loss
from tatamu.ops.cast import cast
from tatamu.ops.common import constant, interned
from tatamu.ops.comparison import where
from tatamu.ops.expand import expand
from tatamu.ops.layout import broadcast_shapes
from tatamu.ops.op import Op, apply
from tatamu.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def _run(op: Op, x: Tensor, t: Tensor, reduction: str, number: float = 1.0) -> Tensor:
    return apply(op, interned(_loss.Reduced(reduction, float(number))), x, t)


def _weighted(
    each: Tensor, input: Tensor, weight: Tensor, reduction: str, by_weight: bool
) -> Tensor:
    """The weighted elements' sum or mean; some means are over the weights' sum."""
    if weight.shape != input.shape:
        raise ValueError(
            "Weights and input must have the same size.\n"
            f"  the weights have shape {list(weight.shape)}, the input {list(input.shape)}"
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'."
        )
    loss = each * weight
    if reduction == "mean" and by_weight:
        return loss.sum() / weight.sum()
    return reduced(loss, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|: its mean, its sum, or each. Shapes broadcast, with a warning.

    >>> import tatamu
    >>> l1_loss(tatamu.tensor([1.0, 2.0]), tatamu.tensor([0.0, 4.0]))
    tensor(1.5000)
    """
    x, t = together(input, target)
    if size_average is not None or reduce is not None:
        reduction = legacy(size_average, reduce)
    if weight is not None:
        return _weighted((x - t).abs(), input, weight, reduction, True)
    return reduced((x - t).abs(), chosen(reduction))


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)²: its mean, its sum, or each. Shapes broadcast, with a warning.

    Raises RuntimeError for shapes that do not broadcast, NotImplementedError for integers alone.

    >>> import tatamu
    >>> mse_loss(tatamu.tensor([1.0, 2.0]), tatamu.tensor([0.0, 4.0]))
    tensor(2.5000)
    """
    x, t = together(input, target)
    if size_average is not None or reduce is not None:
        reduction = legacy(size_average, reduce)
    if weight is not None:
        return _weighted((x - t) ** 2, input, weight, reduction, True)
    return _run(_loss.mse_loss, x, t, chosen(reduction))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d²/(2 beta) where |d| < beta, else |d| - beta/2, with d = input - target.

    >>> import tatamu
    >>> smooth_l1_loss(tatamu.tensor([0.5, 3.0]), tatamu.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    x, t = together(input, target)
    if size_average is not None or reduce is not None:
        reduction = legacy(size_average, reduce)
    reduction = chosen(reduction)
    if beta == 0:
        return reduced((x - t).abs(), reduction)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta.\n  {beta=}")
    return _run(_loss.smooth_l1_loss, x, t, reduction, beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d²/2 where |d| <= delta, else delta (|d| - delta/2), with d = input - target.

    >>> import tatamu
    >>> huber_loss(tatamu.tensor([0.5, 3.0]), tatamu.zeros(2), reduction="none", delta=2.0)
    tensor([0.1250, 4.0000])
    """
    x, t = together(input, target)
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta.\n  {delta=}"
        )
    if weight is not None:
        each = _run(_loss.huber_loss, x, t, "none", delta)
        return _weighted(each, input, weight, reduction, False)
    return _run(_loss.huber_loss, x, t, chosen(reduction), delta)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of counts under Poisson's distribution.

    e^input - target input, or without ``log_input`` input - target log(input + eps); ``full`` adds
    Stirling's term for targets above 1.

    >>> import tatamu
    >>> poisson_nll_loss(tatamu.tensor([0.0]), tatamu.tensor([2.0]))
    tensor(1.)
    """
    reduction = chosen(reduction, size_average, reduce)
    mean, log_mean = (input.exp(), input) if log_input else (input, (input + eps).log())
    loss = mean - target * log_mean
    if full:
        stirling = target * target.log() - target + (2 * math.pi * target).log() * 0.5
        loss = loss + where(target <= 1, constant(0.0, stirling.dtype), stirling)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log var + (input - target)² / var) / 2: targets drawn from normal distributions.

    ``var`` is held at ``eps`` or above. Raises ValueError where it is negative, or has a shape
    that fits the input's neither wholly nor but for the last axis.

    >>> import tatamu
    >>> gaussian_nll_loss(tatamu.tensor([1.0]), tatamu.tensor([3.0]), 1.0)
    tensor(2.)
    """
    held: Tensor = var if isinstance(var, Tensor) else input.detach() * 0 + float(var)
    if bool((held < 0).sum()):
        raise ValueError("var has negative entry/entries\n  a variance is a square: var.abs()?")
    if held.shape != input.shape:
        pairs = list(zip(input.shape, held.shape, strict=False))
        if input.shape[:-1] == held.shape:
            held = held.unsqueeze(-1)
        elif len(input.shape) != len(held.shape) or sum(n for m, n in pairs if m != n) != 1:
            raise ValueError(
                f"var is of incorrect size\n  it has shape {list(held.shape)}, the input "
                f"{list(input.shape)}: the same is wanted, or 1 in one axis"
            )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid\n  'none', 'mean' or 'sum' is")
    held = held.clone()
    with no_grad():
        held.clamp_(min=eps)
    loss = 0.5 * (held.log() + (input - target) ** 2 / held)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input): how far probabilities are from those of log ``input``.

    "batchmean" divides the sum by the batch's size, as the divergence is defined; "mean" by the
    number of elements, with a warning.

    >>> import tatamu
    >>> p = tatamu.tensor([[0.5, 0.5]])
    >>> kl_div(tatamu.tensor([[0.25, 0.75]]).log(), p, reduction="batchmean")
    tensor(0.1438)
    """
    if size_average is not None or reduce is not None:
        how = reduction = legacy(size_average, reduce)
    else:
        if reduction == "mean":
            warnings.warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support "
                "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
                "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
                "major release.",
                stacklevel=2,
            )
        how = chosen("sum" if reduction == "batchmean" else reduction)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        zero = target == 0
        safe = where(zero, constant(1.0, target.dtype), target)
        loss = where(zero, constant(0.0, target.dtype), target * safe.log()) - target * input
    total = reduced(loss, how)
    return total / input.shape[0] if reduction == "batchmean" and input.shape else total


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t log x + (1 - t) log(1 - x)) of probabilities; logarithms are held at -100 or above.

    Raises ValueError for shapes that differ, RuntimeError for dtypes that do and for numbers that
    are no probabilities: behind a layer without sigmoid use ``binary_cross_entropy_with_logits``.

    >>> import tatamu
    >>> binary_cross_entropy(tatamu.tensor([0.5, 1.0]), tatamu.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    reduction = chosen(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size.\n"
            + _shapes_that_fit(input, target)
        )
    fixed("binary_cross_entropy", weight=weight)
    if weight is not None:
        shape = broadcast_shapes(target.shape, weight.shape)
        weight = expand(cast(weight, input.dtype), shape)
    if input.dtype is not target.dtype and input.dtype.is_floating_point:
        raise RuntimeError(
            f"Found dtype {target.dtype.legacy_name} but expected {input.dtype.legacy_name}\n"
            f"  input and target must be of one dtype: target.to({input.dtype})"
        )
    attrs = interned(_loss.Reduced(reduction))
    return apply(_loss.binary_cross_entropy, attrs, input, target, weight)


def _shapes_that_fit(input: Tensor, target: Tensor) -> str:
    if input.shape.numel() == target.shape.numel():
        return f"  target.reshape({', '.join(map(str, input.shape))}) has the input's shape"
    return f"  the input holds {input.shape.numel()} numbers, the target {target.shape.numel()}"


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """``binary_cross_entropy`` of sigmoid(input), exact for large numbers too.

    ``pos_weight`` multiplies the loss of what is to be 1. Raises ValueError for shapes that
    differ, RuntimeError for a target of integers.

    >>> import tatamu
    >>> binary_cross_entropy_with_logits(tatamu.tensor([0.0, 200.0]), tatamu.tensor([1.0, 0.0]))
    tensor(100.3466)
    """
    reduction = chosen(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})\n"
            + _shapes_that_fit(input, target)
        )
    fixed("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    if input.dtype.is_floating_point and not target.dtype.is_floating_point:
        if target.dtype.name == "bool":
            raise RuntimeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the "
                "`^` or `logical_xor()` operator instead.\n  target.float() makes numbers of them"
            )
        raise RuntimeError(
            f"result type {input.dtype.legacy_name} can't be cast to the desired output type "
            f"{target.dtype.legacy_name}\n"
            "  targets are probabilities here: target.float() makes them of integers"
        )
    kept = target.dtype
    x, t = same_dtype(input, target)
    factors: list[Tensor | None] = []
    for w in (pos_weight, weight):
        if w is not None:
            broadcast_shapes(*((w.shape, x.shape) if w is pos_weight else (x.shape, w.shape)))
        factors.insert(0, None if w is None else cast(w, promote(w.dtype, x.dtype)))
    out = apply(_loss.logits_cross_entropy, interned(_loss.Reduced(reduction)), x, t, *factors)
    return cast(out, kept)
