"""Hostile and damaged files: one clear error each, and nothing of them is run."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import re
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts_of_fixtures import script

import tatamu

FIXTURES = Path(__file__).parent / "fixtures"
TORCH = json.loads((FIXTURES / "checkpoints.json").read_text("utf-8"))["refusals"]
FILES = np.load(FIXTURES / "checkpoints.npz")
GOOD, STREAM = FILES["good"].tobytes(), FILES["good_stream"].tobytes()
HOSTILE = script("hostile_files")
EVERYTHING = dict(HOSTILE.everything(GOOD, STREAM))

CLEAR = (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, ValueError)


def refusal(content: bytes, **how: Any) -> BaseException:
    with pytest.raises(CLEAR) as caught:
        tatamu.load(io.BytesIO(content), **how)
    assert not isinstance(caught.value, UnicodeError | RecursionError | NotImplementedError)
    return caught.value


def test_there_are_dozens() -> None:
    assert len(EVERYTHING) > 130
    assert len(TORCH) > 65
    for good in (GOOD, STREAM):
        assert list(tatamu.load(io.BytesIO(good))) == ["x"]


@pytest.mark.parametrize("name", EVERYTHING)
def test_refused(name: str) -> None:
    error = refusal(EVERYTHING[name])
    text = str(error)
    assert text.strip(), "an error without words"
    assert "Traceback" not in text
    assert len(text) < 1200


@pytest.mark.parametrize("name", TORCH)
def test_refused_in_torchs_words(name: str) -> None:
    error = refusal(EVERYTHING[name])
    wanted = TORCH[name]
    ours = str(error).split("\n")[0]
    if wanted["kind"] in ("EOFError", "IndexError", "KeyError"):
        assert isinstance(error, EOFError | pickle.UnpicklingError)
        return
    assert wanted["kind"] in [kind.__name__ for kind in type(error).__mro__]
    if isinstance(error, pickle.UnpicklingError):
        assert wanted["text"] in ours
    else:
        assert _plain(wanted["text"]).startswith(_plain(ours))


def _plain(text: str) -> str:
    """Without the place in torch's C++, and without the count, which torch takes of bytes."""
    text = re.sub(r"^\[enforce fail at \S+\] \. ", "", text)
    return re.sub(r" bytes = .*", "", text)


@pytest.mark.parametrize("name", HOSTILE.GLOBALS)
def test_the_name_that_was_asked_for_is_told(name: str) -> None:
    content = HOSTILE.GLOBALS[name]
    module, function = content.split(b"c", 1)[1].split(b"\n")[:2]
    for file in (EVERYTHING[name], _stream_of(content)):
        error = refusal(file)
        assert isinstance(error, pickle.UnpicklingError)
        assert function.decode() in str(error)
        if module not in (b"builtins", b"__builtin__"):
            assert module.decode() in str(error)


def _stream_of(content: bytes) -> bytes:
    """A stream of the older format whose object is ``content``."""
    end = STREAM.index(b".", STREAM.index(b"type_sizes")) + 1
    return STREAM[:end] + content


def test_nothing_is_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    command = f"touch {victim}".encode()
    argument = b"X" + len(command).to_bytes(4, "little") + command + b"\x85"
    for module, name in (("os", "system"), ("posix", "system"), ("subprocess", "getoutput")):
        content = HOSTILE.asks(module, name, argument)
        for file in (HOSTILE.edited(GOOD, data_pkl=content), _stream_of(content), content):
            for settings in ({}, {"weights_only": False}):
                refusal(file, **settings)
    assert not victim.exists()


def test_nothing_is_imported() -> None:
    before = set(sys.modules)
    refusal(HOSTILE.edited(GOOD, data_pkl=HOSTILE.asks("this", "d")))
    refusal(HOSTILE.edited(GOOD, data_pkl=HOSTILE.asks("antigravity", "fly")))
    assert not {"this", "antigravity"} & (set(sys.modules) - before)


def test_bombs_cost_neither_time_nor_memory() -> None:
    names = [name for name in EVERYTHING if "bomb" in name or "byte" in name]
    assert len(names) > 10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    for name in names:
        refusal(EVERYTHING[name])
    assert time.process_time() - start < 5
    # Kilobytes on Linux, bytes elsewhere: 200 MB either way, for bombs of a terabyte.
    unit = 1024 if sys.platform.startswith("linux") else 1
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 200 << 20


@pytest.mark.parametrize("form", ["zip", "stream"])
def test_every_beginning_of_a_file_is_refused(form: str) -> None:
    good = GOOD if form == "zip" else STREAM
    for length in range(len(good)):
        refusal(good[:length])


@pytest.mark.parametrize("form", ["zip", "stream", "safetensors"])
def test_altered_bytes_are_refused_or_read(form: str) -> None:
    """A wrong byte anywhere gives an error in words, or a file that can be read."""
    good = {"zip": GOOD, "stream": STREAM}.get(form)
    if good is None:
        file = io.BytesIO()
        tatamu.save({"x": tatamu.arange(12.0)}, file, format="safetensors")
        good = file.getvalue()
    rng = np.random.default_rng(3)
    for place in range(len(good)):
        content = bytearray(good)
        content[place] ^= int(rng.integers(1, 256))
        try:
            tatamu.load(io.BytesIO(bytes(content)))
        except CLEAR as error:
            assert str(error).strip()
            assert not isinstance(error, UnicodeError | RecursionError)


