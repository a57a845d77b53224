"""A server of small files on the loopback address, which can misbehave in every way."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Site:
    """The files, how they are served, and what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: list[int] = []  # after how many bytes the next answers break off
        self.ranges = True
        self.marks = True
        self.lengths = True
        self.slow = 0.0  # seconds between pieces
        self.asked: list[tuple[str, str | None]] = []
        self.moved: dict[str, str] = {}
        self.address = ""

    def url(self, name: str) -> str:
        """Where a file is."""
        return f"{self.address}/{name}"

    def put(self, name: str, content: bytes) -> str:
        """Serve a file."""
        self.files[name] = content
        return self.url(name)


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            wanted = self.headers.get("Range")
            site.asked.append((name, wanted))
            if name in site.moved:
                self.send_response(302)
                self.send_header("Location", site.moved[name])
                self.end_headers()
                return
            content = site.files.get(name)
            if content is None:
                self.send_error(404)
                return
            start = 0
            if wanted and site.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            if site.marks:
                self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
            if site.lengths:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self._send(content[start:])

        def _send(self, content: bytes) -> None:
            end = site.cut.pop(0) if site.cut else len(content)
            try:
                for place in range(0, min(end, len(content)), 1 << 16):
                    self.wfile.write(content[place : min(place + (1 << 16), end)])
                    self.wfile.flush()
                    time.sleep(site.slow)
            except ConnectionError:
                pass
            self.close_connection = True

    return Handler


@contextmanager
def served() -> Iterator[Site]:
    """A site while the block lasts."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
