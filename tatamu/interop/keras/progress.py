"""The lines that `fit`, `evaluate` and `predict` print, as Keras prints them."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

__all__ = ["Progress"]

WIDTH = 20
EVERY = 0.05


class Progress:
    """One pass over the batches. ``verbose`` 1 draws a bar, 2 prints a line at the end."""

    def __init__(self, total: int, verbose: int) -> None:
        self.total, self.verbose = total, verbose
        self.start = time.perf_counter()
        self.first: float | None = None
        self.drawn, self.last = 0, 0.0

    def update(self, done: int, numbers: Mapping[str, float], last: bool = False) -> None:
        """``done`` batches lie behind; ``numbers`` are losses and metrics so far."""
        now = time.perf_counter()
        if self.first is None:
            self.first = now  # the first batch compiles, and is left out of the time of a step
        if self.verbose == 2 and last:
            seconds = now - self.start
            print(f"{done}/{self.total} - {seconds:.0f}s - {self._step(now, done)}"
                  f"{_words(numbers)}")  # fmt: skip
        elif self.verbose == 1 and (last or now - self.last > EVERY):
            self.last = now
            self._draw(done, numbers, now, last)

    def _draw(self, done: int, numbers: Mapping[str, float], now: float, last: bool) -> None:
        filled = WIDTH * done // self.total
        bar = f"\x1b[32m{'━' * filled}\x1b[0m\x1b[37m{'━' * (WIDTH - filled)}\x1b[0m"
        gone = now - self.start
        seconds = gone if last else gone / done * (self.total - done)
        text = (
            f"\x1b[1m{done}/{self.total}\x1b[0m {bar} \x1b[1m{seconds:.0f}s\x1b[0m "
            f"{self._step(now, done)}{_words(numbers)}"
        )
        back = "\b" * self.drawn + "\r"
        blank = " " * max(0, self.drawn - len(text))
        self.drawn = len(text)
        sys.stdout.write(back + text + blank + ("\n" if last else ""))
        sys.stdout.flush()

    def _step(self, now: float, done: int) -> str:
        assert self.first is not None
        each = (now - self.first) / (done - 1) if done > 1 else now - self.start
        if each >= 1:
            return f"{each:.0f}s/step"
        return f"{each * 1e3:.0f}ms/step" if each >= 1e-3 else f"{each * 1e6:.0f}us/step"


def _words(numbers: Mapping[str, float]) -> str:
    parts = []
    for name, number in numbers.items():
        parts.append(
            f" - {name}: {number:.4f}" if abs(number) > 1e-3 else f" - {name}: {number:.4e}"
        )
    return "".join(parts)
