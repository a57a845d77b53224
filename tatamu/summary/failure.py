"""Where a network stopped: what ran before with its size arithmetic, and what failed."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tatamu.errors import GeometryError
from tatamu.geometry import AXES, PoolSpec
from tatamu.summary.sizes import size_and_width

if TYPE_CHECKING:
    from types import TracebackType

    from tatamu.nn import Module
    from tatamu.summary.record import LayerInfo

__all__ = ["arithmetic", "what_ran"]

SHOWN = 12
"""At most so many layers before the one that failed."""

OURS = Path(__file__).parents[1]


def what_ran(
    records: Sequence[LayerInfo], under_way: Sequence[tuple[LayerInfo, Any]], error: Exception
) -> list[str]:
    """The lines below the sentence: the last layers that ran, then the call that failed and why."""
    done = [record for record in records if record.executed and record.is_leaf_layer]
    lines = []
    if len(done) > SHOWN:
        lines.append(f"{len(done) - SHOWN} layers ran before these:")
    shown = done[-SHOWN:]
    columns = zip(*map(_cells, shown), strict=True)
    widths = [max(map(len, column)) for column in columns]
    for record in shown:
        row = "  ".join(
            f"{cell:<{width}}" for cell, width in zip(_cells(record), widths, strict=True)
        )
        formulas = arithmetic(record.module, record.input_size, record.output_size)
        lines.append("  ".join([row, *formulas]).rstrip())
    lines.append(_stopped(under_way, shown))
    why = [line for line in str(error).split("\n") if not line.startswith("  at model")]
    lines += [f"  {line.strip()}" for line in why or [type(error).__name__]]
    where = _written(error.__traceback__)
    return [*lines, f"  {where}"] if where else lines


def _cells(record: LayerInfo) -> tuple[str, str, str]:
    return (
        record.path(),
        record.class_name,
        f"{record.input_size or '--'} -> {record.output_size or '--'}",
    )


def _stopped(under_way: Sequence[tuple[LayerInfo, Any]], shown: Sequence[LayerInfo]) -> str:
    if not under_way:
        return "stopped before the first layer:"
    record, inputs = under_way[-1]
    title = repr(record.module).split("\n", 1)[0].removesuffix("(")
    try:
        size, _ = size_and_width(inputs, None)
    except TypeError:
        size = []
    given = f", given {size}" if size else ""
    if record.is_leaf_layer:
        return f"stopped at {record.path()}, {title}{given}:"
    after = f", after {shown[-1].path()}" if shown else ""
    return f"stopped in forward of {record.path()}, {title}{given}{after}:"


def arithmetic(module: Module, before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    """How each axis of a layer's output came out of its input; nothing for layers without windows.

    >>> from tatamu import nn
    >>> list(arithmetic(nn.MaxPool2d(2), [1, 8, 8, 6], [1, 8, 4, 3]))
    ['height ⌊(8 + 2·0 − 1·(2−1) − 1) / 2⌋ + 1 = 4', 'width ⌊(6 + 2·0 − 1·(2−1) − 1) / 2⌋ + 1 = 3']
    """
    axes = _axes(module, len(before))
    if not axes:
        return
    dims = len(axes)
    rows = [
        (name, axis.formula(size))
        for name, axis, size, out in zip(
            AXES[dims], axes, before[-dims:], after[-dims:], strict=False
        )
        if axis.out(size) == out
    ]
    if len(rows) > 1 and len({formula for _, formula in rows}) == 1:
        rows = [(" and ".join(name for name, _ in rows), rows[0][1])]
    for name, formula in rows:
        yield f"{name} {formula}"


def _axes(module: Module, rank: int) -> Sequence[Any]:
    spec = getattr(module, "spec", None)
    if spec is not None and hasattr(spec, "axes"):
        axes: Sequence[Any] = spec.axes
        return axes if rank > spec.dims else ()
    settings = vars(module)
    dims = next((d for d in AXES if type(module).__name__.endswith(f"Pool{d}d")), 0)
    if not dims or rank <= dims or "stride" not in settings:
        return ()
    padding, dilation = settings.get("padding", 0), settings.get("dilation", 1)
    window = (settings["kernel_size"], settings["stride"], padding, dilation)
    try:
        return PoolSpec.make(*window, settings.get("ceil_mode", False), dims=dims).axes
    except GeometryError:
        return ()


def _written(trace: TracebackType | None) -> str:
    """The innermost line of the user's own that was running."""
    found = ""
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        text = linecache.getline(path, trace.tb_lineno).strip()
        if text and OURS not in Path(path).parents:
            found = f"{path}:{trace.tb_lineno}: {text}"
        trace = trace.tb_next
    return found
