"""What GoogLeNet and Inception V3 share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tatamu import cat, nn
from tatamu.nn import functional as F
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._utils import demand, known_classes
from tatamu.vision.presets import MEAN, STD

__all__ = ["fit", "old_values", "rescaled", "truncated", "with_norm"]


def with_norm(x: Tensor, conv: nn.Module, bn: nn.Module) -> Tensor:
    """A convolution, norm and ReLU: what ``BasicConv2d`` of both does."""
    return F.relu(bn(conv(x)), inplace=True)


def rescaled(x: Tensor) -> Tensor:
    """From ImageNet's means and deviations to [-1, 1], as the weights from TensorFlow want it."""
    channels = []
    for at, (mean, std) in enumerate(zip(MEAN, STD, strict=True)):
        channels.append(x[:, at].unsqueeze(1) * (std / 0.5) + (mean - 0.5) / 0.5)
    return cat(channels, 1)


def old_values(init_weights: bool | None, name: str) -> bool:
    """Whether first values are drawn as they always were, which is what None means, for now."""
    if init_weights is None:
        warnings.warn(
            f"The default weight initialization of {name} will be changed in future releases of "
            "torchvision. If you wish to keep the old behavior (which leads to long "
            "initialization times due to scipy/scipy#11299), please set init_weights=True.",
            FutureWarning,
            stacklevel=3,
        )
        return True
    return init_weights


def truncated(model: nn.Module, deviation: Callable[[Any], float]) -> None:
    """Normal numbers between -2 and 2, of a deviation that each layer has."""

    def fill(layer: Any) -> None:
        init.trunc_normal_(layer.weight, mean=0.0, std=deviation(layer), a=-2, b=2)

    _init.by_kind(model, conv=fill, linear=fill)


def fit(options: dict[str, Any], weights: Any) -> None:
    """Published weights have auxiliary heads, and were trained on another scale."""
    options.setdefault("transform_input", True)
    demand(options, "aux_logits", True)
    demand(options, "init_weights", False)
    known_classes(options, weights)
