"""First values of whole models: each layer by its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tatamu import nn
from tatamu.nn import init

__all__ = ["by_kind", "conv_fan_out", "linear_normal", "zero_bias"]

NORMS = (nn.BatchNorm2d, nn.GroupNorm)
Fill = Callable[[Any], object]


def by_kind(
    model: nn.Module, conv: Fill | None = None, linear: Fill | None = None, norms: bool = True
) -> None:
    """Go through all modules in order: ``conv`` fills each Conv2d, ``linear`` each Linear.

    Norms begin as the identity.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and conv:
            conv(module)
        elif isinstance(module, nn.Linear) and linear:
            linear(module)
        elif isinstance(module, NORMS) and norms:
            norm: Any = module
            init.ones_(norm.weight)
            init.zeros_(norm.bias)


def zero_bias(layer: Any) -> None:
    """No bias, if the layer has one."""
    if layer.bias is not None:
        init.zeros_(layer.bias)


def conv_fan_out(layer: Any) -> None:
    """He's normal numbers, scaled for the backward pass."""
    init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    zero_bias(layer)


def linear_normal(layer: Any) -> None:
    """Normal numbers of deviation 0.01."""
    init.normal_(layer.weight, 0, 0.01)
    zero_bias(layer)
