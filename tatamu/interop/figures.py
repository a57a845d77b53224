"""Figures without a window: ``plt.show()`` hands them over instead of opening one.

``use`` chooses the backend ``agg`` beside this file by matplotlib's own variable; matplotlib is
imported when the script imports it, and not before. Each figure goes to the receiver as the bytes
of a PNG file, and is closed.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Saver", "flush", "headless", "show", "use"]

Receiver = Callable[[bytes, Any], object]
_receivers: list[Receiver] = []


def use(receiver: Receiver) -> None:
    """Let ``plt.show()`` hand each figure, as PNG bytes and the figure itself, to ``receiver``."""
    _receivers[:] = [receiver]
    os.environ["MPLBACKEND"] = "module://tatamu.interop.agg"


def headless() -> bool:
    """Whether no window could be opened: a Linux without display, and no backend was chosen."""
    return (
        sys.platform.startswith("linux")
        and not os.environ.get("DISPLAY")
        and not os.environ.get("WAYLAND_DISPLAY")
        and not os.environ.get("MPLBACKEND")
    )


def show(*_: Any, **__: Any) -> None:
    """What ``plt.show()`` calls: every open figure, in the order they were made."""
    from matplotlib._pylab_helpers import Gcf

    for manager in Gcf.get_all_fig_managers():
        buffer = io.BytesIO()
        manager.canvas.figure.savefig(buffer, format="png", bbox_inches="tight")
        for receiver in _receivers:
            receiver(buffer.getvalue(), manager.canvas.figure)
        Gcf.destroy(manager)


def flush() -> None:
    """Show what is open, if matplotlib draws for us."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and _receivers:
        show()


class Saver:
    """A receiver that writes figures into a folder as figure-01.png, figure-02.png, ..."""

    def __init__(self, folder: Path, tell: Callable[[Path], object]) -> None:
        self.folder = folder
        self.tell = tell
        self.count = 0

    def __call__(self, png: bytes, figure: Any = None) -> None:
        self.count += 1
        path = self.folder / f"figure-{self.count:02d}.png"
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
        self.tell(path)
