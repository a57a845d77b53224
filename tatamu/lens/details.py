"""What a layer did beyond its output: who won each window, by what a layer normalised.

Statistics are worked out in float64 from what came in, so that they are an account of the layer's
output and not a repetition of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tatamu import Tensor

Indices = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Winners:
    """Which input pixel won each window: flat positions in the plane (channels, rows, columns)."""

    indices: Indices


@dataclass(frozen=True)
class Places:
    """Where an unpooling put each value, in the plane that it made."""

    indices: Indices


@dataclass(frozen=True)
class Statistics:
    """By what a layer normalised: of every channel, or of what it takes together.

    `mean` and `variance` have the input's shape without the batch, with 1 along the axes that were
    averaged over (`over`). `kept` says that they are those a trained layer keeps. `weight` and
    `bias` are per channel, None where the layer has none or they are not per channel.
    """

    mean: Doubles
    variance: Doubles
    eps: float
    over: tuple[str, ...]
    kept: bool
    groups: int
    weight: npt.NDArray[np.float32] | None
    bias: npt.NDArray[np.float32] | None


Detail = Winners | Places | Statistics


def detail_of(module: Any, taken: Tensor, indices: Tensor | None) -> Detail | None:
    """What is worth keeping of a layer's work on `taken`; None for most layers.

    `indices` are those that a pooling gave, or an unpooling took.
    """
    name = type(module).__name__
    if name == "MaxUnpool2d":
        return None if indices is None else Places(_planes(indices))
    if name == "MaxPool2d":
        return Winners(_planes(_winners(module, taken) if indices is None else indices))
    if taken.ndim != 4:
        return None
    values = taken.detach().numpy()[0].astype(np.float64)
    if name in ("BatchNorm2d", "InstanceNorm2d"):
        kept = not module.training and module.running_mean is not None
        over: tuple[str, ...] = ("height", "width")
        if kept:
            mean, variance = (
                kept_values.detach().numpy().astype(np.float64)[:, None, None]
                for kept_values in (module.running_mean, module.running_var)
            )
        else:
            mean, variance = _moments(values, (1, 2))
        return _statistics(module, mean, variance, over, kept)
    if name == "GroupNorm":
        grouped = values.reshape(module.num_groups, -1)
        mean, variance = (
            np.repeat(found, len(values) // module.num_groups, axis=0)[:, :, None]
            for found in _moments(grouped, (1,))
        )
        over = ("channels", "height", "width")
        return _statistics(module, mean, variance, over, False, module.num_groups)
    if name == "LayerNorm":
        axes = tuple(range(3 - len(module.normalized_shape), 3))
        mean, variance = _moments(values, axes)
        over = tuple(("channels", "height", "width")[axis] for axis in axes)
        return _statistics(module, mean, variance, over, False)
    return None


def _winners(module: Any, taken: Tensor) -> Tensor:
    from tatamu import no_grad
    from tatamu.nn import functional as F

    with no_grad():
        found: Tensor = F.max_pool2d(
            taken, module.kernel_size, module.stride, module.padding, module.dilation,
            module.ceil_mode, return_indices=True,
        )[1]  # fmt: skip
    return found


def _planes(indices: Tensor) -> Indices:
    values = indices.detach().numpy()
    planes: Indices = np.ascontiguousarray(values[0] if values.ndim == 4 else values)
    planes.flags.writeable = False
    return planes


def _moments(values: Doubles, axes: tuple[int, ...]) -> tuple[Doubles, Doubles]:
    return values.mean(axis=axes, keepdims=True), values.var(axis=axes, keepdims=True)


def _statistics(
    module: Any,
    mean: Doubles,
    variance: Doubles,
    over: tuple[str, ...],
    kept: bool,
    groups: int = 0,
) -> Statistics:
    return Statistics(
        mean, variance, float(module.eps), over, kept, groups,
        _per_channel(module, "weight"), _per_channel(module, "bias"),
    )  # fmt: skip


def _per_channel(module: Any, name: str) -> npt.NDArray[np.float32] | None:
    value = getattr(module, name, None)
    if value is None or value.ndim != 1 or type(module).__name__ == "LayerNorm":
        return None
    found: npt.NDArray[np.float32] = value.detach().numpy().copy()
    return found