def test_hints() -> None:
    for name, words in {
        "a web page": "looks like a web page",
        "a pointer of Git LFS": "git lfs pull",
        "gzip": "unpack it first",
        "HDF5": "Keras",
        "NumPy": "numpy.load",
        "a text": "safetensors are read",
        "tar": "legacy .tar format",
        "zip: big-endian": "big-endian",
        "stream: big-endian": "big-endian",
        "zip: an altered number": "its checksum is",
        "zip: a bomb": "zip bomb",
        "zip: a record that leads out": "leads out of the archive",
        "zip: two records of one name": "two records have one name",
        "zip: names that differ": "two names for it",
        "zip: an encrypted record": "it is encrypted",
        "zip: a compiled program": "compiled program",
        "zip: no storage": "the archive holds",
        "bomb: a deep key": "unhashable type",
        "bomb: tuples": "containers inside each other",
        "torch's complex numbers": "no dtype ComplexFloat",
        "a sparse tensor": "dense",
        "ends within a text": "cut short",
        "no such memo": "damaged",
        "stream: a storage of a gigabyte": "unexpected EOF",
        "stream: a count that differs": "wrong byte size",
        "too many elements": "reach element 99",
    }.items():
        assert words in str(refusal(EVERYTHING[name])), name


# ---- pickles at random ----

NAMES = [
    b"collections\nOrderedDict\n", b"collections\nCounter\n", b"builtins\nset\n",
    b"builtins\nbytearray\n", b"builtins\nbytes\n", b"builtins\ncomplex\n", b"_codecs\nencode\n",
    b"torch\nSize\n", b"torch\ndevice\n", b"torch\nfloat32\n", b"torch\nFloatStorage\n",
    b"torch.storage\nUntypedStorage\n", b"torch\nTensor\n", b"torch.nn.parameter\nParameter\n",
    b"torch.serialization\n_get_layout\n", b"torch._utils\n_rebuild_tensor\n",
    b"torch._utils\n_rebuild_tensor_v2\n", b"torch._utils\n_rebuild_tensor_v3\n",
    b"torch._utils\n_rebuild_parameter\n", b"torch._utils\n_rebuild_parameter_with_state\n",
    b"torch._tensor\n_rebuild_from_type_v2\n",
]  # fmt: skip

STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x0ctQ"
)

VALUES = st.one_of(
    st.sampled_from([b"c" + name for name in NAMES]),
    st.sampled_from([b"N", b"\x88", b")", b"]", b"}", b"\x8f", STORAGE, STORAGE, STORAGE]),
    st.integers(0, 12).map(lambda n: b"K" + bytes([n])),
    st.integers(-(2**31), 2**31 - 1).map(lambda n: b"J" + n.to_bytes(4, "little", signed=True)),
    st.sampled_from(["storage", "0", "cpu", "latin1", "torch.strided", "é"]).map(
        lambda text: b"X" + len(text.encode()).to_bytes(4, "little") + text.encode()
    ),
    st.just(b"G\x7f\xf8" + bytes(6)),
    st.just(b"\x8a\x0b" + b"\xff" * 10 + b"\x7f"),
)


def joined(parts: list[bytes], start: bytes, end: bytes) -> bytes:
    return start + b"".join(parts) + end


def larger(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Tuples, lists, dicts of values, calls with them and objects built from them."""
    several = st.lists(values, max_size=7)
    name = st.sampled_from(NAMES)
    how = st.sampled_from([b"R", b"\x81"])
    return st.one_of(
        several.map(lambda parts: joined(parts, b"(", b"t")),
        several.map(lambda parts: joined(parts, b"](", b"e")),
        several.map(lambda parts: joined(parts + parts, b"}(", b"u")),
        st.builds(lambda n, parts, r: joined(parts, b"c" + n + b"(", b"t" + r), name, several, how),
        st.builds(lambda value, state: value + state + b"b", values, values),
    )


PIECES = st.one_of(
    st.recursive(VALUES, larger, max_leaves=12),
    st.sampled_from([bytes([code]) for code in b"(tR\x81bQaesu\x85\x86\x870"]),
    st.integers(0, 3).map(lambda n: b"q" + bytes([n])),
    st.integers(0, 3).map(lambda n: b"h" + bytes([n])),
)


@given(st.lists(PIECES, max_size=5))
def test_pickles_at_random(pieces: list[bytes]) -> None:
    """Whatever the opcodes, an object is made of allowed parts or an error says why not."""
    content = HOSTILE.edited(GOOD, data_pkl=b"\x80\x02" + b"".join(pieces) + b".")
    with contextlib.suppress(*CLEAR), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tatamu.load(io.BytesIO(content))
