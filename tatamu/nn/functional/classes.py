"""Losses of classes as functions: negative log likelihood and cross entropy."""

from __future__ import annotations

from typing import Any

from tatamu.dtypes import int64, uint8
from tatamu.nn.functional.reducing import check_tensors, chosen, fixed, reduced
from tatamu.ops import nll as _nll
from tatamu.ops.common import constant, interned
from tatamu.ops.comparison import where
from tatamu.ops.op import apply
from tatamu.pitfalls import hint
from tatamu.tensor import Tensor

__all__ = ["cross_entropy", "nll_loss"]


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log probability in ``input`` (N, C, ...) of the classes in ``target`` (N, ...).

    The mean is over the ``weight`` of the classes; a target of ``ignore_index`` does not count.
    Raises RuntimeError or ValueError for shapes that do not fit, RuntimeError for targets that are
    not int64, IndexError for one that is no class.

    >>> import tatamu
    >>> log_probabilities = tatamu.tensor([[-0.5, -2.0], [-3.0, -0.1]])
    >>> nll_loss(log_probabilities, tatamu.tensor([0, 1]))
    tensor(0.3000)
    """
    reduction = chosen(reduction, size_average, reduce)
    check_tensors("nll_loss_nd", input=input, target=target)
    return _nll_loss(input, target, weight, reduction, ignore_index)


def _nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore_index: int
) -> Tensor:
    _check_shapes(input, target)
    rank = len(input.shape)
    name = "nll_loss_forward" if rank < 3 else "nll_loss2d_forward"
    fixed(name, weight=weight)
    classes = input.shape[0 if rank == 1 else 1]
    _check_target(target, input)
    if rank == 1 and list(target.shape) not in ([], [1]):
        raise ValueError(
            "For 1D input, 1D target must have size 1, but got target size: "
            f"{target.shape[0]}\n  the input has shape {list(input.shape)}: the scores of one "
            "sample without a batch"
        )
    _check_weight(weight, input, classes, rank)
    shape: tuple[int, ...] = target.shape
    if rank == 1:
        shape = ()
    elif rank not in (2, 4):
        input = input.reshape(input.shape[0], classes, 1, -1)
        target = target.reshape(target.shape[0], 1, -1)
    else:
        shape = target.shape
    attrs = _nll.Nll(reduction, int(ignore_index), classes, 0 if rank == 1 else 1)
    op = _nll.nll_loss if rank < 3 else _nll.nll_loss2d
    out = apply(op, interned(attrs), input, target.reshape(()) if rank == 1 else target, weight)
    return out.reshape(shape) if reduction == "none" and rank not in (1, 2, 4) else out


def _check_shapes(input: Tensor, target: Tensor) -> None:
    """torch's sentences, each for the ranks it has them for."""
    rank, own, wanted = len(input.shape), list(input.shape), list(target.shape)
    if not rank:
        raise ValueError("Expected 1 or more dimensions (got 0)\n  the input is a single number")
    if rank != 1 and own[0] != (wanted[0] if wanted else 1):
        raise ValueError(
            f"Expected input batch_size ({own[0]}) to match target batch_size "
            f"({wanted[0] if wanted else 1}).\n"
            f"  the input has shape {own}, the target {wanted}"
        )
    if rank <= 2:
        if len(wanted) > 1:
            raise RuntimeError(
                "0D or 1D target tensor expected, multi-target not supported\n"
                f"  the target has shape {wanted}: one class for each row of {own} is wanted, "
                + ("target.squeeze(1)" if wanted[1:] == [1] else "or probabilities of all classes")
                + f"\n  {hint('labels_long')}"
            )
        return
    fits = [own[0], *own[2:]]
    if rank == 4:
        if len(wanted) != 3:
            raise RuntimeError(
                "only batches of spatial targets supported (3D tensors) but got targets of "
                f"dimension: {len(wanted)}\n"
                f"  {own} wants a target of shape {fits}, a class for each pixel"
            )
        if wanted != fits:
            raise RuntimeError(
                f"size mismatch (got input: {own} , target: {wanted}\n"
                f"  a target of shape {fits} fits"
            )
    elif wanted != fits:
        raise RuntimeError(
            f"Expected target size {fits}, got {wanted}\n"
            f"  the classes of {own} are along axis 1, which the target has not"
        )


