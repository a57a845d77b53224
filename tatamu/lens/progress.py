"""What is going on, told to whoever waits.

Long work calls a `Tell` with the key of a text before each part of it. At a terminal that is a
`Display`, which appears once the work has lasted a while and leaves nothing behind.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol

from tatamu.lens.words import Words

if TYPE_CHECKING:
    from rich.status import Status

DELAY = 0.5


class Tell(Protocol):
    """Takes the key of a text and the values that fill it in."""

    def __call__(self, key: str, /, **values: object) -> None: ...


def silence(key: str, /, **values: object) -> None:
    """A `Tell` for when nobody waits."""


class Display:
    """A `Tell` that shows one line on standard error, if that is a terminal.

    The line appears `DELAY` seconds after the `with` block is entered and goes when it is left.
    """

    def __init__(self, w: Words) -> None:
        self._words = w
        self._text = ""
        self._status: Status | None = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __call__(self, key: str, /, **values: object) -> None:
        """Say what begins now."""
        self._text = self._words(key, **values)
        with self._lock:
            if self._status is not None:
                self._status.update(_plain(self._text))

    def __enter__(self) -> Display:
        if sys.stderr.isatty():
            self._timer = threading.Timer(DELAY, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._timer is None:
            return
        self._timer.cancel()
        with self._lock:
            self._timer = None
            if self._status is not None:
                self._status.stop()

    def _show(self) -> None:
        from rich.console import Console
        from rich.status import Status

        with self._lock:
            if self._timer is None:
                return
            console = Console(stderr=True)
            self._status = Status(_plain(self._text), console=console, refresh_per_second=8)
            self._status.start()


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
