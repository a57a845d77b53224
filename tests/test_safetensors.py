"""safetensors files, written and read."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu

X = tatamu.arange(12.0).reshape(3, 4)


def written(value: Any, **how: Any) -> io.BytesIO:
    file = io.BytesIO()
    tatamu.save(value, file, **how)
    file.seek(0)
    return file


DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8")


def tensors() -> dict[str, Any]:
    made = {name: tatamu.tensor([[1, 2, 3]]).to(getattr(tatamu, name)) for name in DTYPES}
    return made | {"bool": tatamu.tensor([True, False]), "empty": tatamu.zeros(0, 3),
                   "number": tatamu.tensor(2.5), "turned": X.t()}  # fmt: skip


@pytest.mark.parametrize("way", ["suffix", "format", "buffer", "mapped"])
def test_safetensors(way: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.safetensors" if way == "suffix" else "x.bin")
    if way == "buffer":
        loaded = tatamu.load(written(tensors(), format="safetensors"))
    else:
        tatamu.save(tensors(), path, format=None if way == "suffix" else "safetensors")
        loaded = tatamu.load(path, mmap=True if way == "mapped" else None)
    for name, wanted in tensors().items():
        found = loaded[name]
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert found.tolist() == wanted.tolist()
    loaded["float32"].add_(1)


def test_safetensors_are_the_librarys() -> None:
    from safetensors import numpy as library

    plain = {name: value for name, value in tensors().items() if name != "bfloat16"}
    found = library.load(written(plain, format="safetensors").getvalue())
    for name, wanted in plain.items():
        np.testing.assert_array_equal(found[name], wanted.numpy())
    file = io.BytesIO(library.save({"a": np.arange(6.0).reshape(2, 3)}, metadata={"format": "np"}))
    assert tatamu.load(file)["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ([X], TypeError, "holds a dict of tensors, and not list"),
        ({"a": 1}, TypeError, "'a' is int"),
        ({1: X}, TypeError, "1 is Tensor"),
        ({"a": X, "b": X[1:]}, RuntimeError, r"Some tensors share memory.*\[\{'a', 'b'\}\]"),
    ],
)
def test_what_safetensors_cannot_hold(value: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        written(value, format="safetensors")


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "incomplete metadata": lambda good: good[:-1],
    "file not fully covered": lambda good: good + b"x",
    "invalid offset": lambda good: good.replace(b"[0,8]", b"[1,8]"),
    "invalid shape": lambda good: good.replace(b'"shape":[2]', b'"shape":[9]'),
    "unknown variant `X32`": lambda good: good.replace(b"F32", b"X32"),
    "missing field": lambda good: good.replace(b'"dtype"', b'"dtipo"'),
}


@pytest.mark.parametrize("words", CHANGES)
def test_broken_safetensors(words: str, tmp_path: Path) -> None:
    good = written({"a": tatamu.ones(2)}, format="safetensors").getvalue()
    broken = CHANGES[words](good)
    path = tmp_path / "x.safetensors"
    path.write_bytes(broken)
    for source in (io.BytesIO(broken), path):
        with pytest.raises(RuntimeError, match=f"{words}.*\n.*cut short or damaged"):
            tatamu.load(source)


@pytest.mark.parametrize("length", [0, 4, 8, 20])
def test_short_safetensors(length: int, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(written({"a": tatamu.ones(2)}, format="safetensors").getvalue()[:length])
    with pytest.raises(RuntimeError, match=r"invalid header length|header too small"):
        tatamu.load(path)


def test_safetensors_of_other_dtypes_and_devices() -> None:
    content = written({"a": tatamu.ones(2)}, format="safetensors").getvalue()
    other = content.replace(b"F32", b"U32")
    with pytest.raises(TypeError, match="dtype U32, which is not in tatamu"):
        tatamu.load(io.BytesIO(other))
    with pytest.raises(RuntimeError, match="with callable map_location is not supported"):
        tatamu.load(io.BytesIO(content), lambda storage, location: storage)
    with pytest.raises(RuntimeError, match="with dict map_location is not supported"):
        tatamu.load(io.BytesIO(content), {"cuda": "cpu"})
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        tatamu.load(io.BytesIO(content), "cuda")
    assert list(tatamu.load(io.BytesIO(content), "cpu")) == ["a"]
