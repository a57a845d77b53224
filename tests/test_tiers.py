"""The suite itself: its three tiers, and the number of kernels that it may compile."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from conftest import MOST_KERNELS
from covering import covering, values

HERE = Path(__file__).parent
CASES = """
    import pytest
    from tatamu.runtime.compiled import counts

    def test_quick(): counts.compiled += {kernels}

    @pytest.mark.slow
    def test_slow(): pass

    @pytest.mark.nightly
    def test_nightly(): counts.compiled += {kernels}
"""


def run(folder: Path, kernels: int, *options: str) -> tuple[int, list[str]]:
    """Exit status and last lines of a run of three tests, under this suite's conftest.py."""
    for name in ("conftest.py", "covering.py"):
        (folder / name).write_text((HERE / name).read_text())
    lines = CASES.format(kernels=kernels).replace("\n    ", "\n")
    (folder / "test_cases.py").write_text(lines)
    markers = ("nightly", "slow", "quick")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    " + "\n    ".join(markers))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-pno:cacheprovider", *options],
        capture_output=True, text=True, cwd=folder, timeout=60,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()[-3:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "kernels", "words"),
    [
        ((), MOST_KERNELS - 1, "2 passed, 1 skipped"),
        (("-m", "quick"), 1, "1 passed, 2 deselected"),
        (("-m", "nightly"), MOST_KERNELS, "1 passed, 2 deselected"),
    ],
    ids=["full", "quick", "nightly"],
)
def test_tiers(tmp_path: Path, options: tuple[str, ...], kernels: int, words: str) -> None:
    status, lines = run(tmp_path, kernels, *options)
    assert status == 0
    assert words in lines[-1]


def test_a_run_that_compiles_too_many_kernels_has_failed(tmp_path: Path) -> None:
    status, lines = run(tmp_path, MOST_KERNELS)
    assert status == pytest.ExitCode.TESTS_FAILED
    wanted = f"FAILED: these tests compiled {MOST_KERNELS} kernels, and fewer than {MOST_KERNELS}"
    assert any(line.startswith(wanted) for line in lines), lines


def test_a_covering_shows_every_value_in_few_cases() -> None:
    cases = list(product("abc", (1, 2), ((True, "x"), (False, "y"))))
    chosen = covering(cases)
    assert len(chosen) == 3
    assert set().union(*map(values, chosen)) == set().union(*map(values, cases))
    assert covering([]) == []
