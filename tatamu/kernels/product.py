"""What a matrix product kernel is asked to do, free of tensors: sizes, strides and batches."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.epilogue import PLAIN, Epilogue
from tatamu.kernels.problem import DTYPES

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ProductProblem:
    """Matrix products: ``c[i, m, n] = activation(bias[n] + sum over k of a[i, m, k] b[i, k, n])``.

    ``a_strides`` counts elements along (m, k), ``b_strides`` along (k, n), ``bias`` from one number
    of the bias to the next (None: there is no bias). ``batch`` are the leading axes, with the
    strides that each operand has along them (0 where it is broadcast). c lies in C order.
    """

    dtype: str
    rows: int
    columns: int
    depth: int
    a_strides: Pair
    b_strides: Pair
    batch: tuple[int, ...] = ()
    a_batch: tuple[int, ...] = ()
    b_batch: tuple[int, ...] = ()
    bias: int | None = None
    epilogue: Epilogue = PLAIN

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return np.dtype(self.dtype).itemsize

    @property
    def bias_numbers(self) -> dict[str, int]:
        """What kernels are told of the bias."""
        return {"has_bias": int(self.bias is not None), "bias_n": self.bias or 0}

    @property
    def batches(self) -> int:
        """Products to be made."""
        return prod(self.batch)

    @property
    def flops(self) -> int:
        """Two for each multiply-add."""
        return 2 * self.batches * self.rows * self.columns * self.depth

    @property
    def work(self) -> int:
        """How long it takes at best, in flops of direct convolution."""
        return max(self.flops, 5 * self.moved)

    @property
    def moved(self) -> int:
        """Bytes of operands and result when each passes through memory once."""
        operands = self.rows * self.depth + self.depth * self.columns
        return self.itemsize * self.batches * (operands + self.rows * self.columns)

    def offsets(self) -> NDArray[np.int64]:
        """Where the operands of each product begin, in elements: (batches, 2)."""
        table = np.zeros((*self.batch, 2), np.int64)
        for operand, strides in enumerate((self.a_batch, self.b_batch)):
            for axis, (count, stride) in enumerate(zip(self.batch, strides, strict=True)):
                steps = np.arange(count) * stride
                table[..., operand] += steps.reshape(-1, *[1] * (len(self.batch) - axis - 1))
        return table.reshape(-1, 2)


def unserved(problem: ProductProblem) -> str | None:
    """Why no kernel serves the problem; None if some may."""
    if problem.dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {problem.dtype}"
    if problem.epilogue.residual:
        return "it adds no residual"
    return None
