"""Serving the page: a free port, the browser, and a clean end."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from typing import Any

from tatamu.lens.web.guard import is_loopback
from tatamu.lens.words import LookError, Words

PORT = 8370
TRIES = 50


def check_installed() -> None:
    """Raise `LookError` where what `tatamu[web]` installs is missing."""
    for name in ("starlette", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise LookError("serve.missing", name=name)


def free_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on the first free port from `port` on.

    Raises `LookError` where there is none, or the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bare = host.strip("[]")
    last: OSError | None = None
    for number in range(port, min(port + TRIES, 65536)):
        found = socket.socket(family, socket.SOCK_STREAM)
        if os.name != "nt":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((bare, number))
            found.listen(128)
            return found
        except OSError as error:
            found.close()
            last = error
    why = (last.strerror if last else None) or str(last)
    raise LookError("serve.port", host=host, port=port, why=why) from last


def serve(
    host: str,
    port: int,
    opens: bool,
    max_pixels: int,
    w: Words,
    chosen: bool,
    say: Callable[[str], None],
) -> None:
    """Serve until interrupted. Raises `LookError` where it cannot."""
    check_installed()
    import uvicorn

    from tatamu.lens.web.app import make_app

    listening = free_socket(host, port)
    number = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    address = f"http://{shown}:{number}/"
    app, shared = make_app(w.lang, host, max_pixels, chosen)
    if number != port:
        say(w("serve.next_port", port=port, number=number))
    if not is_loopback(host):
        say(w("serve.open_to_all", host=host))
    say(w("serve.address", address=address))

    class Announced(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            warming = threading.Thread(target=_quietly, args=(shared.warm,), daemon=True)
            warming.start()
            if opens and _has_screen():
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    settings = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False,
        limit_concurrency=64, timeout_keep_alive=10, timeout_graceful_shutdown=1, ws="none",
    )  # fmt: skip
    try:
        with contextlib.suppress(KeyboardInterrupt):
            Announced(settings).run(sockets=[listening])
    finally:
        shared.workshop.close()
        listening.close()
    say(w("serve.ended"))


def _quietly(work: Callable[[], None]) -> None:
    """What is done beforehand may fail: the page says so when it is asked for."""
    with contextlib.suppress(Exception):
        work()


def _has_screen() -> bool:
    """Whether a browser would have a window; else one that runs in the terminal might start."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
