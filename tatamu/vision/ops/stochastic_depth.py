"""Stochastic depth: whole blocks are left out by chance while training.

Huang, Sun, Liu, Sedra and Weinberger, *Deep networks with stochastic depth*, 2016.
"""

from __future__ import annotations

import tatamu
from tatamu import nn
from tatamu.tensor import Tensor

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """Set the whole input to zero with probability ``p``, and scale what stays by 1 / (1 - p).

    In mode "row" each sample has a draw of its own, in mode "batch" all share one. Raises
    ValueError for another mode, or a probability outside of [0, 1].

    >>> stochastic_depth(tatamu.ones(2, 3), 0.5, "row", training=False).sum()
    tensor(6.)
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    kept = 1.0 - p
    draws = input.shape[0] if mode == "row" else 1
    shape = [draws] + [1] * (input.ndim - 1)
    noise = tatamu.empty(shape, dtype=input.dtype).bernoulli_(kept)
    if kept > 0.0:
        noise.div_(kept)
    return input * noise


class StochasticDepth(nn.Module):
    """``stochastic_depth`` as a layer: what stands before a residual sum.

    >>> StochasticDepth(0.2, "row")
    StochasticDepth(p=0.2, mode=row)
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"
