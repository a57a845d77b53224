"""Adam and its kin: steps measured by running means of gradients and of their squares.

m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g²
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.dtypes import float32
from tatamu.ops.array import Array, wrap
from tatamu.optim.optimizer import check_options, number
from tatamu.optim.ruled import Ruled, counted, decays
from tatamu.tensor import Tensor

__all__ = ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"]

Betas = tuple[Any, Any]


class Moments(Ruled):
    """What Adam and its kin have in common: both running means, and weight decay."""

    def _memory(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _shared(self, group: dict[str, Any]) -> dict[str, float]:
        """The numbers that do not change from step to step."""
        lr, decay = number(group["lr"]), group["weight_decay"]
        b1, b2 = group["betas"]
        return {
            "lr": lr, "decay": decay, "shrink": 1 - lr * decay, "new1": 1 - b1, "beta2": b2,
            "new2": 1 - b2, "eps": group["eps"],
        }  # fmt: skip


class Adam(Moments):
    """w - lr m' / (sqrt(v') + eps), m' and v' being m / (1 - b1^t) and v / (1 - b2^t).

    ``amsgrad`` takes the largest v there was. (Kingma and Ba, 2015.) ValueError for a learning
    rate, eps or weight decay below 0 and for betas outside [0, 1).

    >>> import tatamu
    >>> w = tatamu.tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> w.sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    rule = "adam"

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Array) and foreach and not capturable:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        check_options(lr, betas, eps=eps, weight_decay=weight_decay)
        kinds = {isinstance(beta, float) for beta in betas}
        if kinds != {True} and not all(isinstance(beta, Array) for beta in betas):
            raise ValueError("betas must be either both floats or both Tensors")
        defaults = {
            "lr": lr,
            "betas": tuple(number(beta) for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _memory(self, group: dict[str, Any]) -> tuple[str, ...]:
        return (*super()._memory(group), *(("max_exp_avg_sq",) if group["amsgrad"] else ()))

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        step = counted(state)
        b1, b2 = group["betas"]
        rate = number(group["lr"]) / (1 - b1**step)
        options = decays(group, *(("amsgrad",) if group["amsgrad"] else ()))
        return options, self._shared(group) | {"root": (1 - b2**step) ** 0.5, "rate": rate}


class AdamW(Adam):
    """Adam whose weight decay is apart from the gradient: w (1 - lr decay) before each step.

    (Loshchilov and Hutter, 2019.)
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )


class NAdam(Moments):
    """Adam with Nesterov's momentum, whose weight grows from step to step. (Dozat, 2016.)"""

    rule = "nadam"

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr, betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], parameter: Tensor) -> None:
        state = self.state[parameter]
        for name, first in (("step", 0), ("mu_product", 1)):
            state.setdefault(name, wrap(np.full((), first, np.float32), float32))
        super()._begin(group, parameter)

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        step = counted(state)
        b1, b2 = group["betas"]
        lr, decay = number(group["lr"]), group["momentum_decay"]
        now = b1 * (1.0 - 0.5 * 0.96 ** (step * decay))
        following = b1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * decay))
        product = state["mu_product"].array
        product[...] *= now
        state["mu_product"].storage.touch()
        return decays(group), self._shared(group) | {
            "correction": 1 - b2**step,
            "now": lr * (1.0 - now) / (1.0 - float(product)),
            "following": lr * following / (1.0 - float(product) * following),
        }


class RAdam(Moments):
    """Adam whose steps are plain momentum until v is known well enough. (Liu et al., 2020.)"""

    rule = "radam"

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr, betas, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        step = counted(state)
        b1, b2 = group["betas"]
        correction = 1 - b2**step
        most = 2 / (1 - b2) - 1
        length = most - 2 * step * b2**step / correction
        known = length > 5.0
        part = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        return decays(group, *(("rectified",) if known else ())), self._shared(group) | {
            "correction": 1 - b1**step,
            "root": correction**0.5,
            "rectified": part**0.5 if known else 0.0,
        }


class Adamax(Moments):
    """w - lr m' / u, u being the larger of b2 u and |g| + eps. (Kingma and Ba, 2015.)"""

    rule = "adamax"

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_options(lr, betas, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _memory(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        rate = number(group["lr"]) / (1 - group["betas"][0] ** counted(state))
        return decays(group), self._shared(group) | {"rate": rate}
