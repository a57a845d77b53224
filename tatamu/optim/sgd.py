"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from tatamu.ops.array import Numpy
from tatamu.optim.optimizer import Optimizer, check_options, number

__all__ = ["SGD"]


class SGD(Optimizer):
    """w - lr g, with momentum: b = momentum b + (1 - dampening) g, w - lr b.

    With ``nesterov`` the step is along g + momentum b. ``weight_decay`` adds its part of w to g.

    >>> import tatamu
    >>> SGD([tatamu.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    SGD (
    Parameter Group 0
        dampening: 0
        differentiable: False
        foreach: None
        fused: None
        lr: 0.1
        maximize: False
        momentum: 0.9
        nesterov: False
        weight_decay: 0
    )
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy) -> None:
        decay, momentum = number(group["weight_decay"]), group["momentum"]
        if decay:
            g = g + decay * w
        if momentum:
            if "momentum_buffer" not in memory:
                memory["momentum_buffer"] = g.copy()
            else:
                buffer = memory["momentum_buffer"]
                buffer *= momentum
                buffer += (1 - group["dampening"]) * g
            buffer = memory["momentum_buffer"]
            g = g + momentum * buffer if group["nesterov"] else buffer
        w -= number(group["lr"]) * g
