"""The routes of the local page.

Every answer that takes work is a stream of parts (see `work.chunk`): P progress, R a record, M a
map, T the strip of small maps, F a file, E what went wrong. A reader who leaves ends the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import struct
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tatamu.language import Lang
from tatamu.lens import maps
from tatamu.lens.report import report_html
from tatamu.lens.request import measured_peak
from tatamu.lens.web import face, studio
from tatamu.lens.web.guard import App, Guard
from tatamu.lens.web.sessions import Session, sessions
from tatamu.lens.web.settings import KINDS, LIMITS, STARTS, Settings, read_settings
from tatamu.lens.web.studio import Picture, Seen
from tatamu.lens.web.work import Busy, Chunks, Job, Workshop, chunk, json_chunk
from tatamu.lens.words import TEXTS, Words
from tatamu.vision.images import MAX_PIXELS

MOST_BYTES = 40_000_000
"""Of an uploaded photo."""

MOST_JSON = 4_000
UPLOAD_SECONDS = 60.0
DEMO = "demo"

KINDS_OF_FILES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Refusal(Exception):
    """A request that cannot be met: a status, and the key of a text that says why."""

    def __init__(self, status: int, key: str, **values: object) -> None:
        super().__init__(key)
        self.status = status
        self.text = face.both(lambda w: w(key, **values))


class Server:
    """What the routes share."""

    def __init__(self, lang: Lang, max_pixels: int, chosen: bool) -> None:
        self.lang = lang
        self.chosen = chosen
        self.max_pixels = max_pixels
        self.workshop = Workshop()
        self.sessions = sessions()
        self.uploading = asyncio.Semaphore(2)
        self._demo: Picture | None = None

    @property
    def demo(self) -> Picture:
        """The photo that comes with tatamu, opened once."""
        if self._demo is None:
            self._demo = studio.demo_picture()
        return self._demo

    # ---- the page ------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        """The page, its texts in the reader's language."""
        lang = self._language(request)
        return HTMLResponse(page_html(lang), headers={"cache-control": "no-cache"})

    async def static(self, request: Request) -> Response:
        """A style sheet or a script, by its exact name."""
        found = static_files().get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        content, kind = found
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    def _language(self, request: Request) -> Lang:
        if self.chosen:
            return self.lang
        for wanted in request.headers.get("accept-language", "").lower().split(","):
            if wanted.strip()[:2] in ("ja", "en"):
                return "ja" if wanted.strip().startswith("ja") else "en"
        return self.lang

    # ---- sessions and photos -------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        """What a page needs to begin; a page that comes again finds its photos."""
        given = request.headers.get("x-tatamu-session")
        session, name = self.sessions.get(given), given
        if session is None:
            session = Session()
            name = self.sessions.add(session)
        loop = asyncio.get_running_loop()
        demo = await loop.run_in_executor(None, lambda: self.demo)
        return JSONResponse(
            {
                "session": name,
                "texts": page_texts(),
                "palette": maps.palette().tolist(),
                "ramp": maps.ANCHORS,
                "limits": LIMITS,
                "kinds": KINDS,
                "starts": {kind: vars(settings) for kind, settings in STARTS.items()},
                "demo": face.picture_face(demo, DEMO),
                "bytes": MOST_BYTES,
            }
        )

    def _session(self, request: Request) -> Session:
        session = self.sessions.get(request.headers.get("x-tatamu-session"))
        if session is None:
            raise Refusal(410, "serve.forgotten")
        return session

    async def upload(self, request: Request) -> Response:
        """Take a photo; its id and its facts."""
        session = self._session(request)
        if self.uploading.locked():
            raise Refusal(503, "serve.busy")
        async with self.uploading:
            data = await _body(request, MOST_BYTES, "serve.large", UPLOAD_SECONDS)
            if not data:
                raise Refusal(422, "serve.empty")

            def work(job: Job) -> Chunks:
                job.tell("serve.reading")
                picture = studio.open_picture(data, self.max_pixels)
                yield json_chunk("R", face.picture_face(picture, session.photos.add(picture)))

            job = self._begin(session, "upload", work)
            return JobResponse(job)

    async def photo(self, request: Request) -> Response:
        """A photo as the layer sees it."""
        picture = self._picture(self._session(request), request.path_params["photo"])
        kind = "image/png" if picture.shown.startswith(b"\x89PNG") else "image/jpeg"
        return Response(picture.shown, media_type=kind, headers={"cache-control": "no-store"})

    def _picture(self, session: Session, photo: object) -> Picture:
        picture = self.demo if photo == DEMO else session.photos.get(photo)
        if picture is None:
            raise Refusal(410, "serve.forgotten")
        return picture

    # ---- looking -------------------------------------------------------------------------------

    async def look(self, request: Request) -> Response:
        """A layer on a photo: the record, one map, the strip. The newest of a page wins."""
        session = self._session(request)
        asked = await _json(request)
        picture = self._picture(session, asked.get("photo"))
        wanted = asked.get("channel")

        def work(job: Job) -> Iterator[bytes]:
            settings = read_settings(asked)
            seen = studio.look_at(picture, settings, job.tell)
            record = seen.record
            frame = session.frames.add(seen)
            usable = type(wanted) is int and 0 <= wanted < len(record.channels)
            channel: int = wanted if usable else record.order[0]  # type: ignore[assignment]
            yield json_chunk("R", {**face.record_face(seen, frame), "channel": channel})
            yield map_chunk(seen, channel)
            yield strip_chunk(seen)

        return JobResponse(self._begin(session, "look", work))

    async def map(self, request: Request) -> Response:
        """Another channel's map of a frame."""
        seen, channel = self._frame(self._session(request), request)
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(None, map_chunk, seen, channel)
        return Response(content, media_type="application/octet-stream")

    async def map_png(self, request: Request) -> Response:
        """A map as a PNG file, a pixel for each value."""
        seen, channel = self._frame(self._session(request), request)
        plane, end = seen.record.output[0, channel], seen.record.channels[channel].end
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(None, lambda: maps.png(maps.map_picture(plane, end)))
        return Response(content, media_type="image/png")

    async def pixel(self, request: Request) -> Response:
        """How one output value came about."""
        seen, channel = self._frame(self._session(request), request)
        height, width = seen.record.output_shape[2:]
        row = _number(request, "row", height)
        column = _number(request, "column", width)
        found = studio.account(seen.record, channel, row, column)
        if found is None:
            raise Refusal(422, "serve.setting", name="kind", allowed=", ".join(KINDS))
        return JSONResponse(face.probe_face(seen.record, found))

    async def report(self, request: Request) -> Response:
        """The report of a frame as one HTML file."""
        session = self._session(request)
        asked = await _json(request)
        seen = session.frames.get(asked.get("frame"))
        if seen is None:
            raise Refusal(410, "serve.forgotten")
        w = Words("ja" if asked.get("lang") == "ja" else "en")

        def work(job: Job) -> Iterator[bytes]:
            job.tell("serve.peak")
            peak = measured_peak()
            look = studio.whole_look(seen, peak, job.tell)
            job.tell("progress.report")
            yield chunk("F", report_html(look, w).encode("utf-8"))

        return JobResponse(self._begin(session, "report", work))

    def _frame(self, session: Session, request: Request) -> tuple[Seen, int]:
        seen = session.frames.get(request.path_params["frame"])
        if seen is None:
            raise Refusal(410, "serve.forgotten")
        return seen, _number(request, "channel", len(seen.record.channels))

    def _begin(self, session: Session, kind: str, work: Any) -> Job:
        try:
            job = self.workshop.start(work)
        except Busy:
            raise Refusal(503, "serve.busy") from None
        session.takes(kind, job)
        return job

    def warm(self) -> None:
        """Run what a reader will try first, so that its kernels are compiled."""
        for kind, start in STARTS.items():
            studio.look_at(self.demo, start)
            if kind == "Conv2d":
                for kernel in (5, 7, 1):
                    studio.look_at(self.demo, Settings(kernel=kernel))


