"""Adam and its kin: steps measured by running means of gradients and of their squares.

m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g²
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.ops.array import Array, Numpy
from tatamu.optim.optimizer import Optimizer, check_options, number, zero

__all__ = ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"]

Betas = tuple[Any, Any]


def moments(
    group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy, second: str = "exp_avg_sq"
) -> tuple[Numpy, float]:
    """Counts the step, decays the weights and averages; gives g and how many steps there were."""
    if "step" not in memory:
        memory["step"] = zero()
        memory["exp_avg"] = np.zeros_like(w)
        memory[second] = np.zeros_like(w)
    memory["step"] += 1
    decay = group["weight_decay"]
    if decay:
        if group.get("decoupled_weight_decay"):
            w *= 1 - number(group["lr"]) * decay
        else:
            g = g + decay * w
    b1, b2 = group["betas"]
    mean = memory["exp_avg"]
    mean += (g - mean) * (1 - b1)
    if second == "exp_avg_sq":
        square = memory[second]
        square *= b2
        square += (1 - b2) * g * g
    return g, float(memory["step"])


class Adam(Optimizer):
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

    def _update(self, group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy) -> None:
        g, step = moments(group, memory, w, g)
        b1, b2 = group["betas"]
        square = memory["exp_avg_sq"]
        if group["amsgrad"]:
            largest = memory.setdefault("max_exp_avg_sq", np.zeros_like(w))
            square = np.maximum(largest, square, out=largest)
        spread = np.sqrt(square)
        spread /= (1 - b2**step) ** 0.5
        spread += group["eps"]
        w -= number(group["lr"]) / (1 - b1**step) * memory["exp_avg"] / spread


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


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose weight grows from step to step. (Dozat, 2016.)"""

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

    def _update(self, group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy) -> None:
        if not memory:
            memory["step"] = zero()
            memory["mu_product"] = np.ones((), np.float32)
            memory["exp_avg"] = np.zeros_like(w)
            memory["exp_avg_sq"] = np.zeros_like(w)
        g, step = moments(group, memory, w, g)
        b1, b2 = group["betas"]
        lr, decay = number(group["lr"]), group["momentum_decay"]
        now = b1 * (1.0 - 0.5 * 0.96 ** (step * decay))
        following = b1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * decay))
        memory["mu_product"] *= now
        product = float(memory["mu_product"])
        spread = np.sqrt(memory["exp_avg_sq"] / (1 - b2**step)) + group["eps"]
        w -= lr * (1.0 - now) / (1.0 - product) * g / spread
        w -= lr * following / (1.0 - product * following) * memory["exp_avg"] / spread


class RAdam(Optimizer):
    """Adam whose steps are plain momentum until v is known well enough. (Liu et al., 2020.)"""

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

    def _update(self, group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy) -> None:
        g, step = moments(group, memory, w, g)
        b1, b2 = group["betas"]
        correction = 1 - b2**step
        change = memory["exp_avg"] / (1 - b1**step) * number(group["lr"])
        most = 2 / (1 - b2) - 1
        length = most - 2 * step * b2**step / correction
        if length > 5.0:
            spread = np.sqrt(memory["exp_avg_sq"]) + group["eps"]
            rectified = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            change = change * (correction**0.5 / spread) * rectified**0.5
        w -= change


class Adamax(Optimizer):
    """w - lr m' / u, u being the larger of b2 u and |g| + eps. (Kingma and Ba, 2015.)"""

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

    def _update(self, group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy) -> None:
        g, step = moments(group, memory, w, g, "exp_inf")
        b1, b2 = group["betas"]
        largest = memory["exp_inf"]
        largest *= b2
        np.maximum(largest, np.abs(g) + group["eps"], out=largest)
        w -= number(group["lr"]) / (1 - b1**step) * memory["exp_avg"] / largest
