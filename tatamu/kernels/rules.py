"""How optimizers change weights: each rule once, for NumPy's arrays and for kernels alike.

A rule ``(maths, options, w, g, memory, n)`` gives the new weights and puts what it remembers into
``memory``. ``maths`` is NumPy, or what writes the same functions as instructions; ``n`` holds
numbers by name, worked out once for a whole parameter; ``options`` say which terms there are.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from types import SimpleNamespace
from typing import Any

__all__ = ["RULES", "Rule"]

Memory = MutableMapping[str, Any]
Rule = Callable[[Any, frozenset[str], Any, Any, Memory, SimpleNamespace], Any]

RULES: dict[str, Rule] = {}


def _rule(write: Rule) -> Rule:
    """Enter a function in the table under its name without the underscore."""
    RULES[write.__name__.strip("_")] = write
    return write


def _decayed(options: frozenset[str], w: Any, g: Any, n: SimpleNamespace) -> tuple[Any, Any]:
    """The gradient's sign, and weight decay: part of the gradient, or apart from it."""
    if "maximize" in options:
        g = -g
    if "decoupled" in options:
        w = w * n.shrink
    elif "decay" in options:
        g = g + n.decay * w
    return w, g


def _averages(w: Any, g: Any, memory: Memory, n: SimpleNamespace) -> None:
    """Running means of gradients and of their squares."""
    mean, square = memory["exp_avg"], memory["exp_avg_sq"]
    memory["exp_avg"] = mean + (g - mean) * n.new1
    memory["exp_avg_sq"] = square * n.beta2 + n.new2 * g * g


@_rule
def _sgd(
    maths: Any, options: frozenset[str], w: Any, g: Any, memory: Memory, n: SimpleNamespace
) -> Any:
    w, g = _decayed(options, w, g, n)
    if "momentum" in options:
        buffer = g
        if "first" not in options:
            buffer = memory["momentum_buffer"] * n.momentum + n.undamped * g
        memory["momentum_buffer"] = buffer
        g = g + n.momentum * buffer if "nesterov" in options else buffer
    return w - n.lr * g


@_rule
def _adam(
    maths: Any, options: frozenset[str], w: Any, g: Any, memory: Memory, n: SimpleNamespace
) -> Any:
    w, g = _decayed(options, w, g, n)
    _averages(w, g, memory, n)
    square = memory["exp_avg_sq"]
    if "amsgrad" in options:
        square = memory["max_exp_avg_sq"] = maths.maximum(memory["max_exp_avg_sq"], square)
    spread = maths.sqrt(square) / n.root + n.eps
    return w - n.rate * memory["exp_avg"] / spread


@_rule
def _nadam(
    maths: Any, options: frozenset[str], w: Any, g: Any, memory: Memory, n: SimpleNamespace
) -> Any:
    w, g = _decayed(options, w, g, n)
    _averages(w, g, memory, n)
    spread = maths.sqrt(memory["exp_avg_sq"] / n.correction) + n.eps
    w = w - n.now * g / spread
    return w - n.following * memory["exp_avg"] / spread


@_rule
def _radam(
    maths: Any, options: frozenset[str], w: Any, g: Any, memory: Memory, n: SimpleNamespace
) -> Any:
    w, g = _decayed(options, w, g, n)
    _averages(w, g, memory, n)
    change = memory["exp_avg"] / n.correction * n.lr
    if "rectified" in options:
        spread = maths.sqrt(memory["exp_avg_sq"]) + n.eps
        change = change * (n.root / spread) * n.rectified
    return w - change


@_rule
def _adamax(
    maths: Any, options: frozenset[str], w: Any, g: Any, memory: Memory, n: SimpleNamespace
) -> Any:
    w, g = _decayed(options, w, g, n)
    mean = memory["exp_avg"]
    memory["exp_avg"] = mean + (g - mean) * n.new1
    largest = maths.maximum(memory["exp_inf"] * n.beta2, maths.absolute(g) + n.eps)
    memory["exp_inf"] = largest
    return w - n.rate * memory["exp_avg"] / largest


@_rule
def _adagrad(
    maths: Any, options: frozenset[str], w: Any, g: Any, memory: Memory, n: SimpleNamespace
) -> Any:
    w, g = _decayed(options, w, g, n)
    memory["sum"] = memory["sum"] + g * g
    return w - n.rate * g / (maths.sqrt(memory["sum"]) + n.eps)


@_rule
def _adadelta(
    maths: Any, options: frozenset[str], w: Any, g: Any, memory: Memory, n: SimpleNamespace
) -> Any:
    w, g = _decayed(options, w, g, n)
    square = memory["square_avg"] = memory["square_avg"] * n.rho + n.new * (g * g)
    delta = maths.sqrt(memory["acc_delta"] + n.eps) / maths.sqrt(square + n.eps) * g
    memory["acc_delta"] = memory["acc_delta"] * n.rho + n.new * (delta * delta)
    return w - n.lr * delta


@_rule
def _rmsprop(
    maths: Any, options: frozenset[str], w: Any, g: Any, memory: Memory, n: SimpleNamespace
) -> Any:
    w, g = _decayed(options, w, g, n)
    square = memory["square_avg"] = memory["square_avg"] * n.alpha + n.new * (g * g)
    if "centered" in options:
        mean = memory["grad_avg"]
        mean = memory["grad_avg"] = mean + (g - mean) * n.new
        square = square - mean * mean
    change = g / (maths.sqrt(square) + n.eps)
    if "momentum" in options:
        change = memory["momentum_buffer"] = memory["momentum_buffer"] * n.momentum + change
    return w - n.lr * change