class JobResponse(Response):
    """The parts of a job's answer as they come; a reader who leaves ends the job."""

    def __init__(self, job: Job) -> None:
        super().__init__(media_type="application/octet-stream")
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store"
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def leaves() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            self._job.cancel()

        watching = asyncio.create_task(leaves())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for part in self._job.parts():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass  # nobody listens any more
        finally:
            self._job.cancel()
            watching.cancel()


def map_chunk(seen: Seen, channel: int) -> bytes:
    """A map: channel, width and height in four bytes each, then an index for each pixel."""
    indices = face.map_indices(seen.record, channel)
    height, width = indices.shape
    return chunk("M", struct.pack(">III", channel, width, height) + indices.tobytes())


def strip_chunk(seen: Seen) -> bytes:
    """All maps, small: their number, width and height, then the indices of one after the other."""
    tiles = face.strip_indices(seen.record)
    count, height, width = tiles.shape
    return chunk("T", struct.pack(">III", count, width, height) + tiles.tobytes())


async def _body(request: Request, most: int, key: str, seconds: float) -> bytes:
    """A request's body. Raises `Refusal` where it is too long or takes too long."""
    declared = request.headers.get("content-length", "0")
    too_long = Refusal(413, key, limit=f"{most // 1_000_000}")
    if not declared.isdigit() or int(declared) > most:
        raise too_long
    parts = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                parts += part
                if len(parts) > most:
                    raise too_long
    except TimeoutError:
        raise Refusal(408, "serve.slow") from None
    return bytes(parts)


