"""A server of files on the loopback address, which can break off, refuse and forget on request."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """``files`` are served by path. What else is set holds for all that follows.

    ``cut``: how many bytes to send before the connection is closed, answer by answer. ``resumes``:
    whether ranges are understood. ``etag``: the version that is named, and that If-Range must name.
    ``slow``: seconds before the second half of an answer.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files: dict[str, bytes] = {}
        self.cut: list[int] = []
        self.resumes = True
        self.etag: str | None = '"1"'
        self.slow = 0.0
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Answer(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append((self.path, asked))
        whole = self.server.files.get(self.path.lstrip("/"))
        if whole is None:
            self.send_error(404)
            return
        start = self._start(asked, len(whole))
        if start is None:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(whole)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        body = whole[start:]
        body = body[: self.server.cut.pop(0)] if self.server.cut else body
        if self.server.slow:
            self.wfile.write(body[: len(body) // 2])
            body = body[len(body) // 2 :]
            time.sleep(self.server.slow)
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def _start(self, asked: str | None, size: int) -> int | None:
        condition = self.headers.get("If-Range")
        if asked is None or not self.server.resumes:
            return 0
        if condition is not None and condition != self.server.etag:
            return 0
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        return start if start < size else None

    def log_message(self, *_: object) -> None:
        """Nothing: tests read what is written on standard error."""


@contextmanager
def serving() -> Iterator[FileServer]:
    """A server in a thread of its own, for as long as the block lasts."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
