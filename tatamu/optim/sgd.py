"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from tatamu.optim.optimizer import check_options, number
from tatamu.optim.ruled import Ruled, decays
from tatamu.tensor import Tensor

__all__ = ["SGD"]


class SGD(Ruled):
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

    rule = "sgd"

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

    def _memory(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def _begin(self, group: dict[str, Any], parameter: Tensor) -> None:
        """Nothing: the first gradient is what is remembered first."""

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        momentum = group["momentum"]
        terms = {
            "momentum": bool(momentum),
            "nesterov": bool(momentum and group["nesterov"]),
            "first": bool(momentum and "momentum_buffer" not in state),
        }
        return decays(group, *(name for name, holds in terms.items() if holds)), {
            "lr": number(group["lr"]),
            "decay": number(group["weight_decay"]),
            "momentum": momentum,
            "undamped": 1 - group["dampening"],
        }
