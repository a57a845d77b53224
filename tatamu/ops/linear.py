"""Linear layers: each output is a weighted sum of a row's numbers.

Y = X Wᵀ + b     dX = G W     dW = Gᵀ X     db[n] = sum over m of G[m, n]

W is (outputs, inputs), as torch keeps it, so that a row of W makes one output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any

from tatamu.errors import GeometryError
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import moved_bytes, samples, several
from tatamu.ops.expand import sum_
from tatamu.ops.folding import reduction
from tatamu.ops.layout import Ints
from tatamu.ops.matmul import matmul_op
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.permute import permute
from tatamu.ops.product_kernels import LINEAR
from tatamu.pitfalls import hint, of_numbers

__all__ = ["linear", "linear_without_bias", "misfit"]


def misfit(x: Ints, w: Ints) -> GeometryError:
    """What to raise for an input whose rows are not as long as the weight's."""
    rows, had, wanted = prod(x[:-1]), x[-1], w[1]
    fits = [f"in_features={had} would accept this input"]
    lesson = hint("flatten_size")
    if len(x) > 2 and prod(x[1:]) == wanted:
        fits.insert(0, f"input.flatten(1), or nn.Flatten() in front, makes rows of {wanted}")
    elif prod(x) == wanted:
        fits.insert(0, f"input.flatten() makes one row of {wanted}")
        lesson = hint("no_batch")
    return GeometryError(
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{had} and {wanted}x{w[0]})",
        arithmetic=[
            f"the input {list(x)} has rows of {had} numbers; the weight {list(w)} takes {wanted}"
        ],
        fits=[*fits, lesson],
    )


def _check_dtypes(call: Call) -> None:
    x, w = call.dtype(0), call.dtype(1)
    bias = call.dtype(2) if len(call.dtypes) == 3 else x
    if x is w is bias:
        return
    if len(call.dtypes) == 2:
        sentence = f"expected m1 and m2 to have the same dtype, but got: {x.c_name} != {w.c_name}"
    else:
        name, other = ("self", bias) if bias is not w else ("mat1", x)
        sentence = (
            f"{name} and mat2 must have the same dtype, but got "
            f"{other.legacy_name} and {w.legacy_name}"
        )
    raise RuntimeError(
        f"{sentence}\n  the input is {x}, the weight {w}, the bias {bias}: "
        f"input.to({w}) makes them alike{of_numbers(x.name, w.name)}"
    )


def _shape(call: Call) -> tuple[Out, ...]:
    x, w = call.shape(0), call.shape(1)
    if x[1] != w[1]:
        raise misfit(x, w)
    _check_dtypes(call)
    return (Out((x[0], w[0]), call.dtype(0)),)


def _reference(_: Any, x: Numpy, w: Numpy, bias: Numpy | None = None) -> Numpy:
    y = x @ w.T
    return y if bias is None else y + bias


def _vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    w, x = node.recall()
    dx = None if w is None else matmul_op(g, w)
    dw = None if x is None else matmul_op(permute(g, (1, 0)), x)
    if len(node.edges) == 2:
        return dx, dw
    return dx, dw, None if node.edges[2] is None else apply(sum_, reduction((0,)), g)


def _flops(call: Call) -> int:
    (out,) = _shape(call)
    bias = prod(out.shape) if len(call.shapes) == 3 else 0
    return 2 * call.shape(0)[1] * prod(out.shape) + bias


def _linear(
    name: str, title: str, generate: Callable[..., Iterable[Sample]], listed: Ints = ()
) -> Op:
    return Op(
        name=name,
        title=title,
        shape=_shape,
        reference=_reference,
        vjp=_vjp,
        saves=Saves(inputs=((1, 0), (0, 1)), outputs=()),
        aliases=False,
        flops=_flops,
        bytes=moved_bytes,
        samples=generate,
        kernels=LINEAR,
        listed=listed,
    )


linear = _linear(
    "linear",
    "Addmm",
    several(samples((2, 3), (4, 3), (4,)), samples((3, 130), (70, 130), (70,))),
    listed=(2, 0, 1),  # torch's addmm has the bias first
)
linear_without_bias = _linear("linear_without_bias", "Mm", samples((2, 3), (4, 3)))
