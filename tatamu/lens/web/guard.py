"""Who may talk to the server, and what a browser may do with its answers.

A page of another site can make a browser send requests to this machine, and by an address that
changes under its name (DNS rebinding) even read the answers. So the name by which the server was
addressed must be its own, and so must be the origin of a request that tells one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach a server that listens there.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_own(name: str, served: str) -> bool:
    """Whether a name in a request means this server, which listens on `served`.

    Numbers cannot be rebound as names can: a server for the network accepts any of them.

    >>> is_own("localhost", "127.0.0.1"), is_own("127.0.0.1", "127.0.0.1")
    (True, True)
    >>> is_own("192.168.0.9", "127.0.0.1"), is_own("192.168.0.9", "0.0.0.0")
    (False, True)
    >>> is_own("evil.example", "0.0.0.0"), is_own("lab.example", "lab.example")
    (False, True)
    """
    name = name.lower()
    if name == served.lower() or is_loopback(name):
        return True
    if is_loopback(served):
        return False
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """Lets only requests of the server's own pages through, and tells browsers what to refuse."""

    def __init__(self, app: App, served: str) -> None:
        self._app = app
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._welcome(scope):
            await _refuse(send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_encoded(HEADERS.items())]
            await send(message)

        await self._app(scope, receive, guarded)

    def _welcome(self, scope: Scope) -> bool:
        found: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            found.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        hosts = found.get("host", [])
        if len(hosts) != 1 or not is_own(_name(f"//{hosts[0]}"), self._served):
            return False
        for origin in found.get("origin", []):
            if urlsplit(origin).netloc.lower() != hosts[0].lower():
                return False
        site = found.get("sec-fetch-site", ["none"])[0]
        mine = site in ("none", "same-origin")
        # A link on another site may open the page, and nothing else.
        opening = scope["path"] == "/" and scope["method"] == "GET"
        return mine or (opening and found.get("sec-fetch-mode") == ["navigate"])


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _refuse(send: Send) -> None:
    body = b"This server answers its own pages only.\n"
    headers = _encoded([("content-type", "text/plain"), *HEADERS.items()])
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
