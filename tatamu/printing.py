"""How a tensor prints: torch's text, four digits, eighty columns, an ellipsis in large ones."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.ops.array import Array, Numpy, made

__all__ = ["describe", "get_printoptions", "printoptions", "set_printoptions"]


@dataclasses.dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Say how tensors print from now on. What is left out stays, but ``sci_mode`` is always set.

    ``precision``: digits after the point. ``threshold``: with more elements than this, only
    ``edgeitems`` at each end of an axis are shown. ``linewidth``: characters in a line.
    ``profile``: "default", "short" or "full". ``sci_mode``: scientific notation always (True),
    never (False), or where numbers are far apart (None).

    >>> import tatamu
    >>> set_printoptions(precision=2); tatamu.tensor([1.12345])
    tensor([1.12])
    >>> set_printoptions(profile="default"); tatamu.tensor([1.12345])
    tensor([1.1235])
    """
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    for name, value in _PROFILES.get(profile or "", {}).items():
        setattr(_options, name, value)
    for name, value in given.items():
        if value is not None:
            setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options in force, as ``set_printoptions`` takes them."""
    return dataclasses.asdict(_options)


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """``set_printoptions`` for a block.

    >>> import tatamu
    >>> with printoptions(sci_mode=True, precision=1):
    ...     print(tatamu.tensor([1.0, 20.0]))
    tensor([1.0e+00, 2.0e+01])
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


class _Formatter:
    """One format for all numbers of a tensor: integers, fixed point or scientific."""

    def __init__(self, values: Numpy) -> None:
        self.floating = values.dtype.kind == "f"
        self.scientific = False
        self.whole = True
        self.width = 1
        flat = values.reshape(-1)
        if not self.floating:
            self.width = max((len(str(value)) for value in flat.tolist()), default=1)
            return
        used = flat[np.isfinite(flat) & (flat != 0)]
        if not used.size:
            return
        magnitudes = np.abs(used.astype(np.float64))
        largest, smallest = float(magnitudes.max()), float(magnitudes.min())
        self.whole = bool(np.all(np.ceil(used) == used))
        self.scientific = _options.sci_mode or False
        if _options.sci_mode is None:
            far_apart = largest / smallest > 1000.0
            self.scientific = far_apart or largest > 1.0e8 or smallest < 1.0e-4
        self.width = max([1, *(len(self.text(value)) for value in used.tolist())])

    def text(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            text = f"{value:.0f}"
            return text if math.isinf(value) or math.isnan(value) else text + "."
        return f"{value:.{_options.precision}f}"

    def __call__(self, value: Any) -> str:
        return self.text(value).rjust(self.width)


def _row(values: Numpy, indent: int, summarize: bool, formatter: _Formatter) -> str:
    edge = _options.edgeitems
    per_line = max(1, (_options.linewidth - indent) // (formatter.width + 2))
    if summarize and not edge:
        cells = ["..."]
    elif summarize and len(values) > 2 * edge:
        cells = [formatter(value) for value in values[:edge].tolist()]
        cells.append(" ...")
        cells += [formatter(value) for value in values[-edge:].tolist()]
    else:
        cells = [formatter(value) for value in values.tolist()]
    lines = [cells[i : i + per_line] for i in range(0, len(cells), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines) + "]"


def _nested(values: Numpy, indent: int, summarize: bool, formatter: _Formatter) -> str:
    if values.ndim == 0:
        return formatter(values.item())
    if values.ndim == 1:
        return _row(values, indent, summarize, formatter)

    def inner(part: Numpy) -> str:
        return _nested(part, indent + 1, summarize, formatter)

    edge = _options.edgeitems
    if summarize and len(values) > 2 * edge:
        parts = [inner(part) for part in values[:edge]]
        parts.append("...")
        parts += [inner(part) for part in values[len(values) - edge :]]
    else:
        parts = [inner(part) for part in values]
    separator = "," + "\n" * (values.ndim - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def _edges(values: Numpy) -> Numpy:
    """The numbers that a summary shows."""
    edge = _options.edgeitems
    if not edge:
        return values if values.ndim < 2 else values[:0]
    for axis, size in enumerate(values.shape):
        if size > 2 * edge:
            shown = [*range(edge), *range(size - edge, size)]
            values = np.take(values, shown, axis)
    return values


def describe(x: Array, plain: bool = False) -> str:
    """The text of a tensor; ``plain`` calls it a tensor whatever its class.

    >>> import tatamu
    >>> tatamu.tensor([[1.0, 2.5], [-3.0, 4.0]])
    tensor([[ 1.0000,  2.5000],
            [-3.0000,  4.0000]])
    """
    prefix = "tensor(" if plain or type(x) is made.type else f"{type(x).__name__}("
    indent = len(prefix)
    suffixes = []
    values = dtypes.widen(x.array, x.dtype)
    if values.size == 0:
        if len(x.shape) != 1:
            suffixes.append(f"size={tuple(x.shape)}")
        if x.dtype is not dtypes.float32:
            suffixes.append(f"dtype={x.dtype}")
        text = "[]"
    else:
        if not _options.edgeitems:
            suffixes.append(f"size={tuple(x.shape)}")
        if x.dtype not in (dtypes.float32, dtypes.int64, dtypes.bool_):
            suffixes.append(f"dtype={x.dtype}")
        summarize = values.size > _options.threshold
        formatter = _Formatter(_edges(values) if summarize else values)
        text = _nested(values, indent, summarize, formatter)
    if x.node is not None:
        suffixes.append(f"grad_fn=<{type(x.node).__name__}>")
    elif x._requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + text, suffixes, indent)


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    line = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if line + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            line = indent + len(suffix)
        else:
            text += ", " + suffix
            line += len(suffix) + 2
    return text + ")"
