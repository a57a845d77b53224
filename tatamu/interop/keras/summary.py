"""`model.summary()`: Keras's table, drawn by Rich as Keras itself does."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tatamu.interop.keras.models import Model

__all__ = ["summary_text"]

WIDE = 76  # columns of Keras's table for layers in a row; graphs have one column more
_SHARES = {3: (0.45, 0.32, 0.23), 4: (0.28, 0.25, 0.18, 0.29)}


def summary_text(model: Model, line_length: int | None = None) -> str:
    """The whole text, without a line end."""
    from rich.console import Console
    from rich.table import Table

    linked = not model.in_a_row()
    heads = ["Layer (type)", "Output Shape", "Param #"] + (["Connected to"] if linked else [])
    table = Table(width=line_length, show_lines=True)
    widths = _widths(len(heads), line_length or WIDE)
    for head, width in zip(heads, widths, strict=True):
        aligned: Any = "right" if head == "Param #" else "left"
        table.add_column(head, justify=aligned, width=width)
    for row in model.rows():
        table.add_row(*row)
    out = io.StringIO()
    console = Console(file=out, width=200, highlight=False, force_terminal=False)
    console.print(table)
    return "\n".join([f'Model: "{model.name}"', out.getvalue().rstrip("\n"), *_totals(model)])


def _widths(count: int, length: int) -> list[int]:
    """Inner widths of the columns: shares of the line, less borders and spaces."""
    if count == 3:
        return [31, 22, 13] if length == WIDE else _shared(count, length)
    return [19, 17, 10, 17] if length == WIDE else _shared(count, length)


def _shared(count: int, length: int) -> list[int]:
    room = length - 3 * count - 1
    widths = [int(room * share) for share in _SHARES[count]]
    widths[-1] += room - sum(widths)
    return widths


def size_words(count: int) -> str:
    """A number of bytes in Keras's words.

    >>> size_words(64), size_words(54568)
    ('64.00 B', '53.29 KB')
    """
    number = float(count)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if number < 1024 or unit == "TB":
            break
        number /= 1024
    return f"{number:.2f} {unit}"


def _totals(model: Model) -> list[str]:
    count: Callable[[Any], int] = lambda found: sum(v.own.numel() for v in found)  # noqa: E731
    size: Callable[[Any], int] = lambda found: sum(v.own.nbytes for v in found)  # noqa: E731
    trained, others = model.trainable_variables, model.non_trainable_variables
    more, more_bytes = 0, 0
    if model.optimizer is not None and model.optimizer.iterations:
        more = model.optimizer.state_count()
        more_bytes = 4 * (more - 2) + 12  # the step is an int64, the learning rate a float32
    total = count(trained) + count(others)
    rows = [
        ("Total params", total + more, size(trained) + size(others) + more_bytes),
        ("Trainable params", count(trained), size(trained)),
        ("Non-trainable params", count(others), size(others)),
    ]
    if more:
        rows.append(("Optimizer params", more, more_bytes))
    return [f" {name}: {n:,} ({size_words(nbytes)})" for name, n, nbytes in rows]
