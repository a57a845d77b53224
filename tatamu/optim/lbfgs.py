"""L-BFGS: steps by what the last gradients tell of the curvature, with or without a line search.

(Nocedal and Wright, Numerical Optimization, algorithms 7.4, 3.5 and 3.6.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu.autograd import enable_grad, no_grad
from tatamu.dtypes import narrow, widen
from tatamu.ops.array import Array, Numpy, detached, wrap
from tatamu.optim.optimizer import Optimizer, check_options, number

__all__ = ["LBFGS"]

Evaluate = Callable[[Any, Numpy], tuple[float, Numpy]]


def _cubic(
    x1: Any, f1: Any, g1: Any, x2: Any, f2: Any, g2: Any, bounds: tuple[Any, Any] | None = None
) -> Any:
    """Where the cubic through two points with these slopes is least, held between bounds."""
    low, high = bounds or ((x1, x2) if x1 <= x2 else (x2, x1))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square < 0 or np.isnan(square):
        return (low + high) / 2.0
    d2 = np.sqrt(square)
    if x1 <= x2:
        least = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        least = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(least, low), high)


class _Point:
    """A step along the line: how far, the loss there, the gradient, and its part along the line."""

    def __init__(self, t: Any, f: float, g: Numpy, slope: Any) -> None:
        self.t, self.f, self.g, self.slope = t, f, g, slope


def _strong_wolfe(
    evaluate: Evaluate, t: Any, d: Numpy, start: _Point, most: int, tolerance: float
) -> tuple[_Point, int]:
    """A step that lowers the loss and flattens the slope enough; how often it was evaluated."""
    c1, c2 = 1e-4, 0.9

    def at(t: Any) -> _Point:
        f, g = evaluate(t, d)
        return _Point(t, f, g, g.dot(d))

    def too_high(point: _Point) -> bool:
        return bool(point.f > start.f + c1 * point.t * start.slope)

    def flat(point: _Point) -> bool:
        return bool(abs(point.slope) <= -c2 * start.slope)

    before, new = start, at(t)
    evaluations, turns = 1, 0
    done = False
    bracket = [start, new]
    while turns < most:
        if too_high(new) or (turns > 1 and new.f >= before.f):
            bracket = [before, new]
            break
        if flat(new):
            return new, evaluations
        if new.slope >= 0:
            bracket = [before, new]
            break
        bounds = new.t + 0.01 * (new.t - before.t), new.t * 10
        t = _cubic(before.t, before.f, before.slope, new.t, new.f, new.slope, bounds)
        before, new = new, at(t)
        evaluations += 1
        turns += 1
    else:
        bracket = [start, new]
    low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
    stuck = False
    size = np.abs(d).max()
    while not done and turns < most:
        first, second = bracket
        if abs(second.t - first.t) * size < tolerance:
            break
        t = _cubic(first.t, first.f, first.slope, second.t, second.f, second.slope)
        left, right = min(first.t, second.t), max(first.t, second.t)
        margin = 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near = False
        stuck = near
        new = at(t)
        evaluations += 1
        turns += 1
        if too_high(new) or new.f >= bracket[low].f:
            bracket[high] = new
            low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
            continue
        if flat(new):
            done = True
        elif new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], evaluations


def _number(loss: Any) -> float:
    """A loss as a number, whether the closure gave a tensor or a number."""
    found: Any = detached(loss) if isinstance(loss, Array) else loss
    return float(found)


class LBFGS(Optimizer):
    """Limited-memory BFGS: ``step(closure)`` takes up to ``max_iter`` steps, each by the closure.

    ``line_search_fn`` is None or "strong_wolfe". ValueError for more than one group.

    >>> import tatamu
    >>> x = tatamu.tensor([3.0], requires_grad=True)
    >>> optimizer = LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(4., grad_fn=<SumBackward0>)
    >>> x
    tensor([1.], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_options(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Any]:
        return self.param_groups[0]["params"]  # type: ignore[no-any-return]

    def _gradient(self) -> Numpy:
        parts = []
        for p in self._params:
            g = np.zeros(p.shape, p.dtype.compute) if p.grad is None else p.grad
            parts.append((widen(g.array, g.dtype) if isinstance(g, Array) else g).reshape(-1))
        return np.concatenate(parts)

    def _move(self, t: Any, d: Numpy) -> None:
        """Each parameter moved by its part of t d."""
        offset = 0
        for p in self._params:
            count = p.shape.numel()
            moved = widen(p.array, p.dtype) + t * d[offset : offset + count].reshape(p.shape)
            np.copyto(p.array, narrow(moved, p.dtype), casting="same_kind")
            p.storage.touch()
            offset += count

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take steps until one of the bounds is met; gives the first loss of ``closure``."""
        if closure is None:
            raise TypeError("LBFGS.step() missing 1 required positional argument: 'closure'")
        with no_grad(), np.errstate(all="ignore"):
            return self._steps(enable_grad()(closure))

    def _steps(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = closure()
        loss = _number(first)
        evaluations = 1
        state["func_evals"] += 1
        g = self._gradient()
        if np.abs(g).max() <= group["tolerance_grad"]:
            return first
        memory = {
            name: [v.array for v in value] if isinstance(value, list) else _plain(value)
            for name, value in state.items()
        }
        for turn in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            initial = state["n_iter"] == 1
            d = self._direction(memory, g, initial)
            before, memory["prev_flat_grad"], memory["prev_loss"] = loss, g.copy(), loss
            lr = number(group["lr"])
            t = min(1.0, 1.0 / np.abs(g).sum()) * lr if initial else lr
            memory["d"], memory["t"] = d, t
            slope = g.dot(d)
            if slope > -group["tolerance_change"]:
                break
            last = turn == group["max_iter"]
            loss, g, t, used = self._along(
                closure, d, t, _Point(0, loss, g, slope), evaluations, last
            )
            memory["t"] = t
            evaluations += used
            state["func_evals"] += used
            met = used > 0 and np.abs(g).max() <= group["tolerance_grad"]
            change = group["tolerance_change"]
            if last or evaluations >= group["max_eval"] or met:
                break
            if np.abs(d * t).max() <= change or abs(loss - before) < change:
                break
        self._keep(state, memory)
        return first

    def _along(
        self,
        closure: Callable[[], Any],
        d: Numpy,
        t: Any,
        start: _Point,
        evaluations: int,
        last: bool,
    ) -> tuple[float, Numpy, Any, int]:
        """Move along d: by t, or as far as the search finds good."""
        group = self.param_groups[0]
        if group["line_search_fn"] is None:
            self._move(t, d)
            if last:
                return start.f, start.g, t, 0
            return _number(closure()), self._gradient(), t, 1
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        kept = [p.array.copy() for p in self._params]

        def evaluate(t: Any, d: Numpy) -> tuple[float, Numpy]:
            self._move(t, d)
            loss = _number(closure())
            g = self._gradient()
            for p, array in zip(self._params, kept, strict=True):
                np.copyto(p.array, array)
                p.storage.touch()
            return loss, g

        most = group["max_eval"] - evaluations
        found, used = _strong_wolfe(evaluate, t, d, start, most, 1e-9)
        self._move(found.t, d)
        return found.f, found.g, found.t, used

    def _direction(self, memory: dict[str, Any], g: Numpy, initial: bool) -> Numpy:
        """Downhill, by the curvature that earlier steps have met (two loops over them)."""
        if initial:
            memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -g
        y, s = g - memory["prev_flat_grad"], memory["d"] * memory["t"]
        along = y.dot(s)
        dirs, steps, ro = memory["old_dirs"], memory["old_stps"], memory["ro"]
        if along > 1e-10:
            if len(dirs) == self.param_groups[0]["history_size"]:
                for listed in (dirs, steps, ro):
                    listed.pop(0)
            dirs.append(y)
            steps.append(s.astype(y.dtype, copy=False))
            ro.append(1.0 / along)
            memory["H_diag"] = along / y.dot(y)
        q = -g
        shares = [q.dtype.type(0)] * len(dirs)
        for i in reversed(range(len(dirs))):
            shares[i] = steps[i].dot(q) * ro[i]
            q = q - shares[i] * dirs[i]
        r = q * memory["H_diag"]
        for i in range(len(dirs)):
            r = r + (shares[i] - dirs[i].dot(r) * ro[i]) * steps[i]
        return np.asarray(r)

    def _keep(self, state: dict[str, Any], memory: dict[str, Any]) -> None:
        """What is remembered, as tensors."""
        dtype = self._params[0].dtype
        for name, value in memory.items():
            if isinstance(value, list):
                state[name] = [_tensor(item, dtype) for item in value]
            elif isinstance(value, (np.ndarray, np.generic)):
                state[name] = _tensor(value, dtype)
            elif name not in ("func_evals", "n_iter"):
                state[name] = value


def _plain(value: Any) -> Any:
    if not isinstance(value, Array):
        return value
    return value.array if value.shape else value.array[()]


def _tensor(value: Any, dtype: Any) -> Any:
    return wrap(narrow(np.asarray(value), dtype), dtype)
