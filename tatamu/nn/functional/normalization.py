"""Normalisation as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamu.dtypes import narrow, widen
from tatamu.errors import ArgumentError
from tatamu.functions.function import of_tensor
from tatamu.nn.functional.padding import pad
from tatamu.nn.functional.pooling import avg_pool2d
from tatamu.ops.batch_norm import batch_norm as _batch_norm
from tatamu.ops.batch_norm import batch_norm_inference, eps_of
from tatamu.ops.common import constant
from tatamu.ops.comparison import where
from tatamu.ops.group_norm import group_norm as _group_norm
from tatamu.ops.group_norm import groups_of
from tatamu.ops.layer_norm import layer_norm as _layer_norm
from tatamu.ops.layer_norm import normalized_over
from tatamu.ops.op import apply, apply_all, called
from tatamu.pitfalls import hint
from tatamu.tensor import Tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


@of_tensor(attribute="size")
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of (N, C, ...) less its mean, over its deviation, times weight, plus bias.

    In training these are the batch's own, and running statistics move towards them by
    ``momentum``, in place; else the running statistics are used. Raises ValueError for a channel of
    one value in training, RuntimeError where sizes or dtypes do not fit, with torch's sentences.

    >>> import tatamu
    >>> x = tatamu.tensor([[1.0], [3.0]])
    >>> batch_norm(x, None, None, training=True, eps=1e-12)
    tensor([[-1.],
            [ 1.]])
    """
    if training:
        _enough(input.shape, input.shape)
    if training and eps <= 0.0:
        raise ArgumentError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ArgumentError(f"batch_norm eps must be non-negative, but got {eps}")
    if not training:
        for name, given in (("running_mean", running_mean), ("running_var", running_var)):
            if given is None:
                raise RuntimeError(
                    f"{name} must be defined in evaluation mode\n"
                    "  training=True takes the batch's own statistics"
                )
        statistics = (running_mean, running_var)
        return apply(batch_norm_inference, eps_of(eps), input, *statistics, weight, bias)
    channels = input.shape[1] if len(input.shape) > 1 else 0
    for name, given in (("running_mean", running_mean), ("running_var", running_var)):
        if given is not None and given.numel() != channels:
            raise RuntimeError(
                f"{name} should contain {channels} elements not {given.numel()}\n"
                f"  the input {list(input.shape)} has {channels} channels (its second axis)"
                + (f"\n  {hint('hwc')}" if input.shape[-1:] == given.shape else "")
            )
    y, mean, _, var = apply_all(_batch_norm, eps_of(eps), input, weight, bias)
    count = input.numel() // channels if channels else 0
    if count:
        _follow(running_mean, mean.array, momentum)
        _follow(running_var, var.array * (count / max(count - 1, 1)), momentum)
    return y  # type: ignore[no-any-return]


def _follow(running: Tensor | None, value: Any, momentum: float) -> None:
    """Move a running statistic towards ``value``, in place, unseen by autograd's graph."""
    if running is None:
        return
    before = widen(running.array, running.dtype)
    moved = before * (1 - momentum) + value.astype(before.dtype) * momentum
    np.copyto(running.array, narrow(moved, running.dtype))
    running.storage.touch()


def _enough(shape: Sequence[int], named: object) -> None:
    if shape[0] * math.prod(shape[2:]) == 1:
        raise ArgumentError(
            f"Expected more than 1 value per channel when training, got input size {named}",
            fits=[hint("batch_of_one")],
        )


@of_tensor()
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The last axes, of ``normalized_shape``, less their mean, over their deviation.

    Then times ``weight`` plus ``bias``, both of that shape. Raises RuntimeError, with torch's
    sentence, where shapes do not fit, TypeError for a shape that is no sequence.

    >>> import tatamu
    >>> layer_norm(tatamu.tensor([[1.0, 3.0], [5.0, 9.0]]), (2,), eps=1e-12)
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    if isinstance(normalized_shape, int):
        raise TypeError(
            "layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not int"
        )
    attrs = normalized_over(tuple(normalized_shape), eps)
    return apply(_layer_norm, attrs, input, weight, bias)


