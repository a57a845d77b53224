"""The folder of the kernel cache: whose it is, where it lies, how full it may be."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cache_trial import HOST, Trial

from tatamu.runtime import compiled
from tatamu.runtime.cache import KernelCache, default_folder

pytestmark = [
    pytest.mark.skipif(HOST is None, reason="no kernel can run here"),
    pytest.mark.skipif(sys.platform == "win32", reason="about POSIX owners and modes"),
]


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    made = Trial(tmp_path / "kernels", monkeypatch)
    yield made
    compiled._loaded.pop((made.symbol,), None)


# ---- folders -------------------------------------------------------------------------------------


def check_only_slower(trial: Trial) -> None:
    """Nothing is kept and nothing is used, but the kernel is there."""
    assert not trial.get().cached
    assert not trial.check_runs().cached
    assert trial.written == 2


def test_a_folder_that_others_may_write_to_is_not_used(trial: Trial) -> None:
    for mode in (0o702, 0o720):
        trial.folder.mkdir(exist_ok=True)
        KernelCache(trial.folder).write(trial.key, trial.code())
        os.chmod(trial.folder, mode)
        trial.written = 0
        check_only_slower(trial)
        assert stat.S_IMODE(trial.folder.stat().st_mode) == mode, "it is not ours to change"
        os.chmod(trial.folder, 0o700)


def test_a_folder_that_others_may_read_is_closed(trial: Trial) -> None:
    for mode in (0o755, 0o750, 0o711, 0o704):
        trial.folder.mkdir(exist_ok=True)
        os.chmod(trial.folder, mode)
        trial.get()
        assert stat.S_IMODE(trial.folder.stat().st_mode) == 0o700
        assert trial.get().cached


def test_a_folder_of_another_user(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.getuid()
    trial.folder.mkdir()
    with monkeypatch.context() as m:
        m.setattr(os, "getuid", lambda: real + 1)
        check_only_slower(trial)
        assert os.listdir(trial.folder) == [], "nothing is put into it"
    KernelCache(trial.folder).write(trial.key, trial.code())
    with monkeypatch.context() as m:
        m.setattr(os, "getuid", lambda: real + 1)
        assert not trial.get().cached, "nothing in it is used"
    assert trial.get().cached


def test_a_link_in_place_of_the_folder(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    trial.folder.symlink_to(tmp_path / "real")
    check_only_slower(trial)
    assert not os.listdir(tmp_path / "real")


def test_a_file_in_place_of_the_folder(trial: Trial) -> None:
    trial.folder.write_text("not a folder")
    check_only_slower(trial)
    assert trial.folder.read_text() == "not a folder"


def test_a_missing_folder_is_made_with_its_parents(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TATAMU_CACHE", str(tmp_path / "a" / "b" / "kernels"))
    assert not trial.get().cached
    assert trial.get().cached


def failing(number: int) -> Callable[..., Any]:
    def fail(*args: object, **options: object) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("place", ["mkstemp", "replace", "mkdir"])
def test_a_read_only_folder(trial: Trial, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    # By hand and not by chmod, which does not stop the superuser that tests may run as.
    module: Any = {"mkstemp": tempfile, "replace": os, "mkdir": Path}[place]
    monkeypatch.setattr(module, place, failing(errno.EROFS))
    check_only_slower(trial)
    assert not trial.folder.exists() or os.listdir(trial.folder) == []


def test_a_read_only_folder_is_read(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.get()
    for module, name in ((tempfile, "mkstemp"), (os, "utime"), (os, "unlink")):
        monkeypatch.setattr(module, name, failing(errno.EROFS))
    assert trial.get().cached


@pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="the superuser may write anywhere"
)
def test_a_folder_closed_by_its_mode(trial: Trial) -> None:
    trial.folder.mkdir()
    os.chmod(trial.folder, 0o500)
    check_only_slower(trial)
    os.chmod(trial.folder, 0o700)


class FullDisk:
    """A file that takes ten bytes and no more."""

    def __init__(self, handle: int, mode: str):
        self._file = open(handle, mode)  # noqa: SIM115

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> None:
        self._file.write(content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fdopen

    def fdopen(handle: int, mode: str) -> Any:
        return FullDisk(handle, mode) if mode == "wb" else real(handle, mode)

    monkeypatch.setattr(os, "fdopen", fdopen)
    check_only_slower(trial)
    assert os.listdir(trial.folder) == []


def test_a_disk_that_cannot_be_read(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.get()
    with monkeypatch.context() as m:
        m.setattr(os, "open", failing(errno.EIO))
        assert KernelCache(trial.folder).read(trial.key) is None
    assert trial.get().cached


# ---- where it lies -------------------------------------------------------------------------------


def test_the_folder_is_the_one_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("TATAMU_CACHE")
    assert default_folder() == tmp_path / ".cache" / "tatamu" / "kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "tatamu" / "kernels"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_folder() == tmp_path / "Library" / "Caches" / "tatamu" / "kernels"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert default_folder() == tmp_path / "local" / "tatamu" / "kernels"
    monkeypatch.setenv("TATAMU_CACHE", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TATAMU_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_folder() == tmp_path / ".cache" / "tatamu" / "kernels"


def test_a_user_without_a_home(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TATAMU_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    check_only_slower(trial)


# ---- size ----------------------------------------------------------------------------------------


def named(number: int) -> bytes:
    return bytes([number]) * 32


def held(disk: KernelCache) -> set[int]:
    return {n for n in range(64) if disk._path(named(n)).exists()}


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    disk = KernelCache(tmp_path / "kernels", limit=10_000)
    for n in range(9):
        disk.write(named(n), bytes(1000))  # 1080 bytes each with its header
        os.utime(disk._path(named(n)), (1_000_000 + n, 1_000_000 + n))
    assert held(disk) == set(range(9))
    assert disk.read(named(0)) == bytes(1000)  # now it is the latest one used
    disk.write(named(9), bytes(1000))
    # 10 · 1080 exceeds the limit: down to three quarters of it, 6 · 1080 bytes.
    assert held(disk) == {0, 5, 6, 7, 8, 9}


def test_the_size_stays_bounded(tmp_path: Path) -> None:
    disk = KernelCache(tmp_path / "kernels", limit=20_000)
    for n in range(60):
        disk.write(named(n), bytes(100 + 53 * n))
        assert sum(p.stat().st_size for p in disk.folder.iterdir()) <= disk.limit
        assert disk.read(named(n)) == bytes(100 + 53 * n)


def test_remains_of_a_broken_write_are_cleared_and_other_files_are_not(tmp_path: Path) -> None:
    disk = KernelCache(tmp_path, limit=10_000)
    os.chmod(tmp_path, 0o700)
    for name in ("new-a1b2c3", "thesis.tex", "main.o"):
        (tmp_path / name).write_bytes(bytes(20_000))
        os.utime(tmp_path / name, (1, 1))
    disk.write(named(1), bytes(1000))
    assert {p.name for p in tmp_path.iterdir()} == {f"{named(1).hex()}.o", "thesis.tex", "main.o"}


# ---- two processes -------------------------------------------------------------------------------

WRITER = """
    import os, sys
    from pathlib import Path
    from tatamu.runtime.cache import KernelCache

    disk = KernelCache(Path(sys.argv[1]), limit=40_000)
    me, found = int(sys.argv[2]), 0
    for turn in range(300):
        for n in range(6):
            key, code = bytes([n]) * 32, bytes([n]) * (4000 + n)
            disk.write(key, code)
            got = disk.read(key)
            assert got is None or got == code, "half of a file was read"
            found += got is not None
    assert found > 900, found
"""


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(WRITER), str(folder)]
    writers = [
        subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE, text=True) for n in range(2)
    ]
    for writer in writers:
        _, words = writer.communicate(timeout=60)
        assert (writer.returncode, words) == (0, "")
    assert all(p.suffix == ".o" for p in folder.iterdir()), "nothing half-written stays"
