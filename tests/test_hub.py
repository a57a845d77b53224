"""``tatamu.hub``: weights fetched whole or not at all, and models by name."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from file_server import FileServer, serving

import tatamu
from tatamu import hub
from tatamu.vision import weights

CONTENT = np.random.default_rng(1).integers(0, 256, 400_000, np.uint8).tobytes()
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def site() -> Iterator[FileServer]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's folder in an empty place, nothing from outside."""
    for name in ("TORCH_HUB", "TORCH_MODEL_ZOO", "TATAMU_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(hub, "_set_folder", None)
    return tmp_path / "torch" / "hub" / "checkpoints"


def checkpoint(value: Any) -> bytes:
    file = io.BytesIO()
    tatamu.save(value, file)
    return file.getvalue()


def put(site: FileServer, name: str, content: bytes) -> str:
    site.files[name] = content
    return site.url + name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- where things are ----


def test_the_folder_follows_torchs_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert hub.get_dir() == str(tmp_path / "torch" / "hub")
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert hub.get_dir() == str(tmp_path / "cache" / "torch" / "hub")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert hub.get_dir() == os.path.expanduser("~/.cache/torch/hub")
    hub.set_dir("~/elsewhere")
    assert hub.get_dir() == os.path.expanduser("~/elsewhere")
    assert weights.folder() == Path("~/elsewhere/checkpoints").expanduser()
    monkeypatch.setenv("TORCH_HUB", "x")
    with pytest.warns(UserWarning, match="TORCH_HUB is deprecated, please use env TORCH_HOME"):
        hub.get_dir()


# ---- files ----


def test_state_dicts_by_address(
    site: FileServer, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = checkpoint({"weight": tatamu.ones(3)})
    digest = hashlib.sha256(content).hexdigest()[:8]
    url = put(site, f"net-{digest}.pth", content)
    for _ in range(2):
        found = hub.load_state_dict_from_url(url, check_hash=True, map_location="cpu")
        assert found["weight"].tolist() == [1, 1, 1]
    assert len(site.asked) == 1
    assert names(home) == [f"net-{digest}.pth"]
    shown = capsys.readouterr()
    assert shown.out == f'Downloading: "{url}" to {home / names(home)[0]}\n'
    assert shown.err == ""  # no bar where there is no terminal
    assert weights.load_url(url)["weight"].tolist() == [1, 1, 1]
    assert weights.fetch(url) == home / names(home)[0]


def test_other_folders_and_names(site: FileServer, tmp_path: Path) -> None:
    url = put(site, "w.pth?download=true", checkpoint([1, 2]))
    assert hub.load_state_dict_from_url(url, tmp_path / "here") == [1, 2]
    assert hub.load_state_dict_from_url(url, tmp_path / "here", file_name="x.pt") == [1, 2]
    assert names(tmp_path / "here") == ["w.pth", "x.pt"]
    with pytest.raises(ValueError, match="the address names no file"):
        hub.load_state_dict_from_url(site.url)
    with pytest.warns(UserWarning, match="TORCH_MODEL_ZOO is deprecated"):
        os.environ["TORCH_MODEL_ZOO"] = "x"
        try:
            hub.load_state_dict_from_url(url, tmp_path / "here")
        finally:
            del os.environ["TORCH_MODEL_ZOO"]


def test_a_file_within_an_archive(site: FileServer, home: Path) -> None:
    inner, outer = io.BytesIO(), io.BytesIO()
    tatamu.save({"a": tatamu.ones(2)}, inner, _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net.pth", inner.getvalue())
    url = put(site, "net.zip", outer.getvalue())
    assert hub.load_state_dict_from_url(url)["a"].tolist() == [1, 1]
    assert names(home) == ["net.zip"]  # nothing was unpacked


def test_a_file_to_a_path(site: FileServer, tmp_path: Path) -> None:
    url = put(site, "data.bin", CONTENT)
    for prefix in (None, DIGEST[:8], DIGEST, DIGEST[:8].upper()):
        target = tmp_path / "data.bin"
        hub.download_url_to_file(url, target, prefix, progress=False)
        assert target.read_bytes() == CONTENT
    assert names(tmp_path) == ["data.bin"]
    with pytest.raises(FileNotFoundError, match="nope"):
        hub.download_url_to_file(url, tmp_path / "nope" / "data.bin")


def test_a_wrong_hash(site: FileServer, tmp_path: Path) -> None:
    url = put(site, "data.bin", CONTENT)
    with pytest.raises(RuntimeError) as caught:
        hub.download_url_to_file(url, tmp_path / "data.bin", "0123abcd")
    assert str(caught.value).split("\n")[0] == (
        f'invalid hash value (expected "0123abcd", got "{DIGEST}")'
    )
    assert names(tmp_path) == []


def test_what_came_is_taken_up_another_day(site: FileServer, tmp_path: Path) -> None:
    url = put(site, "data.bin", CONTENT)
    site.cut = [100_000, 0]
    with pytest.raises(RuntimeError, match="after 100,000 of 400,000 bytes") as caught:
        hub.download_url_to_file(url, tmp_path / "data.bin", DIGEST)
    assert str(tmp_path / "data.bin") in str(caught.value)
    assert names(tmp_path) == ["data.bin.partial"]
    site.asked.clear()
    hub.download_url_to_file(url, tmp_path / "data.bin", DIGEST)
    assert [start for _, start in site.asked] == ["bytes=100000-"]
    assert names(tmp_path) == ["data.bin"]


def test_what_the_server_refuses(site: FileServer, home: Path) -> None:
    with pytest.raises(URLError, match="HTTP Error 404: Not Found") as caught:
        hub.load_state_dict_from_url(site.url + "nothing.pth")
    assert site.url + "nothing.pth" in str(caught.value)
    assert str(home / "nothing.pth") in str(caught.value)
    assert names(home) == []


def test_nobody_listens(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x.pth"
    with pytest.raises(URLError, match="refused") as caught:
        hub.load_state_dict_from_url(url)
    assert str(home / "x.pth") in str(caught.value)
    assert names(home) == []


def test_offline(home: Path, monkeypatch: pytest.MonkeyPatch, site: FileServer) -> None:
    monkeypatch.setenv("TATAMU_OFFLINE", "1")
    url = put(site, "net.pth", checkpoint([1]))
    with pytest.raises(FileNotFoundError) as caught:
        hub.load_state_dict_from_url(url)
    assert str(caught.value).split("\n") == [
        "net.pth is not on this machine, and TATAMU_OFFLINE is set",
        f"  download {url}",
        f"  and put it there: {home / 'net.pth'}",
    ]
    assert site.asked == []
    home.mkdir(parents=True)
    (home / "net.pth").write_bytes(checkpoint([1]))
    assert hub.load_state_dict_from_url(url) == [1]


def test_addresses_of_other_kinds(tmp_path: Path) -> None:
    for url in ("ftp://example.org/x", "x.pth", "javascript:alert(1)"):
        with pytest.raises(ValueError, match="unknown url type"):
            hub.download_url_to_file(url, tmp_path / "x")
    source = tmp_path / "source.bin"
    source.write_bytes(CONTENT)
    hub.download_url_to_file(source.as_uri(), tmp_path / "copy.bin", DIGEST)
    assert (tmp_path / "copy.bin").read_bytes() == CONTENT


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_control_c(site: FileServer, tmp_path: Path) -> None:
    site.slow = 30
    url = put(site, "data.bin", CONTENT)
    code = f"import tatamu; tatamu.hub.download_url_to_file({url!r}, 'data.bin')"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert b"KeyboardInterrupt" in said
    assert names(tmp_path) == []


# ---- models ----

HUBCONF = '''
dependencies = ["torch"]
import torch
from torch import nn
from parts import width

def net(channels=3, pretrained=False):
    """A small net."""
    return nn.Conv2d(channels, width, 1)

def _hidden():
    pass
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    place.mkdir()
    (place / "hubconf.py").write_text(HUBCONF)
    (place / "parts.py").write_text("width = 5\n")
    return place


def test_models_of_a_folder(folder: Path) -> None:
    before = list(sys.path)
    model = hub.load(folder, "net", 4, source="local")
    assert repr(model).startswith("Conv2d(4, 5,")
    assert hub.load(str(folder), "net", channels=2, source="LOCAL").weight.shape == (5, 2, 1, 1)
    assert sys.path == before
    assert "torch" not in sys.modules
    sys.modules.pop("parts", None)


def test_a_folders_errors(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Cannot find callable nothing in hubconf"):
        hub.load(folder, "nothing", source="local")
    with pytest.raises(ValueError, match="model should be a string of function name"):
        hub.load(folder, 3, source="local")
    with pytest.raises(ValueError, match=r'Unknown source: "gitlab"\. Allowed values: "github"'):
        hub.load(folder, "net", source="gitlab")
    with pytest.raises(FileNotFoundError, match=r"hubconf\.py.*\n.*source='local'\) runs"):
        hub.load(tmp_path, "net", source="local")
    (folder / "hubconf.py").write_text("dependencies = ['no_such_thing']\ndef net(): pass\n")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_thing"):
        hub.load(folder, "net", source="local")
    sys.modules.pop("parts", None)


def test_nobody_elses_program_is_fetched(site: FileServer) -> None:
    for call in (hub.load, hub.help):
        with pytest.raises(RuntimeError, match="ultralytics/yolov5 is not fetched: it is a progr"):
            call("ultralytics/yolov5:v7.0", "yolov5s")
    with pytest.raises(RuntimeError, match=r"git clone https://github\.com/facebookresearch/dino"):
        hub.list("facebookresearch/dino")


def test_torchvisions_models_are_built_in() -> None:
    names = hub.list("pytorch/vision:v0.10.0")
    assert {"resnet18", "vgg16", "mobilenet_v2"} <= set(names)
    assert not {"Tensor", "import_module", "ResNet"} & set(names)
    model = hub.load("pytorch/vision", "squeezenet1_1", weights=None, num_classes=7)
    assert type(model).__name__ == "SqueezeNet"
    assert hub.help("pytorch/vision", "squeezenet1_1")
    with pytest.raises(RuntimeError, match="Cannot find callable resnet19 in hubconf") as caught:
        hub.load("pytorch/vision", "resnet19")
    assert "there are resnet1" in str(caught.value)
    with pytest.raises(ValueError, match="model should be a string of function name"):
        hub.load("pytorch/vision", 3)
