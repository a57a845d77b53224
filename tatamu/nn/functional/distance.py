"""Distances and angles between vectors as functions."""

from __future__ import annotations

from tatamu.nn.functional.normalization import _norm
from tatamu.ops.expand import expand
from tatamu.ops.layout import broadcast_shapes, wrap_dim
from tatamu.ops.row_pairs import differences
from tatamu.tensor import Tensor

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + ``eps`` along the last axis.

    >>> import tatamu
    >>> pairwise_distance(tatamu.tensor([[3.0, 0.0]]), tatamu.tensor([[0.0, 4.0]]))
    tensor([5.])
    """
    norm = _norm(x1 - x2 + eps, float(p), -1)
    return norm if keepdim else norm.squeeze(-1)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along ``dim``; norms are held at ``eps`` or above.

    Raises RuntimeError for shapes that do not broadcast, IndexError for an axis that is not there.

    >>> import tatamu
    >>> cosine_similarity(tatamu.tensor([[1.0, 0.0]]), tatamu.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    shape = broadcast_shapes(x1.shape, x2.shape)
    axis = wrap_dim(dim, len(shape))
    units = [expand(x, shape) / _held(_norm(expand(x, shape), 2.0, axis), eps) for x in (x1, x2)]
    found: Tensor = (units[0] * units[1]).sum(axis)
    return found


def _held(norm: Tensor, eps: float) -> Tensor:
    """``eps`` at least; the derivative is that of the norm all the same, as torch has it."""
    held: Tensor = norm + (eps - norm.detach()).clamp(min=0)
    return held


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows: 0 and 1, 0 and 2, ..., 1 and 2, ...

    Raises RuntimeError unless the input is a matrix and ``p`` at least 0.

    >>> import tatamu
    >>> pdist(tatamu.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if len(input.shape) != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {len(input.shape)}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return _norm(differences(input), float(p), -1).squeeze(-1)
