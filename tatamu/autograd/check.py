"""Derivatives compared with finite differences, element by element."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tatamu.autograd.calls import grad
from tatamu.dtypes import float64
from tatamu.ops.array import Array, Numpy, local
from tatamu.ops.common import full
from tatamu.ops.saving import edge

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A derivative is not what finite differences say."""


def _outputs(result: Any) -> list[Any]:
    found = result if isinstance(result, (tuple, list)) else (result,)
    return [y for y in found if isinstance(y, Array) and edge(y) is not None]


def _numerical(func: Callable[..., Any], inputs: Sequence[Any], x: Any, eps: float) -> list[Numpy]:
    """For each output, its change by each element of ``x``: (elements of x, elements of output)."""

    def values() -> list[Numpy]:
        result = func(*inputs)
        found = result if isinstance(result, (tuple, list)) else (result,)
        return [
            np.array(y.array, np.float64).reshape(-1)
            for y in found
            if isinstance(y, Array) and y.dtype.is_floating_point
        ]

    rows: list[list[Numpy]] = []
    before, local.grad = local.grad, False
    try:
        for place in np.ndindex(*x.shape):
            kept = x.array[place].copy()
            x.array[place] = kept + eps
            x.storage.drop_packed()
            up = values()
            x.array[place] = kept - eps
            x.storage.drop_packed()
            down = values()
            x.array[place] = kept
            x.storage.drop_packed()
            rows.append([(a - b) / (2 * eps) for a, b in zip(up, down, strict=True)])
    finally:
        local.grad = before
    return [np.array(column) for column in zip(*rows, strict=True)]


def _analytical(y: Any, inputs: Sequence[Any]) -> list[Numpy]:
    """The derivatives of ``y`` by each input, laid out as ``_numerical`` has them."""
    count = y.shape.numel()
    found = [np.zeros((x.shape.numel(), count)) for x in inputs]
    for place in range(count):
        seed = full(y.shape, 0, y.dtype)
        seed.array.reshape(-1)[place] = 1
        gradients = grad(y, list(inputs), seed, retain_graph=True, allow_unused=True)
        for column, g in zip(found, gradients, strict=True):
            if g is not None:
                column[:, place] = g.array.reshape(-1)
    return found


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """Whether the derivatives of ``func`` are those of finite differences.

    Raises GradcheckError where they are not (or gives False, without ``raise_exception``),
    ValueError if no input requires grad. torch's further options are accepted and not used.

    >>> import tatamu
    >>> x = tatamu.tensor([1.0, 2.0], dtype=tatamu.float64, requires_grad=True)
    >>> gradcheck(lambda x: x.exp() * x, (x,))
    True
    """
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    wanted = [x for x in given if isinstance(x, Array) and edge(x) is not None]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for place, x in enumerate(given):
        if isinstance(x, Array) and edge(x) is not None and x.dtype is not float64:
            warnings.warn(
                f"Input #{place} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                stacklevel=2,
            )
    try:
        _compare(func, given, wanted, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _compare(
    func: Callable[..., Any],
    given: Sequence[Any],
    wanted: Sequence[Any],
    eps: float,
    atol: float,
    rtol: float,
) -> None:
    outputs = _outputs(func(*given))
    analytical = [_analytical(y, wanted) for y in outputs]
    for number, x in enumerate(wanted):
        numerical = _numerical(func, given, x, eps)
        for place, expected in enumerate(numerical[: len(outputs)]):
            got = analytical[place][number]
            if not np.allclose(got, expected, rtol, atol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {place} with respect to input {number},\n"
                    f"numerical:{expected}\nanalytical:{got}\n"
                )


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """Whether the second derivatives of ``func`` are those of finite differences."""
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    outputs = _outputs(func(*given))
    if grad_outputs is None:
        random = np.random.default_rng(0)
        seeds = [full(y.shape, 0, y.dtype) for y in outputs]
        for seed in seeds:
            seed.array[...] = random.standard_normal(seed.shape)
            seed._requires_grad = True
    else:
        seeds = list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]
    wanted = [
        place for place, x in enumerate(given) if isinstance(x, Array) and edge(x) is not None
    ]

    def first(*arguments: Any) -> Any:
        before, local.grad = local.grad, True
        try:
            inner = arguments[: len(given)]
            ends = _outputs(func(*inner))
            inputs = [inner[place] for place in wanted]
            found = grad(
                ends, inputs, arguments[len(given) :], create_graph=True, allow_unused=True
            )
        finally:
            local.grad = before
        return tuple([g for g in found if g is not None])

    options = {"eps": eps, "atol": atol, "rtol": rtol, "raise_exception": raise_exception}
    return gradcheck(first, (*given, *seeds), **options)