async def _json(request: Request) -> dict[str, Any]:
    body = await _body(request, MOST_JSON, "serve.json", 10.0)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refusal(400, "serve.json")
    return value


def _number(request: Request, name: str, stop: int) -> int:
    text = request.query_params.get(name, "")
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) >= stop:
        raise Refusal(422, "serve.setting", name=name, allowed=f"0–{stop - 1}")
    return int(text)


def page_texts() -> dict[str, dict[str, str]]:
    """The texts of the page, in each language."""
    said = {key: pair for key, pair in TEXTS.items() if key.startswith("web.")}
    return {
        "en": {key: english for key, (english, _) in said.items()},
        "ja": {key: japanese for key, (_, japanese) in said.items()},
    }


def page_html(lang: Lang) -> str:
    """The page's frame, its texts filled in by their keys."""
    texts = page_texts()[lang]
    source = (files("tatamu") / "data" / "web" / "index.html").read_text("utf-8")
    filled = re.sub(
        r'data-t="([a-z_.]+)"([^>]*)>', lambda m: f"{m[0]}{escape(texts[m[1]])}", source
    )
    labelled = re.sub(
        r'data-label="([a-z_.]+)"',
        lambda m: f'{m[0]} aria-label="{escape(texts[m[1]])}"',
        filled,
    )
    return labelled.replace("LANG", lang, 1)


def static_files() -> dict[str, tuple[bytes, str]]:
    """The files that belong to the page, by name: content and media type."""
    found = {}
    for entry in (files("tatamu") / "data" / "web").iterdir():
        suffix = entry.name[entry.name.rfind(".") :]
        if suffix in KINDS_OF_FILES:
            found[entry.name] = (entry.read_bytes(), KINDS_OF_FILES[suffix])
    return found


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse({"status": error.status, "text": error.text}, error.status)


async def _left(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


def make_app(
    lang: Lang, served: str = "127.0.0.1", max_pixels: int = MAX_PIXELS, chosen: bool = False
) -> tuple[App, Server]:
    """The application, and what its routes share. `chosen` says that the language was asked for."""
    server = Server(lang, max_pixels, chosen)
    routes = [
        Route("/", server.page),
        Route("/web/{name}", server.static),
        Route("/api/start", server.start, methods=["POST"]),
        Route("/api/photo", server.upload, methods=["POST"]),
        Route("/api/photo/{photo}", server.photo),
        Route("/api/look", server.look, methods=["POST"]),
        Route("/api/frame/{frame}/map", server.map),
        Route("/api/frame/{frame}/map.png", server.map_png),
        Route("/api/frame/{frame}/pixel", server.pixel),
        Route("/api/report", server.report, methods=["POST"]),
    ]

    @contextlib.asynccontextmanager
    async def living(app: Starlette) -> Any:
        yield
        server.workshop.close()

    handlers: Any = {Refusal: _refused, ClientDisconnect: _left}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=living)
    return Guard(app, served), server
