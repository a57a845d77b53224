"""The local page's server: every route, whom it answers, and what people may send to it."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

from starlette.testclient import TestClient

import tatamu
from tatamu.lens import maps
from tatamu.lens.web import app as web
from tatamu.lens.web import serve as serving
from tatamu.lens.web.app import make_app
from tatamu.lens.web.sessions import MOST_PHOTOS
from tatamu.lens.web.settings import read_settings
from tatamu.lens.web.work import MOST_JOBS, Busy, Job, Workshop
from tatamu.lens.words import LookError, Words
from tatamu.nn import functional as F

ADDRESS = "http://127.0.0.1:8370"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app, _ = make_app("en", max_pixels=1_000_000)
    with TestClient(app, base_url=ADDRESS) as found:
        yield found


@pytest.fixture(scope="module")
def session(client: TestClient) -> dict[str, str]:
    return {"x-tatamu-session": client.post("/api/start").json()["session"]}


def parts(content: bytes) -> list[tuple[str, bytes]]:
    """The parts of an answer: letter and bytes."""
    found = []
    while content:
        (length,) = struct.unpack(">I", content[1:5])
        found.append((content[:1].decode(), content[5 : 5 + length]))
        content = content[5 + length :]
    return found


def look(client: TestClient, session: dict[str, str], **asked: Any) -> dict[str, Any]:
    """The parts of a look by their letters, records and problems as data."""
    answer = client.post("/api/look", json={"photo": "demo", **asked}, headers=session)
    found: dict[str, Any] = dict(parts(answer.content))
    return {k: json.loads(v) if k in "PRE" else v for k, v in found.items()}


def picture(width: int = 12, height: int = 9) -> bytes:
    values = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def upload(client: TestClient, session: dict[str, str], data: bytes) -> dict[str, Any]:
    answer = client.post("/api/photo", content=data, headers=session)
    if answer.headers["content-type"] == "application/json":
        return {"E": answer.json()}
    return {k: json.loads(v) for k, v in parts(answer.content) if k in "RE"}


# ---- the page ----


@pytest.mark.parametrize(("wanted", "lang"), [("ja,en;q=0.5", "ja"), ("en-GB", "en"), ("fr", "en")])
def test_the_page_speaks_the_readers_language(client: TestClient, wanted: str, lang: str) -> None:
    answer = client.get("/", headers={"accept-language": wanted})
    assert f'lang="{lang}"' in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers


def test_its_files_are_there_by_their_names_alone(client: TestClient) -> None:
    names = {name for name in web.static_files()}
    assert {"main.js", "style.css"} <= names
    for name in names:
        assert client.get(f"/web/{name}").status_code == 200
    for path in ("/web/..%2fapp.py", "/web/%2e%2e/%2e%2e/version.py", "/web/index", "/etc/passwd"):
        assert client.get(path).status_code == 404


def test_nothing_of_another_place_is_named_in_its_files() -> None:
    for name, (content, _) in web.static_files().items():
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text, name


# ---- whom it answers ----


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "192.168.0.9:8370"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_foreign_requests_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/web/main.js"), ("POST", "/api/start")):
        assert client.request(method, path, headers=headers).status_code == 403


def test_a_link_elsewhere_may_open_the_page_alone(client: TestClient) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/web/main.js", headers=headers).status_code == 403


# ---- looking ----


def test_a_look_gives_the_record_the_map_and_the_strip(
    client: TestClient, session: dict[str, str]
) -> None:
    found = look(client, session, kernel=3, stride=2, padding=1, channels=4, channel=1)
    record = found["R"]
    assert record["channel"] == 1
    channel, width, height = struct.unpack(">III", found["M"][:12])
    assert (channel, height, width) == (1, 150, 226)
    indices = np.frombuffer(found["M"][12:], np.uint8).reshape(height, width)
    answer = client.get(f"/api/frame/{record['frame']}/map.png?channel=1", headers=session)
    drawn = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    assert np.array_equal(drawn, maps.palette()[indices])
    count, *_ = struct.unpack(">III", found["T"][:12])
    assert count == 4


def test_a_pixels_account_is_what_the_layer_gives(
    client: TestClient, session: dict[str, str]
) -> None:
    record = look(client, session, kind="AvgPool2d", kernel=2, stride=2, padding=0)["R"]
    query = "channel=2&row=10&column=7"
    account = client.get(f"/api/frame/{record['frame']}/pixel?{query}", headers=session).json()
    photo = Image.open(io.BytesIO(client.get("/api/photo/demo", headers=session).content))
    values = tatamu.from_numpy(np.asarray(photo.convert("RGB"), np.float32) / 255).permute(2, 0, 1)
    wanted = float(F.avg_pool2d(values, 2)[2, 10, 7])
    assert float(account["result"]) == pytest.approx(wanted, abs=1e-3)


def test_another_channel_and_the_report(client: TestClient, session: dict[str, str]) -> None:
    record = look(client, session, channels=3)["R"]
    answer = client.get(f"/api/frame/{record['frame']}/map?channel=2", headers=session)
    assert struct.unpack(">I", answer.content[5:9]) == (2,)
    asked = {"frame": record["frame"], "lang": "ja"}
    answer = client.post("/api/report", json=asked, headers=session)
    (page,) = (content for kind, content in parts(answer.content) if kind == "F")
    assert b'<html lang="ja">' in page


def test_a_layer_that_does_not_fit_is_one_sentence_in_both_languages(
    client: TestClient, session: dict[str, str]
) -> None:
    sent = picture(4, 4)
    photo = upload(client, session, sent)["R"]["photo"]
    found = look(client, session, photo=photo, kernel=15, padding=0)
    assert found["E"]["status"] == 422
    assert set(found["E"]["text"]) == {"en", "ja"}


@pytest.mark.parametrize(
    "asked",
    [
        {"kernel": "3"}, {"kernel": 99}, {"kernel": True}, {"channels": 0}, {"kind": "Linear"},
        {"kind": "__import__('os').system('true')"}, {"mode": "zeros'); evil('"}, {"stride": 1.5},
    ],
)  # fmt: skip
def test_settings_that_no_slider_can_say(
    client: TestClient, session: dict[str, str], asked: dict[str, Any]
) -> None:
    assert look(client, session, **asked)["E"]["status"] == 422
    with pytest.raises(LookError):
        read_settings(asked)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 3000, b"x" * 5000])
def test_bodies_that_are_no_request(
    client: TestClient, session: dict[str, str], body: bytes
) -> None:
    answer = client.post("/api/look", content=body, headers=session)
    assert answer.status_code in (400, 413)
    assert set(answer.json()["text"]) == {"en", "ja"}


def test_what_is_forgotten_is_said(client: TestClient, session: dict[str, str]) -> None:
    nobody = {"x-tatamu-session": "guessed"}
    assert client.post("/api/look", json={}, headers=nobody).status_code == 410
    assert client.get("/api/photo/guessed", headers=session).status_code == 410
    assert client.get("/api/frame/guessed/map?channel=0", headers=session).status_code == 410
    assert client.post("/api/report", json={"frame": 3}, headers=session).status_code == 410


def test_numbers_out_of_range(client: TestClient, session: dict[str, str]) -> None:
    frame = look(client, session, channels=2)["R"]["frame"]
    for query in ("channel=2", "channel=-1", "channel=x", ""):
        answer = client.get(f"/api/frame/{frame}/map?{query}", headers=session)
        assert answer.status_code == 422


# ---- photos ----


def test_a_photo_is_kept_for_its_page_alone(client: TestClient, session: dict[str, str]) -> None:
    found = upload(client, session, picture())["R"]
    assert client.get(f"/api/photo/{found['photo']}", headers=session).status_code == 200
    other = {"x-tatamu-session": client.post("/api/start").json()["session"]}
    assert client.get(f"/api/photo/{found['photo']}", headers=other).status_code == 410


def test_the_oldest_photo_goes_first(client: TestClient) -> None:
    session = {"x-tatamu-session": client.post("/api/start").json()["session"]}
    names = [upload(client, session, picture(8 + n))["R"]["photo"] for n in range(MOST_PHOTOS + 1)]
    statuses = [client.get(f"/api/photo/{n}", headers=session).status_code for n in names]
    assert statuses == [410] + [200] * MOST_PHOTOS


def _png(width: int, height: int, rows: bytes) -> bytes:
    def piece(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = piece(b"IHDR", head) + piece(b"IDAT", zlib.compress(rows, 9)) + piece(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


HOSTILE = {
    "nothing": b"",
    "a bomb of a hundred megapixels": _png(10_000, 10_000, bytes(10_001 * 100)),
    "a hundred megapixels declared, none there": _png(10_000, 10_000, b""),
    "a broken PNG": picture()[:60],
    "a cut JPEG": b"\xff\xd8\xff\xe0" + b"\0" * 40,
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "a PDF": b"%PDF-1.7\n",
    "noise": bytes(np.random.default_rng(1).integers(0, 255, 5000, np.uint8)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_uploads_are_refused_with_a_sentence(
    client: TestClient, session: dict[str, str], name: str
) -> None:
    found = upload(client, session, HOSTILE[name])
    assert "R" not in found
    assert found["E"]["status"] == 422
    english, japanese = found["E"]["text"]["en"], found["E"]["text"]["ja"]
    assert english and japanese and english != japanese
    assert "alert" not in english


def test_pixels_are_limited(client: TestClient, session: dict[str, str]) -> None:
    found = upload(client, session, HOSTILE["a bomb of a hundred megapixels"])
    assert "1,000,000" in found["E"]["text"]["en"] or "100,000,000" in found["E"]["text"]["en"]


def test_bytes_are_limited_whether_declared_or_not(
    client: TestClient, session: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "MOST_BYTES", 1000)
    declared = client.post("/api/photo", content=b"x" * 1001, headers=session)
    assert declared.status_code == 413

    def streamed() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    assert client.post("/api/photo", content=streamed(), headers=session).status_code == 413


# ---- work ----


def test_the_newest_look_of_a_page_wins_and_one_who_leaves_ends_the_work() -> None:
    async def tried() -> list[str]:
        workshop = Workshop()
        page = web.Session()
        began, go = asyncio.Event(), __import__("threading").Event()
        loop = asyncio.get_running_loop()

        def slow(job: Job) -> Iterator[bytes]:
            loop.call_soon_threadsafe(began.set)
            go.wait(5)
            job.tell("progress.report")
            yield b"late"

        first = workshop.start(slow)
        page.takes("look", first)
        await began.wait()
        page.takes("look", workshop.start(lambda job: iter([b"new"])))
        go.set()
        old = [part async for part in first.parts()]
        new = [part async for part in page.jobs["look"].parts()]
        while workshop.running:
            await asyncio.sleep(0.001)
        workshop.close()
        return [str(first.cancelled), *(part[:1].decode() for part in old), *map(bytes.decode, new)]

    assert asyncio.run(tried()) == ["True", "E", "new"]


def test_too_much_work_is_refused_and_too_long_work_given_up() -> None:
    async def tried() -> bytes:
        workshop = Workshop()
        go = __import__("threading").Event()

        def waiting(job: Job) -> Iterator[bytes]:
            go.wait(5)
            yield b""

        for _ in range(MOST_JOBS):
            workshop.start(waiting)
        with pytest.raises(Busy):
            workshop.start(waiting)
        go.set()
        while workshop.running:
            await asyncio.sleep(0.001)
        late = workshop.start(waiting, patience=-1.0)
        parts = [part async for part in late.parts()]
        workshop.close()
        return parts[0]

    problem = json.loads(parts(asyncio.run(tried()))[0][1])
    assert problem["status"] == 422 and set(problem["text"]) == {"en", "ja"}


@pytest.mark.parametrize(("error", "status"), [(MemoryError(), 507), (ZeroDivisionError("x"), 500)])
def test_what_breaks_is_said_without_a_traceback(error: Exception, status: int) -> None:
    async def tried() -> list[bytes]:
        def broken(job: Job) -> Iterator[bytes]:
            raise error
            yield b""

        workshop = Workshop()
        found = [part async for part in workshop.start(broken).parts()]
        workshop.close()
        return found

    (part,) = asyncio.run(tried())
    problem = json.loads(parts(part)[0][1])
    assert problem["status"] == status
    assert "Traceback" not in problem["text"]["en"]


# ---- the command ----


def test_the_next_free_port_is_taken() -> None:
    with serving.free_socket("127.0.0.1", 18370) as first:
        number = first.getsockname()[1]
        with serving.free_socket("127.0.0.1", number) as second:
            assert second.getsockname()[1] > number


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(LookError, match="cannot be listened on"):
        serving.free_socket("192.0.2.1", 18370)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LookError, match=r'pip install "tatamu\[web\]"'):
        serving.check_installed()


def test_what_it_says_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        serving.serve("0.0.0.0", port, False, 1000, Words("en"), True, said.append)
    assert f"Port {port} is taken" in said[0]
    assert "everybody who reaches this machine" in said[1]
    assert said[-1] == "The server has ended."
    said.clear()
    serving.serve("127.0.0.1", 18390, False, 1000, Words("en"), True, said.append)
    assert not any("everybody" in line for line in said)
