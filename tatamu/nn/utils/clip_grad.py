"""Gradients held within bounds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from types import GeneratorType

import numpy as np

from tatamu import dtypes, naming
from tatamu.autograd import no_grad
from tatamu.creation import tensor
from tatamu.tensor import Tensor

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [own.grad for own in listed if own.grad is not None]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all numbers of all tensors together, as a tensor.

    >>> import tatamu
    >>> get_total_norm([tatamu.tensor([3.0]), tatamu.tensor([4.0])])
    tensor(5.)
    """
    order = float(norm_type)
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norms = []
    dtype = dtypes.float32 if not listed else listed[0].dtype
    for one in listed:
        values = dtypes.widen(one.array, one.dtype).astype(np.float64).reshape(-1)
        norms.append(np.linalg.norm(values, order) if values.size else 0.0)
        dtype = dtypes.promote(dtype, one.dtype)
    total = float(np.linalg.norm(np.array(norms), order)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite "
            "norm anyway, set `error_if_nonfinite=False`"
        )
    return tensor(total, dtype=dtype)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale the gradients, whose norm is ``total_norm``, to ``max_norm`` if that is less."""
    with no_grad():
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for gradient in _gradients(parameters):
            gradient.mul_(factor.to(gradient.dtype))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place, so that together they are no longer than ``max_norm``.

    Gives the norm they had. Raises RuntimeError for a norm that is not finite, if asked to.

    >>> import tatamu
    >>> x = tatamu.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> clip_grad_norm_(x, 1.0), x.grad
    (tensor(10.), tensor([0.6000, 0.8000]))
    """
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not listed and isinstance(parameters, GeneratorType):
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
        )
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of ``clip_grad_norm_``, with torch's warning."""
    warnings.warn(
        f"`{naming.prefix}.nn.utils.clip_grad_norm` is now deprecated in favor of "
        f"`{naming.prefix}.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Hold each number of all gradients between -``clip_value`` and ``clip_value``, in place."""
    bound = float(clip_value)
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(min=-bound, max=bound)
