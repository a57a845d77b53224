"""Keras's optimizers, with Keras's formulas and defaults, which differ from PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamu.interop.keras.choosing import chosen
from tatamu.interop.keras.layer import Variable

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Adamax", "Nadam", "Optimizer", "RMSprop", "get"]

Array = Any


class Optimizer:
    """Changes variables by their gradients; ``step`` says how for one of them.

    ``learning_rate`` is a number, or a function of the number of steps done.
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Any = 0.01,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.name = name or type(self).__name__.lower()
        self.iterations = 0
        self._state: dict[int, dict[str, Array]] = {}

    def rate(self) -> float:
        """The learning rate of the present step."""
        rate = self.learning_rate
        return float(rate(self.iterations)) if callable(rate) else float(rate)

    def begin(self, name: str, like: Array) -> Array:
        """What a slot holds before the first step."""
        return np.zeros_like(like)

    def step(self, w: Array, g: Array, state: dict[str, Array], rate: float, t: int) -> None:
        """Change ``w`` in place; ``t`` counts from 1. Every subclass has its own."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it steps")

    def apply_gradients(self, pairs: Any) -> None:
        """One step for pairs of gradient and variable; those without a gradient stay."""
        known = [(np.asarray(g), v) for g, v in pairs if g is not None]
        self.apply([g for g, _ in known], [v for _, v in known])

    def apply(self, gradients: Sequence[Array], variables: Sequence[Variable]) -> None:
        """One step."""
        rate = self.rate()
        self.iterations += 1
        for g, variable in zip(self._clipped(gradients), variables, strict=True):
            w = variable.own.detach().numpy()
            state = self._state.get(id(variable))
            if state is None:
                state = {name: self.begin(name, w) for name in self.slots}
                self._state[id(variable)] = state
            if self.weight_decay:
                w -= w * np.float32(self.weight_decay * rate)
            self.step(w, g, state, rate, self.iterations)
            if variable.constraint is not None:
                w[...] = variable.constraint(w)
            variable.own.storage.touch()

    def _clipped(self, gradients: Sequence[Array]) -> Sequence[Array]:
        if self.clipnorm is not None:
            norms = [np.sqrt((g * g).sum()) for g in gradients]
            return [
                g * (self.clipnorm / max(norm, self.clipnorm))
                for g, norm in zip(gradients, norms, strict=True)
            ]
        if self.global_clipnorm is not None:
            norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
            return [g * (self.global_clipnorm / max(norm, self.global_clipnorm)) for g in gradients]
        if self.clipvalue is not None:
            return [np.clip(g, -self.clipvalue, self.clipvalue) for g in gradients]
        return gradients

    def state_count(self) -> int:
        """How many numbers it remembers: its slots, the step and the learning rate."""
        return sum(int(a.size) for state in self._state.values() for a in state.values()) + 2


class SGD(Optimizer):
    """Steps down the gradient, with momentum on request."""

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not 0 <= momentum <= 1:
            raise ValueError("`momentum` must be a float between [0, 1].")
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("velocity",) if momentum else ()

    def step(self, w: Array, g: Array, state: dict[str, Array], rate: float, t: int) -> None:
        """w += v, v = momentum v - rate g."""
        if not self.momentum:
            w -= rate * g
            return
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity -= rate * g
        w += self.momentum * velocity - rate * g if self.nesterov else velocity


class Adam(Optimizer):
    """Steps of about ``learning_rate`` whatever the gradient's scale (Kingma & Ba 2014)."""

    slots: tuple[str, ...] = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        if amsgrad:
            self.slots = ("momentum", "velocity", "velocity_hat")

    def step(self, w: Array, g: Array, state: dict[str, Array], rate: float, t: int) -> None:
        """Both means corrected at once, in the rate; epsilon is added to what is not corrected."""
        m, v = state["momentum"], state["velocity"]
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        alpha = rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        if self.amsgrad:
            v = np.maximum(state["velocity_hat"], v, out=state["velocity_hat"])
        w -= (m * alpha) / (np.sqrt(v) + self.epsilon)


class AdamW(Adam):
    """Adam whose weights shrink by themselves (Loshchilov & Hutter 2017)."""

    def __init__(
        self, learning_rate: Any = 0.001, weight_decay: float = 0.004, **options: Any
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **options)


class Adamax(Adam):
    """Adam with the largest gradient in place of the mean square."""

    def step(self, w: Array, g: Array, state: dict[str, Array], rate: float, t: int) -> None:
        """w -= rate m / ((1 - beta_1^t) (u + epsilon))."""
        m, u = state["momentum"], state["velocity"]
        m += (g - m) * (1 - self.beta_1)
        np.maximum(self.beta_2 * u, np.abs(g), out=u)
        w -= (rate * m) / ((1 - self.beta_1**t) * (u + self.epsilon))


class Nadam(Adam):
    """Adam that looks one step ahead (Dozat 2016)."""

    slots: tuple[str, ...] = ("momentum", "velocity")
    product = 1.0

    def apply(self, gradients: Sequence[Array], variables: Sequence[Variable]) -> None:
        """One step; the product of all momenta so far is kept."""
        t = self.iterations + 1
        self._now = self.beta_1 * (1 - 0.5 * 0.96**t)
        self._next = self.beta_1 * (1 - 0.5 * 0.96 ** (t + 1))
        self.product *= self._now
        super().apply(gradients, variables)

    def step(self, w: Array, g: Array, state: dict[str, Array], rate: float, t: int) -> None:
        """The corrected mean of the next step, over the root of the mean square."""
        m, v = state["momentum"], state["velocity"]
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        ahead = self._next * m / (1 - self.product * self._next)
        m_hat = ahead + (1 - self._now) * g / (1 - self.product)
        w -= (m_hat * rate) / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)


class RMSprop(Optimizer):
    """Gradients over the root of their mean square."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        more = (("momentum",) if momentum else ()) + (("average",) if centered else ())
        self.slots = ("velocity", *more)

    def step(self, w: Array, g: Array, state: dict[str, Array], rate: float, t: int) -> None:
        """w -= rate g / sqrt(mean square + epsilon)."""
        v = state["velocity"]
        v *= self.rho
        v += g * g * (1 - self.rho)
        below = v + self.epsilon
        if self.centered:
            average = state["average"]
            average *= self.rho
            average += g * (1 - self.rho)
            below = below - average * average
        change = rate * g / np.sqrt(below)
        if self.momentum:
            m = state["momentum"]
            m *= self.momentum
            m += change
            change = m
        w -= change


class Adagrad(Optimizer):
    """Gradients over the root of the sum of all their squares (Duchi et al. 2011)."""

    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial, self.epsilon = initial_accumulator_value, epsilon

    def begin(self, name: str, like: Array) -> Array:
        """The sum begins above zero."""
        return np.full_like(like, self.initial)

    def step(self, w: Array, g: Array, state: dict[str, Array], rate: float, t: int) -> None:
        """w -= rate g / sqrt(sum of squares + epsilon)."""
        total = state["accumulator"]
        total += g * g
        w -= rate * g / np.sqrt(total + self.epsilon)


_KNOWN: dict[str, Any] = {
    kind.__name__.lower(): kind for kind in (SGD, Adam, AdamW, Adamax, Nadam, RMSprop, Adagrad)
}


def get(identifier: Any) -> Optimizer:
    """The optimizer of a name, a class or an object. ValueError with Keras's sentence for others.

    >>> get("adam").learning_rate
    0.001
    """
    found: Optimizer = chosen(identifier, _KNOWN, "optimizer")
    return found