def _check_target(target: Tensor, input: Tensor) -> None:
    if target.dtype not in (int64, uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {target.dtype.legacy_name}\n"
            f"  {hint('labels_long')}\n  input {list(input.shape)}, target {list(target.shape)}"
        )


def _check_weight(weight: Tensor | None, input: Tensor, classes: int, rank: int) -> None:
    if weight is None:
        return
    if len(weight.shape) != 1 or weight.shape[0] != classes:
        raise RuntimeError(
            "weight tensor should be defined either for all or no classes\n"
            f"  there are {classes} classes, and the weights have shape {list(weight.shape)}"
            if rank > 2
            else f"weight tensor should be defined either for all {classes} classes or no classes "
            f"but got weight tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype is not input.dtype and input.dtype.is_floating_point:
        raise RuntimeError(
            f"expected scalar type {input.dtype.legacy_name} but found "
            f"{weight.dtype.legacy_name}\n  the weights must have the input's dtype: "
            f"weight.to({input.dtype})"
        )


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """``nll_loss`` of ``log_softmax``: how little softmax(input) gives to the right classes.

    ``input`` (N, C, ...) holds scores of any size: softmax is already inside, so no layer with a
    softmax belongs in front. ``target`` holds classes (N, ...), or probabilities in the input's
    shape. Raises as ``nll_loss`` does, and RuntimeError for a ``label_smoothing`` above 1.

    >>> import tatamu
    >>> scores = tatamu.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> cross_entropy(scores, tatamu.tensor([0, 2]), reduction="none")
    tensor([0.2395, 1.0986])
    """
    reduction = chosen(reduction, size_average, reduce)
    check_tensors("cross_entropy_loss", input=input, target=target)
    if label_smoothing > 1:
        raise RuntimeError(
            f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}\n"
            "  it is the share of the target that is spread over all classes"
        )
    label_smoothing = max(label_smoothing, 0.0)  # as torch has it
    axis = 0 if len(input.shape) == 1 else 1
    if input.shape == target.shape:
        return _probabilities(input, target, weight, reduction, ignore_index, label_smoothing, axis)
    log_probabilities = input.log_softmax(axis) if input.shape else input
    own = _nll_loss(log_probabilities, target, weight, reduction, ignore_index)
    if not label_smoothing:
        return own
    classes = input.shape[axis]
    even = _even(log_probabilities, target, weight, reduction, ignore_index, axis)
    return (1 - label_smoothing) * own + even * (label_smoothing / classes)


def _along(weight: Tensor, rank: int, axis: int) -> Tensor:
    """The classes' weights, to broadcast against scores."""
    return weight.reshape(*[-1 if i == axis else 1 for i in range(rank)])


def _even(
    y: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    axis: int,
) -> Tensor:
    """The loss of the target in which all classes are alike (times their number)."""
    scaled = y if weight is None else y * _along(weight, len(y.shape), axis)
    target = target.reshape(()) if axis == 0 else target
    ignored = target == ignore_index
    loss: Tensor = where(ignored, constant(0.0, y.dtype), -scaled.sum(axis))
    if reduction != "mean":
        return reduced(loss, reduction)
    kept = target.numpy()[~ignored.numpy()]
    total: Any = kept.size if weight is None else weight.numpy()[kept].sum()
    return loss.sum() / float(total)


def _probabilities(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    smoothing: float,
    axis: int,
) -> Tensor:
    if not target.dtype.is_floating_point:
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{target.dtype.legacy_name}\n"
            f"  a target of the input's shape {list(input.shape)} holds probabilities: "
            "target.float(), or one class number a row: target.argmax(1)\n"
            f"  {hint('labels_long')}"
        )
    if ignore_index >= 0:
        raise RuntimeError(
            "ignore_index is not supported for floating point target\n"
            "  a target of the input's shape holds probabilities of classes"
        )
    classes = input.shape[axis] if input.shape else 1
    if weight is not None and list(weight.shape) != [classes]:
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or "
            f"no classes but got weight tensor of shape: {list(weight.shape)}"
        )
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    each = input.log_softmax(axis) * target
    if weight is not None:
        each = each * _along(weight, len(input.shape), axis)
    if reduction == "none":
        return -each.sum(axis)
    if reduction == "sum" or not input.shape.numel():
        return -each.sum() if reduction == "sum" else -each.sum() / 0
    return -each.sum() / (input.shape.numel() / classes)
