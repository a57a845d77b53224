"""Machine facts: what control groups grant, and measurements that cannot be nonsense."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tatamu.runtime import machine
from tatamu.stage import host


def put(root: Path, text: str, group: str = "") -> Path:
    """Write a group's file of version 2."""
    write(root / group / "cpu.max", text)
    return root


def put_old(root: Path, group: str, quota: str, period: str) -> None:
    """Write the two files of version 1."""
    write(root / "cpu" / group / "cpu.cfs_quota_us", quota)
    write(root / "cpu" / group / "cpu.cfs_period_us", period)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", None),
        ("100000 100000\n", 1),
        ("150000 100000\n", 2),
        ("50000 100000\n", 1),
        ("400000 100000", 4),
        ("200001 100000", 3),
        ("150000", None),
        ("", None),
        ("garbage", None),
        ("ten tenths", None),
        ("-1 100000", None),
        ("0 100000", None),
        ("100000 0", None),
        ("1.5 1", None),
        ("² 1", None),
    ],
)
def test_version_2(tmp_path: Path, text: str, cores: int | None) -> None:
    assert machine.cgroup_cores(put(tmp_path, text)) == cores


@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [
        ("-1\n", "100000\n", None),
        ("150000\n", "100000\n", 2),
        ("300000", "100000", 3),
        ("150000", "0", None),
        ("150000", "", None),
        ("much", "100000", None),
    ],
)
def test_version_1(tmp_path: Path, quota: str, period: str, cores: int | None) -> None:
    put_old(tmp_path, "", quota, period)
    assert machine.cgroup_cores(tmp_path) == cores


def test_no_control_groups(tmp_path: Path) -> None:
    assert machine.cgroup_cores(tmp_path) is None
    assert machine.cgroup_cores(tmp_path / "missing") is None
    write(tmp_path / "cpu" / "cpu.cfs_quota_us", "100000")
    assert machine.cgroup_cores(tmp_path) is None, "a quota without a period"


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_bytes(b"\xff\xfe\x80")
    assert machine.cgroup_cores(tmp_path) is None
    put_old(tmp_path, "", "100000", "100000")
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_bytes(b"\xff\xfe\x80")
    assert machine.cgroup_cores(tmp_path) is None


def test_the_tightest_group_on_the_way_up_counts(tmp_path: Path) -> None:
    put(tmp_path, "max 100000")
    put(tmp_path, "300000 100000", "a")
    put(tmp_path, "800000 100000", "a/b")
    assert machine.cgroup_cores(tmp_path, "/a/b") == 3
    assert machine.cgroup_cores(tmp_path, "/a/b/not-mounted-here") == 3
    assert machine.cgroup_cores(tmp_path, "/a") == 3
    assert machine.cgroup_cores(tmp_path, "/other") is None
    put(tmp_path, "100000 100000", "a/b")
    assert machine.cgroup_cores(tmp_path, "/a/b") == 1
    put_old(tmp_path, "slice", "200000", "100000")
    assert machine.cgroup_cores(tmp_path, "/slice") == 2


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("0::/user.slice/shell.scope\n", "/user.slice/shell.scope"),
        ("12:memory:/m\n4:cpu,cpuacct:/docker/1a\n0::/two\n", "/docker/1a"),
        ("7:cpuset:/set\n0::/two:colon\n", "/two:colon"),
        ("", "/"),
        ("nothing of the kind", "/"),
    ],
)
def test_own_group(tmp_path: Path, text: str, group: str) -> None:
    (tmp_path / "cgroup").write_text(text)
    assert machine.own_group(tmp_path / "cgroup") == group
    assert machine.own_group(tmp_path / "missing") == "/"


def test_cores_obey_affinity_and_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    assert machine.cores() == 6
    put(tmp_path, "250000 100000")
    assert machine.cores() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5, 7}, raising=False)
    assert machine.cores() == 2
    put(tmp_path, "1000 100000")
    assert machine.cores() == 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1


def test_cpu() -> None:
    cpu = machine.cpu()
    target = host()
    assert cpu.isa == (target.isa if target else "NumPy")
    assert cpu.name.strip() == cpu.name != ""
    assert cpu.cores >= 1
    assert list(cpu.caches) == sorted(cpu.caches)
    for level, size in cpu.caches:
        assert 1 <= level <= 4
        assert 4096 <= size <= 1 << 33


def test_caches_are_read_as_the_kernel_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = (("Data", "1", "48K"), ("Instruction", "1", "32K"), ("Unified", "2", "2M"))
    for n, (kind, level, size) in enumerate((*entries, ("Unified", "3", "lots"))):
        folder = tmp_path / f"index{n}"
        folder.mkdir()
        for name, text in (("type", kind), ("level", level), ("size", size)):
            (folder / name).write_text(f"{text}\n")
    (tmp_path / "index9").mkdir()
    monkeypatch.setattr(machine, "_CACHES", tmp_path)
    assert machine._caches() == ((1, 48 * 1024), (2, 2 * 1024**2))


def test_the_name_without_cpuinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert machine._name() == "riscv64"


@pytest.mark.skipif(host() is None, reason="no kernel can run here")
def test_fma_peak_is_that_of_a_processor() -> None:
    target = host()
    assert target is not None
    one = machine.fma_peak(1)
    # Between a scalar multiply-add in ten cycles of 1 GHz and four vectors a cycle at 6 GHz.
    assert 0.2 < one < 4 * 2 * target.vector_bytes / 4 * 6
    assert machine.fma_peak(1) == one, "measured once"
    assert machine.fma_peak(2) < 4 * one
    again = machine.fma_peak(1, again=True)
    assert machine.fma_peak(1) == again


@pytest.mark.skipif(host() is None, reason="no kernel can run here")
@pytest.mark.parametrize("nbytes", [1, 1 << 16, 50 << 20])
def test_read_bandwidth_is_that_of_a_memory(nbytes: int) -> None:
    assert 0.1 < machine.read_bandwidth(nbytes) < 5000


@pytest.mark.skipif(host() is None, reason="no kernel can run here")
def test_memory_that_is_read_is_memory_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    # Zeros that nobody has written to are one page, which never leaves the first cache.
    seen = []
    real = np.ones

    def ones(*args: Any) -> Any:
        seen.append(args[0])
        return real(*args)

    monkeypatch.setattr(np, "ones", ones)
    machine.read_bandwidth(1 << 16)
    assert seen == [1 << 14]


def test_without_kernels_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "host", lambda: None)
    monkeypatch.setattr(machine, "_peaks", {})
    assert machine.fma_peak() == 0.0
    assert machine.read_bandwidth(1 << 20) == 0.0
    assert machine.cpu.__wrapped__().isa == "NumPy"
