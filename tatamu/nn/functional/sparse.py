"""Tables of vectors: embedding, embedding_bag, one_hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu import naming
from tatamu.autograd import no_grad
from tatamu.creation import tensor, zeros
from tatamu.dtypes import int32, int64
from tatamu.functions.function import type_name
from tatamu.ops import embedding as rows
from tatamu.ops.array import Numpy, wrap
from tatamu.ops.comparison import where
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = ["embedding", "embedding_bag", "one_hot"]


def _check_indices(input: Any, name: str) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{name}(): argument 'indices' (position 2) must be Tensor, not {type_name(input)}"
        )
    if input.dtype not in (int64, int32):
        kind = f"{naming.prefix}.{input.dtype.legacy_name}Tensor"
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {kind} instead (while checking arguments for {name})\n"
            "  the input holds numbers of rows: x.long() makes whole numbers of it"
        )


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` with the numbers in ``input``: (...) and (rows, dim) make (..., dim).

    Row ``padding_idx`` gets no gradient; rows that are used and longer than ``max_norm`` are
    shortened to it in place; ``sparse`` changes nothing. Raises IndexError for a number that has no
    row, RuntimeError for numbers that are not whole.

    >>> import tatamu
    >>> embedding(tatamu.tensor([2, 0]), tatamu.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    tensor([[4., 5.],
            [0., 1.]])
    """
    count = weight.shape[0] if weight.shape else 0
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= count
    if len(weight.shape) != 2:
        raise RuntimeError(
            f"'weight' must be 2-D\n  it is {list(weight.shape)}; embedding(input, weight) takes "
            "the numbers of rows first"
        )
    _check_indices(input, "embedding")
    places = input.array
    if places.size and not (places.min() >= 0 and places.max() < count):
        wrong = int(places[(places < 0) | (places >= count)].reshape(-1)[0])
        raise IndexError(
            f"index out of range in self\n  {wrong} is among the numbers; the table has rows 0 to "
            f"{count - 1}"
        )
    if max_norm is not None:
        _renormalise(weight, places, max_norm, norm_type)
    attrs = rows.rows_of(count, -1 if padding_idx is None else padding_idx, scale_grad_by_freq)
    return apply(rows.embedding, attrs, weight, input)


def _renormalise(weight: Tensor, places: Numpy, max_norm: float, norm_type: float) -> None:
    """Shorten the rows that are used to ``max_norm``, in place."""
    with no_grad():
        for place in np.unique(places).tolist():
            row = weight.detach()[place]
            norm = float(np.linalg.norm(row.float().numpy(), norm_type))
            if norm > max_norm:
                row.mul_(max_norm / (norm + 1e-7))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 at the place of each number, among zeros: (...) makes (..., num_classes).

    With -1 there are as many classes as the largest number says. Raises RuntimeError for numbers
    that are not int64, or not below ``num_classes``.

    >>> import tatamu
    >>> one_hot(tatamu.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype is not int64:
        raise RuntimeError(
            "one_hot is only applicable to index tensor of type LongTensor.\n"
            f"  the tensor is {tensor.dtype}: x.long() makes it int64"
        )
    places = tensor.array
    if not places.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
    elif places.min() < 0:
        raise RuntimeError(f"Class values must be non-negative.\n  {places.min()} is among them")
    elif num_classes != -1 and places.max() >= num_classes:
        raise RuntimeError(
            f"Class values must be smaller than num_classes.\n  {places.max()} is among them; "
            f"num_classes is {num_classes}"
        )
    count = int(places.max()) + 1 if num_classes == -1 else num_classes
    out = (places[..., None] == np.arange(count)).astype(np.int64)
    return wrap(out, int64)  # type: ignore[return-value]


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima over bags of rows of ``weight``.

    A matrix of numbers has a bag in each row; a list of them is cut at ``offsets``. Numbers equal
    to ``padding_idx`` count for nothing; ``per_sample_weights`` weigh the rows of a sum. Raises
    ValueError or RuntimeError, with torch's sentences, for what does not fit together.

    >>> import tatamu
    >>> table = tatamu.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> embedding_bag(tatamu.tensor([[0, 2], [1, 1]]), table, mode="sum")
    tensor([[4., 6.],
            [4., 6.]])
    """
    _check_bags(input, weight, offsets, per_sample_weights, mode, scale_grad_by_freq, sparse)
    places, bag, bags = _bags(input, offsets, include_last_offset)
    count = weight.shape[0]
    wrong = np.flatnonzero((places.array < 0) | (places.array >= count))
    if wrong.size:
        raise RuntimeError(
            f"Index {wrong[0]} of input takes value {places.array[wrong[0]]} which is not in the "
            f"valid range [0, {count})"
        )
    kept = np.ones(len(bag), bool)
    if padding_idx is not None:
        kept = places.array != padding_idx % count
    shape = (max(bags, 1), weight.shape[1])
    if not kept.any() or not bags:
        return (weight * 0).sum() + zeros(bags, shape[1], dtype=weight.dtype)
    found = embedding(places, weight, None, max_norm, norm_type, scale_grad_by_freq)
    share = np.where(kept, 1.0, 0.0)
    if mode == "mean":
        share = share / np.maximum(np.bincount(bag[kept], minlength=bags), 1)[bag]
    if mode == "max":
        chosen = tensor(_largest(found.detach().double().numpy(), bag, kept, bags))
        found = where(chosen, found, zeros(1, dtype=weight.dtype))
    elif per_sample_weights is not None:
        found = found * per_sample_weights.reshape(-1, 1)
    if mode == "mean" or not kept.all():
        found = found * tensor(share[:, None], dtype=weight.dtype)
    return apply(rows.embedding_bag, rows.rows_of(bags), found, tensor(bag))


def _largest(found: Numpy, bag: Numpy, kept: Numpy, bags: int) -> Numpy:
    """For each column of each bag, True at the first of its largest numbers."""
    chosen = np.zeros(found.shape, bool)
    for number in range(bags):
        own = np.flatnonzero((bag == number) & kept)
        if own.size:
            best = own[found[own].argmax(0)]
            chosen[best, np.arange(found.shape[1])] = True
    return chosen


def _bags(input: Tensor, offsets: Tensor | None, last: bool) -> tuple[Tensor, Numpy, int]:
    """The numbers in one line, the bag of each, and how many bags there are."""
    if len(input.shape) == 2:
        bags, length = input.shape
        return input.reshape(-1), np.repeat(np.arange(bags), length), bags
    assert offsets is not None
    starts = offsets.array
    size = len(input)
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {starts[0]}"
        )
    if starts.size and starts[-1] > size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {size} but got offsets[-1] of "
            f"{starts[-1]}"
        )
    bags = len(starts) - 1 if last else len(starts)
    return input, np.searchsorted(starts, np.arange(size), side="right") - 1, bags


def _check_bags(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None,
    shares: Tensor | None,
    mode: str,
    by_frequency: bool,
    sparse: bool,
) -> None:
    if shares is not None and shares.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({shares.shape}) is not None, then it must have "
            f"the same shape as the input ({input.shape})"
        )
    rank = len(input.shape)
    if len(weight.shape) != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {len(weight.shape)}"
        )
    if rank == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
            f"fixed length sequences. However, found offsets of type {type(offsets)}"
        )
    if rank == 1 and offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if rank == 1 and offsets is not None and len(offsets.shape) != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if rank not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {rank}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and by_frequency:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if shares is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    _check_indices(input, "embedding_bag")
