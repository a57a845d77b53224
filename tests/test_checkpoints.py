"""``save`` and ``load``: files of all kinds, mapping, devices, atomic writing."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import pickle
import stat
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts_of_fixtures import script

import tatamu
from tatamu import nn, serialization
from tatamu.serialization import reading, stored, writing

FIXTURES = Path(__file__).parent / "fixtures"
CASES = script("checkpoint_cases")
READ = json.loads((FIXTURES / "checkpoints_read.json").read_text("utf-8"))
X = tatamu.arange(12.0).reshape(3, 4)


def written(value: Any, **how: Any) -> io.BytesIO:
    file = io.BytesIO()
    tatamu.save(value, file, **how)
    file.seek(0)
    return file


# ---- what torch has read ----


@pytest.mark.parametrize("form", ["zip", "stream"])
@pytest.mark.parametrize("code", [c for c in CASES.CASES if "trained" not in c and "nn." not in c])
def test_torch_has_read_these_very_bytes(code: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / "case.pt"
    value = CASES.made(tatamu, code)
    tatamu.save(value, path, _use_new_zipfile_serialization=form == "zip")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == READ["cases"][code][form]


def test_torch_has_read_all_cases() -> None:
    assert set(READ["cases"]) == set(CASES.CASES)


# ---- the format ----


def test_records_are_torchs_and_lie_at_multiples_of_64(tmp_path: Path) -> None:
    path = tmp_path / "my net.pt"
    tatamu.save({"a": X, "b": X.t(), "c": tatamu.ones(5), "d": tatamu.zeros(0)}, path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = [info.filename for info in archive.infolist()]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("my net/byteorder") == b"little"
        assert archive.read("my net/version") == b"3\n"
        assert len(archive.read("my net/.data/serialization_id")) == 40
        for info in archive.infolist():
            lengths = struct.unpack_from("<2H", content, info.header_offset + 26)
            assert (info.header_offset + 30 + sum(lengths)) % 64 == 0
    assert names[0] == "my net/data.pkl"
    assert [name for name in names if "/data/" in name] == [f"my net/data/{i}" for i in range(3)]


def test_records_beyond_32_bits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(writing, "ZIP64_FROM", 0)
    path = tmp_path / "x.pt"
    tatamu.save({"x": X}, path)
    assert tatamu.load(path, mmap=True)["x"].storage.address % 64 == 0
    np.testing.assert_array_equal(tatamu.load(path)["x"], X)


def test_the_same_object_gives_the_same_bytes() -> None:
    first, second = written({"x": X}), written({"x": X})
    assert first.getvalue() == second.getvalue()


@pytest.mark.parametrize(
    ("name", "folder"), [("a.b.pt", "a.b"), ("net", "net"), ("網.pt", "archive")]
)
def test_the_archives_folder(name: str, folder: str, tmp_path: Path) -> None:
    tatamu.save(1, tmp_path / name)
    with zipfile.ZipFile(tmp_path / name) as archive:
        assert archive.namelist()[0] == f"{folder}/data.pkl"
    assert tatamu.load(str(tmp_path / name)) == 1


def test_compressed_archives_are_read(tmp_path: Path) -> None:
    hostile = script("hostile_files")
    packed = hostile.edited(written({"x": X}).getvalue(), zipfile.ZIP_DEFLATED)
    np.testing.assert_array_equal(tatamu.load(io.BytesIO(packed))["x"], X)
    path = tmp_path / "packed.pt"
    path.write_bytes(packed)
    np.testing.assert_array_equal(tatamu.load(path, mmap=True)["x"], X)


# ---- what is opened ----


def test_paths_files_and_buffers(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    for target in (path, str(path)):
        tatamu.save(X, target)
        for source in (path, str(path)):
            np.testing.assert_array_equal(tatamu.load(source), X)
    with path.open("rb") as file:
        np.testing.assert_array_equal(tatamu.load(file), X)
    with path.open("wb") as file:
        tatamu.save(X, file)
    np.testing.assert_array_equal(tatamu.load(path), X)


def test_several_streams_in_one_file() -> None:
    """A file is read from where it stands."""
    file = io.BytesIO(b"ten bytes!" + written(X).getvalue())
    file.seek(10)
    np.testing.assert_array_equal(tatamu.load(file), X)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.pt"):
        tatamu.load(tmp_path / "nothing.pt")
    with pytest.raises(AttributeError, match=r"has no attribute 'seek'.*BytesIO"):
        tatamu.load(3)
    with pytest.raises(AttributeError, match="expected 'f' to be string, path"):
        tatamu.save(X, 3)
    with pytest.raises(TypeError, match="mode 'rb'"):
        tatamu.load(io.StringIO("text"))
    with pytest.raises(RuntimeError, match="Can not safely load weights"):
        tatamu.load(written(X), pickle_module=pickle)
    with pytest.raises(RuntimeError, match=r"Parent directory .*nope does not exist\."):
        tatamu.save(X, tmp_path / "nope" / "x.pt")
    with pytest.raises(IsADirectoryError, match="name a file inside it"):
        tatamu.save(X, tmp_path)
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        tatamu.load(tmp_path)


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(RuntimeError, match="Invalid magic number") as caught:
        tatamu.load(path)
    assert "broken.pt" in caught.value.__notes__[0]


# ---- mapping ----


def test_large_files_are_mapped_and_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "large.pt"
    large = tatamu.ones(reading.MAPPED_FROM // 4)
    tatamu.save({"large": large, "part": large[5:9]}, path)
    loaded = tatamu.load(path)
    assert loaded["large"].storage.address % 64 == 0
    assert loaded["part"].storage is loaded["large"].storage
    loaded["part"].add_(1)  # does not reach the file
    assert loaded["large"][5].item() == 2
    assert tatamu.load(path)["large"].sum().item() == len(large)
    copied = tatamu.load(path, mmap=False)["large"]
    assert copied.storage._size > 0  # its memory is tatamu's own
    assert loaded["large"].storage._size == 0


def test_a_mapped_file_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    tatamu.save(X, path)
    mapped = tatamu.load(path, mmap=True)
    tatamu.save(X * 0, path)
    np.testing.assert_array_equal(mapped, X)
    np.testing.assert_array_equal(tatamu.load(path), X * 0)


def test_what_cannot_be_mapped(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        tatamu.load(written(X), mmap=True)
    path = str(tmp_path / "old.pt")
    tatamu.save(X, path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with") as caught:
        tatamu.load(path, mmap=True)
    assert f"torch.save({path}, _use_new" in str(caught.value)


def test_numbers_that_lie_oddly_are_copied() -> None:
    content = memoryview(bytearray(b"x" + bytes(16)))[1:]
    assert stored.held(content, keep=False).address % 64 == 0


# ---- devices ----


def from_device(name: str) -> io.BytesIO:
    hostile = script("hostile_files")
    good = written({"x": X}).getvalue()
    return io.BytesIO(hostile.edited(good, data_pkl=hostile.tensor_pickle(device=name)))


@pytest.mark.parametrize(
    "place",
    [
        "cpu",
        b"cpu",
        tatamu.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, location: storage,
        lambda storage, location: storage.cpu(),
    ],
)
def test_map_location(place: Any) -> None:
    np.testing.assert_array_equal(tatamu.load(from_device("cuda:0"), place), X)
    np.testing.assert_array_equal(tatamu.load(from_device("cuda:0"), map_location=place), X)


def test_a_function_is_given_the_storage_and_its_place() -> None:
    met = []

    def place(storage: Any, location: str) -> Any:
        met.append((storage.nbytes(), storage.size(), storage.device, location))

    assert tatamu.load(from_device("cpu"), place).shape == (3, 4)
    assert met == [(48, 12, tatamu.device("cpu"), "cpu")]


@pytest.mark.parametrize(
    ("place", "kind", "words"),
    [
        (None, RuntimeError, "Attempting to deserialize object on a CUDA device but torch.cuda"),
        ("cuda", RuntimeError, r"map_location=torch.device\('cpu'\) to map your storages"),
        (tatamu.device("cuda", 1), RuntimeError, "on a CUDA device"),
        ({"cuda:0": "cuda:1"}, RuntimeError, "on a CUDA device"),
        ("mps", RuntimeError, r"torch.UntypedStorage\(\): Storage device not recognized: mps"),
        ("meta", RuntimeError, "a tensor on 'meta' has no numbers"),
        ("foo", RuntimeError, r"don't know how to restore data location .*\(tagged with foo\)"),
        (3, TypeError, "'int' object is not callable"),
        (lambda storage, location: storage.cuda(), AssertionError, "not compiled with CUDA"),
        (lambda storage, location: "cpu", TypeError, "map_location returned str"),
    ],
)
def test_devices_that_are_not_there(place: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        tatamu.load(from_device("cuda:0"), place)


# ---- what is written ----


def test_modules_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    for value in (nn.Linear(2, 1), {"net": nn.Sequential(nn.ReLU())}):
        with pytest.raises(TypeError, match=r"a whole module .*\n.*save model.state_dict\(\)"):
            tatamu.save(value, path)
    assert not list(tmp_path.iterdir())


def test_what_else_is_not_written() -> None:
    with pytest.raises(TypeError, match=r"get_state\(\) is a tensor"):
        written(tatamu.Generator())
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        written(lambda: 1)
    with pytest.raises(ValueError, match="leave pickle_module out"):
        written(X, pickle_module=json)
    with pytest.raises(ValueError, match="reads protocol 2 safely"):
        written(X, pickle_protocol=4)
    with pytest.raises(ValueError, match="there are 'torch' and 'safetensors'"):
        written(X, format="onnx")
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="too deep inside each other"):
        written(deep)


def test_one_memory_of_two_dtypes() -> None:
    array = np.zeros(4, np.float32)
    both = [tatamu.from_numpy(array), tatamu.from_numpy(array.view(np.int32))]
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        written(both)


def test_a_path_holds_the_old_or_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    tatamu.save(X, path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="whole module"):
        tatamu.save([X, nn.ReLU()], path)
    for error in (KeyboardInterrupt, OSError):
        with pytest.raises(error), writing.placed(path) as file:
            file.write(b"half")
            raise error
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["x.pt"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes and links")
def test_modes_and_links_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "x.pt", tmp_path / "link.pt"
    tatamu.save(X, path)
    path.chmod(0o640)
    link.symlink_to(path)
    tatamu.save(X * 2, link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    np.testing.assert_array_equal(tatamu.load(path), X * 2)


# ---- classes that the user allows ----


class Settings:
    def __init__(self, rate: float) -> None:
        self.rate = rate


class Slotted:
    __slots__ = ("rate",)


class Stateful:
    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __getstate__(self) -> Any:
        return {"kept": 1}


def test_classes_are_refused_until_they_are_allowed() -> None:
    slotted = Slotted()
    slotted.rate = 3
    for value in (Settings(0.5), slotted, Stateful()):
        kind = type(value)
        file = written({"settings": value})
        with pytest.raises(pickle.UnpicklingError, match=f"add_safe_globals.*{kind.__name__}"):
            tatamu.load(file)
        path = f"{kind.__module__}.{kind.__qualname__}"
        file.seek(0)
        assert path in serialization.get_unsafe_globals_in_checkpoint(file)
        names = [kind, object] if kind is Slotted else [kind]
        file.seek(0)
        with serialization.safe_globals([*names, _reconstructor()]):
            assert kind in serialization.get_safe_globals()
            assert serialization.get_unsafe_globals_in_checkpoint(file) == []
            file.seek(0)
            found = tatamu.load(file)["settings"]
        assert type(found) is kind
        assert getattr(found, "rate", 1) == getattr(value, "rate", 1)
        assert getattr(found, "state", {"kept": 1}) == {"kept": 1}
    assert serialization.get_safe_globals() == []


def _reconstructor() -> Any:
    import copyreg

    return copyreg._reconstructor  # type: ignore[attr-defined]


def test_allowing_under_another_name() -> None:
    file = written(argparse.Namespace(rate=1))
    serialization.add_safe_globals([(argparse.Namespace, "argparse.Namespace")])
    assert tatamu.load(file).rate == 1
    serialization.clear_safe_globals()
    assert serialization.get_safe_globals() == []
    with pytest.raises(ValueError, match="Expected tuple of length 2"):
        serialization.add_safe_globals([(1, 2, 3)])
    with pytest.raises(TypeError, match="Expected second item in tuple to be str"):
        serialization.add_safe_globals([(argparse.Namespace, 2)])


def test_blocked_modules_stay_blocked() -> None:
    hostile = script("hostile_files")
    with (
        serialization.safe_globals([os.system, (os.system, "posix.system")]),
        pytest.raises(pickle.UnpicklingError, match=r"posix\.system whose module posix is block"),
    ):
        good = written({"x": X}).getvalue()
        asking = hostile.edited(good, data_pkl=hostile.asks("posix", "system"))
        tatamu.load(io.BytesIO(asking))


def test_names_left_out_say_so() -> None:
    with pytest.raises(AttributeError, match="register_package is PyTorch's and is not in tatamu"):
        serialization.register_package  # noqa: B018


def test_attributes_of_a_tensor_are_left_out() -> None:
    hostile = script("hostile_files")
    inner = hostile.tensor_pickle()[2:-1]  # PROTO and STOP off
    call, arguments = inner.split(b"((", 1)
    content = (
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(" + call + b"ctorch\nTensor\n(("
        + arguments.rstrip(b"R") + b"}X\x03\x00\x00\x00tagK\x01stR."
    )  # fmt: skip
    good = hostile.edited(written({"x": X}).getvalue(), data_pkl=content)
    with pytest.warns(UserWarning, match="attributes of a tensor are left out.*tag"):
        np.testing.assert_array_equal(tatamu.load(io.BytesIO(good)), X)


# ---- under torch's name ----


def test_scripts_find_the_names() -> None:
    with tatamu.install(), warnings.catch_warnings():
        import torch
        from torch.serialization import add_safe_globals

        file = io.BytesIO()
        torch.save({"x": torch.ones(2)}, file)
        file.seek(0)
        assert torch.load(file, weights_only=True, map_location="cpu")["x"].tolist() == [1, 1]
        assert add_safe_globals is serialization.add_safe_globals
