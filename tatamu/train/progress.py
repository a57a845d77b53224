"""What a training tells whoever waits: a bar with loss, measures, rate and time left."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar"]

SHOWN = 3  # measures beside the loss


class Bar:
    """A bar on standard error while an epoch runs, and a line for each that has ended.

    ``shown`` None is: if standard error is a terminal. What is piped elsewhere stays quiet.
    """

    def __init__(self, shown: bool | None, epochs: int) -> None:
        self.shown = sys.stderr.isatty() if shown is None else shown
        self.epochs = epochs
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        if self.shown:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.fields[head]}"),
                BarColumn(bar_width=24),
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TextColumn("{task.fields[measures]}"),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(compact=True),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, epoch: int, batches: int | None, done: int) -> None:
        """An epoch begins, of so many batches if that is known, of which some are done."""
        if self._progress is None:
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        head = f"{epoch}/{self.epochs}"
        self._task = self._progress.add_task(
            "", total=batches, completed=done, head=head, measures="", rate=""
        )

    def step(self, measures: dict[str, Any], rate: float) -> None:
        """A batch is done; ``rate`` is samples per second."""
        if self._progress is not None and self._task is not None:
            self._progress.update(
                self._task, advance=1, measures=told(measures), rate=f"{rate:,.0f}/s"
            )

    def end(self, row: dict[str, Any]) -> None:
        """An epoch has ended: its line stays."""
        if self._progress is None:
            return
        left_out = ("epoch", "lr", "seconds")
        measures = {name: value for name, value in row.items() if name not in left_out}
        line = f"{row['epoch']}/{self.epochs}  {told(measures, len(measures))}"
        self._progress.console.print(f"{line}  {row['seconds']:.1f} s", highlight=False)


def told(measures: dict[str, Any], count: int = SHOWN + 1) -> str:
    """Names and numbers, as many as there is room for.

    >>> told({"loss": 0.51234, "accuracy": 0.875})
    'loss 0.5123  accuracy 0.8750'
    """
    numbers = {n: v for n, v in measures.items() if isinstance(v, int | float)}
    return "  ".join(f"{name} {value:.4f}" for name, value in list(numbers.items())[:count])
