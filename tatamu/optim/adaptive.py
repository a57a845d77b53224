"""Steps measured for each weight by its own gradients: Adagrad, Adadelta, RMSprop, Rprop, ASGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.dtypes import float32, narrow, widen
from tatamu.ops.array import Numpy, wrap
from tatamu.optim.optimizer import Optimizer, check_options, number, zero
from tatamu.optim.ruled import Ruled, counted, decays
from tatamu.tensor import Tensor

__all__ = ["ASGD", "Adadelta", "Adagrad", "RMSprop", "Rprop"]


def _decayed(group: dict[str, Any], w: Numpy, g: Numpy) -> Numpy:
    decay = group["weight_decay"]
    return g + decay * w if decay else g


class Adagrad(Ruled):
    """w - lr g / (sqrt(sum of all g²) + eps); lr shrinks by ``lr_decay``. (Duchi et al., 2011.)"""

    rule = "adagrad"

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(
            lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
        )
        check_options(lr, eps=eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                self._begin(group, parameter)

    def _memory(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _begin(self, group: dict[str, Any], parameter: Tensor) -> None:
        state = self.state[parameter]
        if "sum" not in state:
            first = np.full_like(
                widen(parameter.array, parameter.dtype), group["initial_accumulator_value"]
            )
            state["step"] = wrap(zero(), float32)
            state["sum"] = wrap(narrow(first, parameter.dtype), parameter.dtype)

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        rate = number(group["lr"]) / (1 + (counted(state) - 1) * group["lr_decay"])
        decay, eps = group["weight_decay"], group["eps"]
        return decays(group), {"rate": rate, "decay": decay, "eps": eps}


class Adadelta(Ruled):
    """g times the size of earlier steps over that of earlier gradients. (Zeiler, 2012.)"""

    rule = "adadelta"

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr)
        if not 0 <= rho <= 1:
            raise ValueError(f"Invalid rho value: {rho}\n  it must be from [0, 1]")
        check_options(lr, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _memory(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        counted(state)
        numbers = {"lr": number(group["lr"]), "new": 1 - group["rho"]}
        return decays(group), numbers | {
            "rho": group["rho"], "decay": group["weight_decay"], "eps": group["eps"]
        }  # fmt: skip


class RMSprop(Ruled):
    """w - lr g / (sqrt(running mean of g²) + eps), with momentum if asked for. (Hinton, 2012.)

    ``centered`` takes the square of the running mean of g off that mean.
    """

    rule = "rmsprop"

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _memory(self, group: dict[str, Any]) -> tuple[str, ...]:
        names = {
            "square_avg": True,
            "momentum_buffer": group["momentum"] > 0,
            "grad_avg": group["centered"],
        }
        return tuple(name for name, is_kept in names.items() if is_kept)

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        counted(state)
        terms = {"momentum": group["momentum"] > 0, "centered": group["centered"]}
        options = decays(group, *(name for name, holds in terms.items() if holds))
        return options, {
            "lr": number(group["lr"]), "decay": group["weight_decay"], "eps": group["eps"],
            "alpha": group["alpha"], "new": 1 - group["alpha"], "momentum": group["momentum"],
        }  # fmt: skip


class ASGD(Optimizer):
    """Gradient descent that keeps the average of the weights in its state as ``ax``."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_options(lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy) -> None:
        lr = number(group["lr"])
        if not memory:
            memory["step"] = zero()
            memory["eta"] = np.array(lr, np.float32)
            memory["mu"] = np.ones((), np.float32)
            memory["ax"] = np.zeros_like(w)
        memory["step"] += 1
        step, eta, mean = float(memory["step"]), float(memory["eta"]), memory["ax"]
        g = _decayed(group, w, g)
        w *= 1 - group["lambd"] * eta
        w -= eta * g
        if memory["mu"] != 1:
            mean += (w - mean) * w.dtype.type(memory["mu"])
        else:
            mean[...] = w
        memory["eta"][...] = lr / (1 + group["lambd"] * lr * step) ** group["alpha"]
        memory["mu"][...] = 1 / max(1, step - group["t0"])


class Rprop(Optimizer):
    """Steps by the sign of g alone, which grow while it stays and shrink where it turns.

    ValueError unless 0 < etas[0] < 1 < etas[1]. (Riedmiller and Braun, 1993.)
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(
                f"Invalid eta values: {etas[0]}, {etas[1]}\n"
                "  the first shrinks steps and is below 1, the second grows them"
            )
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy) -> None:
        if not memory:
            memory["step"] = zero()
            memory["prev"] = np.zeros_like(w)
            memory["step_size"] = np.full_like(w, number(group["lr"]))
        memory["step"] += 1
        shrink, grow = group["etas"]
        turned = np.sign(g * memory["prev"])
        size = memory["step_size"]
        size *= np.where(turned > 0, grow, np.where(turned < 0, shrink, 1)).astype(w.dtype)
        np.clip(size, *group["step_sizes"], out=size)
        g = np.where(turned < 0, w.dtype.type(0), g)
        w -= np.sign(g) * size
        memory["prev"][...] = g