@of_tensor(attribute="dim")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each image's channels in groups, each less its mean, over its deviation.

    Then times ``weight`` plus ``bias``, one for each channel. Raises RuntimeError, with torch's
    sentence, where sizes do not fit, ValueError for a group of one value.

    >>> import tatamu
    >>> group_norm(tatamu.tensor([[1.0, 3.0, 5.0, 9.0]]), 2, eps=1e-12)
    tensor([[-1.,  1., -1.,  1.]])
    """
    shape = input.shape
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}"
        )
    grouped = [shape[0] * shape[1] // num_groups, num_groups, *shape[2:]]
    _enough(grouped, grouped)
    if shape[1] % num_groups:
        fitting = [n for n in range(1, shape[1] + 1) if shape[1] % n == 0]
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(shape)} and num_groups={num_groups}\n"
            f"  {shape[1]} channels make {', '.join(map(str, fitting))} groups"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and given.shape != shape[1:2]:
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in "
                f"input, but got {name} of shape {list(given.shape)} and input of shape "
                f"{list(shape)}"
            )
    return apply(_group_norm, groups_of(num_groups, eps), input, weight, bias)


@of_tensor(attribute="size")
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each image less its mean, over its deviation, times weight, plus bias.

    Running statistics, if they are given, move in place towards the mean of all images'; without
    ``use_input_stats`` they take the place of the input's own. Raises ValueError for a single
    place, RuntimeError where sizes do not fit, with torch's sentences.

    >>> import tatamu
    >>> instance_norm(tatamu.tensor([[[1.0, 3.0], [5.0, 9.0]]]), eps=1e-12)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    shape = input.shape
    if use_input_stats and math.prod(shape[2:]) == 1:
        raise ArgumentError(
            f"Expected more than 1 spatial element when training, got input size {shape}",
            arithmetic=[
                "each sample's channels are normalised by themselves: one value is too few"
            ],
        )
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    if (running_mean is None) != (running_var is None):
        raise ArgumentError(
            "running_mean and running_var must either both be None or neither be None"
        )
    images, channels = shape[:2]
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight}
    for name, given in (*named.items(), ("bias", bias)):
        if given is not None and given.numel() != channels:
            raise RuntimeError(
                f"{name} should contain {images * channels} elements not "
                f"{images * given.numel()}\n"
                f"  counted for all {images} images: {given.numel()} for {channels} channels"
            )
    if not use_input_stats:
        statistics = (running_mean, running_var)
        return apply(batch_norm_inference, eps_of(eps), input, *statistics, weight, bias)
    y, mean, _, var = apply_all(_group_norm, groups_of(channels, eps), input, weight, bias)
    count = math.prod(shape[2:])
    if running_mean is not None and input.numel():
        _follow(running_mean, mean.array.mean(0), momentum)
        _follow(running_var, var.array.mean(0) * (count / (count - 1)), momentum)
    return called(y, "ViewBackward0")  # type: ignore[no-any-return]


@of_tensor(attribute="dim")
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha m)^beta, m the mean square of ``size`` neighbouring channels of (N, C, ...).

    Channels before the first and after the last count as 0 (A. Krizhevsky and others, *ImageNet
    Classification with Deep Convolutional Neural Networks*, 2012). Raises ValueError for less than
    three axes.

    >>> import tatamu
    >>> local_response_norm(tatamu.ones(1, 1, 2), 1, alpha=3.0, beta=1.0)
    tensor([[[0.2500, 0.2500]]])
    """
    shape = input.shape
    if len(shape) < 3:
        raise ArgumentError(
            "Expected 3D or higher dimensionality                          "
            f"input (got {len(shape)} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = (input * input).reshape(shape[0], 1, shape[1], math.prod(shape[2:]))
    padded = pad(squares, (0, 0, size // 2, (size - 1) // 2))
    means = avg_pool2d(padded, (size, 1), stride=1).reshape(shape)
    return input / (means * alpha + k) ** beta


@of_tensor()
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x over the root of the mean of its squares over the last axes, times ``weight``.

    ``eps``, the dtype's own if None, is added under the root. Raises RuntimeError where the last
    axes or the weight are not of ``normalized_shape``. (Zhang and Sennrich, 2019.)

    >>> import tatamu
    >>> rms_norm(tatamu.tensor([3.0, 4.0]), (2,))
    tensor([0.8485, 1.1314])
    """
    over = list(normalized_shape)
    if weight is not None and list(weight.shape) != over:
        raise RuntimeError(
            "Expected weight to be of same shape as normalized_shape, but got weight of shape "
            f"{list(weight.shape)} and normalized_shape = {over}"
        )
    if list(input.shape[len(input.shape) - len(over) :]) != over:
        starred = "".join(f", {n}" for n in over[1:])
        raise RuntimeError(
            f"Given normalized_shape={over}, expected input with shape [*{over[0]}{starred}], but "
            f"got input of size{list(input.shape)}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"rms_norm\" not implemented for '{input.dtype.legacy_name}'\n"
            "  the input holds integers: x.float() makes them float32"
        )
    if eps is None:
        eps = float(np.finfo(input.dtype.compute).eps)
    axes = tuple(range(-len(over), 0))
    scaled = input * ((input * input).mean(axes, keepdim=True) + eps).rsqrt()
    return scaled if weight is None else scaled * weight


def normalize(
    input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12
) -> Tensor:
    """x / max(||x||_p, eps), the norm taken along ``dim``.

    >>> import tatamu
    >>> normalize(tatamu.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    norm = _norm(input, float(p), dim)
    return input / where(norm < eps, constant(eps, norm.dtype), norm)  # type: ignore[no-any-return]


def _norm(x: Tensor, p: float, dim: int | Sequence[int]) -> Tensor:
    """The p-norm; where it is 0 its derivative is 0, as torch has it."""
    size = x.abs()
    if p == math.inf:
        return size.amax(dim, keepdim=True)
    if p == -math.inf:
        return size.amin(dim, keepdim=True)
    if p == 0:
        return (x != 0).to(x.dtype).sum(dim, keepdim=True)
    if p == 1:
        return size.sum(dim, keepdim=True)
    powers = x * x if p == 2 else size**p
    total = powers.sum(dim, keepdim=True)
    zero, one = constant(0.0, x.dtype), constant(1.0, x.dtype)
    safe = where(total == 0, one, total)
    root = safe.sqrt() if p == 2 else safe ** (1 / p)
    return where(total == 0, zero, root)  # type: ignore[no-any-return]
