"""How a tensor prints: torch's text, four digits, eighty columns, an ellipsis in large ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.ops.array import Array, Numpy

__all__ = ["describe"]

PRECISION = 4
THRESHOLD = 1000
EDGE_ITEMS = 3
LINE_WIDTH = 80


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
        finite = np.abs(flat[np.isfinite(flat) & (flat != 0)].astype(np.float64))
        if finite.size:
            largest, smallest = float(finite.max()), float(finite.min())
            self.whole = bool(np.all(np.ceil(finite) == finite))
            wide = largest / smallest > 1000.0 or largest > 1.0e8
            self.scientific = wide if self.whole else wide or smallest < 1.0e-4
        used = flat[np.isfinite(flat) & (flat != 0)].tolist()
        self.width = max((len(self.text(value)) for value in used), default=1)

    def text(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{PRECISION}e}"
        if self.whole:
            text = f"{value:.0f}"
            return text if math.isinf(value) or math.isnan(value) else text + "."
        return f"{value:.{PRECISION}f}"

    def __call__(self, value: Any) -> str:
        return self.text(value).rjust(self.width)


def _row(values: Numpy, indent: int, summarize: bool, formatter: _Formatter) -> str:
    per_line = max(1, (LINE_WIDTH - indent) // (formatter.width + 2))
    if summarize and len(values) > 2 * EDGE_ITEMS:
        cells = [formatter(value) for value in values[:EDGE_ITEMS].tolist()]
        cells.append(" ...")
        cells += [formatter(value) for value in values[-EDGE_ITEMS:].tolist()]
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

    if summarize and len(values) > 2 * EDGE_ITEMS:
        parts = [inner(part) for part in values[:EDGE_ITEMS]]
        parts.append("...")
        parts += [inner(part) for part in values[-EDGE_ITEMS:]]
    else:
        parts = [inner(part) for part in values]
    separator = "," + "\n" * (values.ndim - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def _edges(values: Numpy) -> Numpy:
    """The numbers that a summary shows."""
    for axis, size in enumerate(values.shape):
        if size > 2 * EDGE_ITEMS:
            shown = [*range(EDGE_ITEMS), *range(size - EDGE_ITEMS, size)]
            values = np.take(values, shown, axis)
    return values


def describe(x: Array, prefix: str = "tensor(") -> str:
    """The text of a tensor.

    >>> import tatamu
    >>> tatamu.tensor([[1.0, 2.5], [-3.0, 4.0]])
    tensor([[ 1.0000,  2.5000],
            [-3.0000,  4.0000]])
    """
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
        if x.dtype not in (dtypes.float32, dtypes.int64, dtypes.bool_):
            suffixes.append(f"dtype={x.dtype}")
        summarize = values.size > THRESHOLD
        formatter = _Formatter(_edges(values) if summarize else values)
        text = _nested(values, indent, summarize, formatter)
    if x.node is not None:
        suffixes.append(f"grad_fn=<{x.node.name()}>")
    elif x._requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + text, suffixes, indent)


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    line = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if line + len(suffix) + 2 > LINE_WIDTH:
            text += ",\n" + " " * indent + suffix
            line = indent + len(suffix)
        else:
            text += ", " + suffix
            line += len(suffix) + 2
    return text + ")"
