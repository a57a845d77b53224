"""The compiled kernels of matrix products and linear layers, in order of preference.

- dot products: few rows, both operands dense along the sum (a linear layer with a small batch)
- sums of rows: few rows, the second operand's rows dense (such a layer's input gradient)
- matrix product: everything else, transposed operands and batches included

Products of a few thousand multiplications stay with NumPy, which is done with them sooner than a
kernel is called.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from tatamu.ops.array import Array
from tatamu.ops.layout import Ints
from tatamu.ops.op import Call
from tatamu.ops.planned import PlannedKernel, PlannedRunner, target

if TYPE_CHECKING:
    from tatamu.kernels.product import ProductProblem

__all__ = ["LINEAR", "PRODUCTS"]

TINY_FLOPS = 32_768


class ProductKernel(PlannedKernel):
    """A kernel for products; ``weights`` says that b is given as (columns, sum), transposed."""

    def __init__(self, name: str, module: str, *, weights: bool = False):
        super().__init__(name, module, _of_linear if weights else _of_matmul)
        self._weights = weights

    def prepare(self, call: Call) -> ProductRunner:
        """Plan and compile; CompileError where that cannot be done."""
        problem = self._problem(call)
        swapped = not self._weights and _is_column(call)
        return ProductRunner(self._algorithm().plan(problem, target()), swapped)


class ProductRunner(PlannedRunner):
    """One planned product; the operands may have been exchanged."""

    def __init__(self, plan: Any, swapped: bool):
        super().__init__(plan)
        self._swapped = swapped

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        a, b, *bias = inputs
        operands = (b, a) if self._swapped else (a, b)
        super().__call__((*operands, *(bias or (None,))), outputs)


def _is_column(call: Call) -> bool:
    """Whether b is a single column: then c is one row of the transposed product as well."""
    return call.shape(1)[-1] == 1


def _of_matmul(call: Call) -> ProductProblem | str:
    """What ``a @ b`` asks of a kernel."""
    a, b = call.shape(0), call.shape(1)
    (out,) = call.op.shape(call)
    a_steps, b_steps = _steps(call, 0), _steps(call, 1)
    batch = out.shape[:-2]
    left, right = _leading(batch, a, a_steps), _leading(batch, b, b_steps)
    rows, columns, depth = a[-2], b[-1], a[-1]
    a_strides, b_strides = a_steps[-2:], b_steps[-2:]
    if _is_column(call):
        rows, columns = columns, rows
        a_strides, b_strides = b_strides[::-1], a_strides[::-1]
        left, right = right, left
    elif not any(right):
        # One b for the whole batch: if a's rows follow one another evenly, it is one product.
        step = _one_axis((*batch, rows), (*left, a_strides[0]))
        if step is not None:
            rows, a_strides = prod(batch) * rows, (step, a_strides[1])
            batch = left = right = ()
    return _problem(call, (rows, columns, depth), a_strides, b_strides, (batch, left, right))


def _of_linear(call: Call) -> ProductProblem | str:
    """What ``x wᵀ + b`` asks of a kernel."""
    (rows, depth), columns = call.shape(0), call.shape(1)[0]
    x, w = _steps(call, 0), _steps(call, 1)
    return _problem(call, (rows, columns, depth), x, w[::-1], ((), (), ()))


def _problem(
    call: Call,
    sizes: tuple[int, int, int],
    a: Ints,
    b: Ints,
    batch: tuple[Ints, Ints, Ints],
) -> ProductProblem | str:
    rows, columns, depth = sizes
    if 2 * prod(batch[0]) * rows * columns * depth < TINY_FLOPS and not call.native:
        return "so small a product is left to NumPy"
    from tatamu.kernels.product import ProductProblem

    bias = call.strides[2] if len(call.strides) == 3 else None
    return ProductProblem(
        call.dtype(0).name, rows, columns, depth, (a[0], a[1]), (b[0], b[1]), *batch,
        bias=None if bias is None else bias[0],
    )  # fmt: skip


def _steps(call: Call, index: int) -> Ints:
    """An input's strides; 1 along the last two axes where they have one element or none."""
    strides = call.strides[index]
    assert strides is not None
    shape = call.shape(index)
    last = [s if n > 1 else 1 for n, s in zip(shape[-2:], strides[-2:], strict=True)]
    return (*strides[:-2], *last)


def _leading(batch: Ints, shape: Ints, strides: Ints) -> Ints:
    """Strides along the leading axes, broadcast to ``batch``."""
    missing = len(batch) - (len(shape) - 2)
    own = zip(shape[:-2], strides[:-2], strict=True)
    return (*[0] * missing, *[0 if n == 1 else step for n, step in own])


def _one_axis(sizes: Ints, strides: Ints) -> int | None:
    """The stride of the one axis that these make together, or None if they do not."""
    step, count = 1, 1
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if size == 1:
            continue
        if count == 1:
            step = stride
        elif stride != step * count:
            return None
        count *= size
    return step


def _kernels(weights: bool) -> tuple[ProductKernel, ...]:
    return (
        ProductKernel("dot products", "rows", weights=weights),
        ProductKernel("sums of rows", "strips", weights=weights),
        ProductKernel("matrix product", "gemm", weights=weights),
    )


PRODUCTS, LINEAR = _kernels(False), _kernels(True)
