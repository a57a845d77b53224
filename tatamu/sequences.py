"""Numbers in sequence: arange, range, linspace, logspace, with torch's rounding of every step.

torch's arange fills a tensor by vectors of an AVX2 register's width, two at a time, and what is
left over one number at a time; a vector's start is rounded before its steps are added. Products
and sums are rounded together, for the processor fuses them.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.filled import default_dtype, leaf, must_be_plain, must_be_type
from tatamu.ops.array import Numpy, wrap
from tatamu.tensor import Tensor

__all__ = ["arange", "linspace", "logspace", "range"]

_REGISTER = 32  # bytes


def _number(value: Any) -> Any:
    """A number, of a tensor of one element too."""
    return value.item() if isinstance(value, Tensor) else value


def _fused(a: Any, b: Numpy, c: Any) -> Numpy:
    """``a * b + c`` in float64 rounded once, as processors do it: errors are carried along."""
    a = np.float64(a)
    split = 134217729.0
    high_a, high_b = split * a - (split * a - a), split * b - (split * b - b)
    low_a, low_b = a - high_a, b - high_b
    product = a * b
    lost = ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b
    total = product + c
    moved = total - product
    off = (product - (total - moved)) + (c - moved)
    exact = total + (off + lost)
    return np.asarray(np.where(np.isfinite(exact), exact, total))


def _stepped(start: float, step: float, count: int, kind: np.dtype[Any]) -> Numpy:
    """``start + step * i``: each vector's first number is rounded, and steps are added to it."""
    exact = _fused(step, np.arange(count, dtype=np.float64), start).astype(kind)
    lanes = _REGISTER // kind.itemsize
    whole = count - count % (2 * lanes)
    along = np.arange(lanes, dtype=np.float64)
    first = exact[:whole:lanes].astype(np.float64)
    exact[:whole] = _fused(step, along, first[:, None]).astype(kind).reshape(-1)
    return exact


def _ends(name: str, start: Any, end: Any, step: Any) -> None:
    """torch's sentences for sequences that never end, or have no numbers to go by."""
    if step == 0:
        raise RuntimeError("step must be nonzero\n  a sequence that does not move never ends")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {_shown(start)} -> {_shown(end)}")
    if (end - start) * step < 0:
        raise RuntimeError(
            "upper bound and lower bound inconsistent with step sign\n"
            f"  {name} from {start} to {end} by {step} never arrives"
        )


def _shown(value: float) -> str:
    return f"{value:g}"


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool | None = False,
    requires_grad: bool = False,
    out: Any = None,
) -> Tensor:
    """Numbers from ``start`` (0 if only one is given) up to, not including, ``end``.

    int64 if all three are whole. Raises RuntimeError if the step is 0 or leads away from the end.

    >>> arange(2, 8, 2)
    tensor([2, 4, 6])
    """
    must_be_plain("arange", device, layout, pin_memory)
    if end is None:
        start, end = 0, start
    start, end, step = _number(start), _number(end), _number(step)
    whole = all(isinstance(n, (int, np.integer)) for n in (start, end, step))
    kind = must_be_type("arange", dtype) or (dtypes.int64 if whole else default_dtype())
    _ends("arange", start, end, step)
    count = -((int(start) - int(end)) // int(step)) if whole else math.ceil((end - start) / step)
    if not kind.is_floating_point:
        values = int(start) + np.arange(count) * int(step)
    elif kind is dtypes.bfloat16:
        values = start + np.arange(count) * float(step)
    else:
        values = _stepped(start, step, count, kind.numpy)
    return _given(values, kind, requires_grad, out)


def _given(values: Numpy, kind: DType, requires_grad: bool, out: Any) -> Tensor:
    made: Any = wrap(dtypes.narrow(values.astype(kind.compute, copy=False), kind), kind)
    if out is not None:
        return out.copy_(made)  # type: ignore[no-any-return]
    return leaf(made, requires_grad)


def range(
    start: Any,
    end: Any,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool | None = False,
    requires_grad: bool = False,
    out: Any = None,
) -> Tensor:
    """Numbers from ``start`` up to and with ``end``. Deprecated, as in torch: use ``arange``."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior "
        "is inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        stacklevel=2,
    )
    must_be_plain("range", device, layout, pin_memory)
    start, end, step = _number(start), _number(end), _number(step)
    _ends("range", start, end, step)
    kind = must_be_type("range", dtype) or default_dtype()
    last = int((end - start) / step)
    return _given(start + np.arange(last + 1) * float(step), kind, requires_grad, out)


def _spaced(start: Any, end: Any, steps: int, kind: DType) -> Numpy:
    """From both ends to the middle, so that both are met."""
    if steps < 2:
        return np.full(steps, start).astype(kind.compute)
    if not kind.is_floating_point:
        start, end = int(start), int(end)
    half = steps // 2
    ahead = np.arange(half, dtype=np.float64)
    back = np.arange(steps - 1 - half, -1, -1, dtype=np.float64)
    if kind is dtypes.float16:  # each operation is rounded
        low, high, count = (np.float16(n) for n in (start, end, steps - 1))
        gap = np.float16(high - low) / count
        return np.concatenate([low + gap * ahead.astype("f2"), high - gap * back.astype("f2")])
    wide: Any = kind.compute.type if kind.is_floating_point else np.float64
    low, high = wide(start), wide(end)
    step = (high - low) / wide(steps - 1)
    return np.concatenate([_fused(step, ahead, low), _fused(-step, back, high)])


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool | None = False,
    requires_grad: bool = False,
    out: Any = None,
) -> Tensor:
    """``steps`` numbers from ``start`` to ``end``, both among them, equally far apart.

    RuntimeError for a negative number of steps.

    >>> linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    must_be_plain("linspace", device, layout, pin_memory)
    start, end, steps = _number(start), _number(end), int(_number(steps))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = must_be_type("linspace", dtype) or default_dtype()
    return _given(_spaced(start, end, steps, kind), kind, requires_grad, out)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool | None = False,
    requires_grad: bool = False,
    out: Any = None,
) -> Tensor:
    """``base`` to the powers of ``linspace``.

    >>> logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    must_be_plain("logspace", device, layout, pin_memory)
    start, end, steps = _number(start), _number(end), int(_number(steps))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = must_be_type("logspace", dtype) or default_dtype()
    exponents = _spaced(start, end, steps, dtypes.float64)
    return _given(float(base) ** exponents, kind, requires_grad, out)
