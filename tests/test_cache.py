"""The kernel cache: files that it accepts, refuses and rebuilds, and what a key depends on."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cache_trial import HOST, Trial, constant_module

from tatamu.runtime import cache, compiled
from tatamu.runtime.cache import KernelCache, key
from tatamu.stage import Module

pytestmark = [
    pytest.mark.skipif(HOST is None, reason="no kernel can run here"),
    pytest.mark.skipif(sys.platform == "win32", reason="about POSIX owners and modes"),
]


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    made = Trial(tmp_path / "kernels", monkeypatch)
    yield made
    compiled._loaded.pop((made.symbol,), None)


def test_a_kernel_is_compiled_once_and_found_after_that(trial: Trial) -> None:
    assert not trial.get().cached
    assert trial.get().cached
    assert trial.written == 1
    assert trial.loaded[0] == trial.loaded[1] == trial.code()
    trial.check_runs()
    assert stat.S_IMODE(trial.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(trial.path.stat().st_mode) & 0o077 == 0


def test_finding_a_kernel_traces_nothing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.get()

    def refuse(self: Module, *args: object, **options: object) -> None:
        raise AssertionError("a module was made for a kernel that lies on disk")

    monkeypatch.setattr(Module, "__init__", refuse)
    assert trial.get().cached
    with pytest.raises(AssertionError, match="a module was made"):
        constant_module("x", 1)


def test_in_one_process_a_kernel_is_read_once(trial: Trial) -> None:
    assert HOST is not None
    first = trial.get()
    assert compiled.compiled(trial.write, HOST, trial.symbol) is first
    assert len(trial.loaded) == 1


def test_counts(trial: Trial) -> None:
    before = replace(compiled.counts)
    trial.get()
    trial.get()
    now = compiled.counts
    assert (now.compiled - before.compiled, now.from_disk - before.from_disk) == (1, 1)
    assert now.compile_seconds > before.compile_seconds
    assert now.load_seconds > before.load_seconds


# ---- files that cannot be trusted ----------------------------------------------------------------


def check_rebuilt(trial: Trial, spoil: Callable[[], object]) -> None:
    """After ``spoil`` the kernel is written anew, the same bytes are loaded, and it is kept."""
    trial.get()
    good = trial.path.read_bytes()
    written = trial.written
    spoil()
    assert not trial.get().cached
    assert trial.written == written + 1
    assert trial.path.read_bytes() == good
    assert trial.get().cached
    assert trial.written == written + 1
    assert set(trial.loaded) == {trial.code()}


def test_every_truncation_is_found(trial: Trial) -> None:
    assert HOST is not None
    trial.get()
    good = trial.path.read_bytes()
    disk = KernelCache(trial.folder)
    for length in (*range(0, 120), *range(120, len(good), 37), len(good) - 1):
        trial.path.write_bytes(good[:length])
        assert disk.read(trial.key) is None
        assert not trial.path.exists(), "what cannot be trusted is deleted"
    trial.path.write_bytes(good)
    assert disk.read(trial.key) == trial.code()
    check_rebuilt(trial, lambda: trial.path.write_bytes(good[: len(good) // 2]))


def test_every_flipped_bit_is_found(trial: Trial) -> None:
    trial.get()
    good = trial.path.read_bytes()
    disk = KernelCache(trial.folder)
    for at in (*range(0, 100), *range(100, len(good), 29), len(good) - 1):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        trial.path.write_bytes(bad)
        assert disk.read(trial.key) is None, f"byte {at}"
    bad = bytearray(good)
    bad[-1] ^= 128
    check_rebuilt(trial, lambda: trial.path.write_bytes(bad))


def test_bytes_behind_the_end_are_found(trial: Trial) -> None:
    check_rebuilt(trial, lambda: trial.path.write_bytes(trial.path.read_bytes() + b"\0"))


def test_another_kernels_file_under_this_name(trial: Trial) -> None:
    other = key(f"{trial.symbol}_other", HOST)  # type: ignore[arg-type]

    def put() -> None:
        KernelCache(trial.folder).write(other, trial.code()[:-8] + b"whatever")
        os.replace(trial.folder / f"{other.hex()}.o", trial.path)

    check_rebuilt(trial, put)


def test_an_empty_file(trial: Trial) -> None:
    check_rebuilt(trial, lambda: trial.path.write_bytes(b""))


def test_a_huge_file(trial: Trial) -> None:
    def put() -> None:
        with trial.path.open("r+b") as file:
            file.truncate(1 << 40)  # a hole: it takes no space, but cannot be read into memory

    check_rebuilt(trial, put)


def test_a_symbolic_link(trial: Trial, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.o"

    def put() -> None:
        os.replace(trial.path, elsewhere)
        trial.path.symlink_to(elsewhere)

    check_rebuilt(trial, put)
    assert elsewhere.exists(), "the link goes, what it leads to stays"
    assert not trial.path.is_symlink()


def test_a_folder_in_place_of_the_file(trial: Trial) -> None:
    def put() -> None:
        trial.path.unlink()
        trial.path.mkdir()

    check_rebuilt(trial, put)


def test_a_full_folder_in_place_of_the_file_costs_time_alone(trial: Trial) -> None:
    (trial.path / "something").mkdir(parents=True)
    os.chmod(trial.folder, 0o700)
    assert not trial.get().cached
    assert not trial.get().cached
    assert os.listdir(trial.folder) == [trial.path.name], "no half-written file stays"


def test_a_pipe_in_place_of_the_file_keeps_nobody_waiting(trial: Trial) -> None:
    def put() -> None:
        trial.path.unlink()
        os.mkfifo(trial.path)

    check_rebuilt(trial, put)


def test_a_file_of_another_user(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.get()
    real = os.fstat

    def fstat(file: int) -> Any:
        status = list(real(file))
        status[stat.ST_UID] += 1
        return os.stat_result(status)

    with monkeypatch.context() as m:
        m.setattr(os, "fstat", fstat)
        assert not trial.get().cached
    assert trial.get().cached


# A process of its own, since LLVM would end it: every file in the cache is spoilt in one way, then
# a convolution runs and is checked.
SPOILT = """
    import os, sys
    from pathlib import Path
    import numpy as np
    from tatamu.geometry import ConvSpec
    from tatamu.kernels import direct
    from tatamu.kernels.problem import ConvProblem
    from tatamu.runtime import compiled, threads
    from tatamu.runtime.launch import ConvLaunch
    from tatamu.stage import host

    folder, how = Path(os.environ["TATAMU_CACHE"]), sys.argv[1]
    for path in folder.glob("*.o"):
        content = path.read_bytes()
        if how == "cut":
            path.write_bytes(content[: len(content) * 2 // 3])
        elif how == "flip":
            path.write_bytes(content[:200] + bytes([content[200] ^ 255]) + content[201:])
        elif how == "noise":
            path.write_bytes(content[:80] + bytes(range(256)) * 40)
    problem = ConvProblem(ConvSpec.make(3), "float32", (1, 5, 9, 9), (405, 1, 45, 5), 7)
    threads.set_num_threads(2)
    launch = ConvLaunch(direct.plan(problem, host()))
    x = np.ones((9, 9, 5), np.float32)
    w = launch.plan.pack_weight(np.ones((7, 5, 3, 3), np.float32))
    b = launch.plan.pack_bias(None)
    y = np.zeros((7, 7, 7), np.float32)
    launch(x.ctypes.data, w.ctypes.data, b.ctypes.data, y.ctypes.data)
    assert (y == 45).all(), y
    print(compiled.counts.compiled, compiled.counts.from_disk)
"""


def run_python(script: str, *args: str, **environment: str) -> str:
    """What a script prints; it must end with status 0 and no word on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *args],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.slow
def test_no_damaged_file_ends_the_process(tmp_path: Path) -> None:
    folder = str(tmp_path / "kernels")
    assert run_python(SPOILT, "nothing", TATAMU_CACHE=folder) == "1 0"
    for how in ("cut", "flip", "noise"):
        assert run_python(SPOILT, how, TATAMU_CACHE=folder) == "1 0"
        assert run_python(SPOILT, "nothing", TATAMU_CACHE=folder) == "0 1"


# ---- the key -------------------------------------------------------------------------------------


def test_the_key_depends_on_all_that_decides_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HOST is not None
    keys = {
        key("a", HOST),
        key("b", HOST),
        key("a", replace(HOST, cpu="other")),
        key("a", replace(HOST, features=f"{HOST.features},+other")),
        key("a", replace(HOST, triple=f"{HOST.triple}-other")),
    }
    assert len(keys) == 5
    with monkeypatch.context() as m:
        m.setattr(cache, "versions", lambda: "llvmlite 99, LLVM 99")
        keys.add(key("a", HOST))
    with monkeypatch.context() as m:
        m.setattr(cache, "source_digest", lambda: b"other sources")
        keys.add(key("a", HOST))
    assert len(keys) == 7
    assert key("a", HOST) == key("a", HOST) in keys


def test_the_key_names_the_installed_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    import llvmlite

    from tatamu.stage.compile import versions

    before = versions()
    monkeypatch.setattr(llvmlite, "__version__", "99.1")
    assert versions() != before
    assert "99.1" in versions()


@pytest.mark.parametrize("part", ["stage", "kernels", "runtime"])
def test_the_digest_covers_every_source(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("stage", "kernels", "runtime"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("a = 1\n")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "runtime" / "cache.py"))
    digests = set()

    def digest() -> None:
        digests.add(cache.source_digest.__wrapped__())

    digest()
    (tmp_path / part / "a.py").write_text("a = 2\n")
    digest()
    (tmp_path / part / "a.py").rename(tmp_path / part / "b.py")
    digest()
    (tmp_path / part / "c.py").write_text("")
    digest()
    assert len(digests) == 4
    digest()
    assert len(digests) == 4
