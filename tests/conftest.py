"""One kernel cache for the whole run, quick and nightly cases, and what compiling has cost."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# Derandomized: the same cases everywhere, so that a failure on one machine is one on all. How
# long an example takes says nothing where the first one compiles a kernel.
settings.register_profile(
    "quick",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", settings.get_profile("quick"), max_examples=5000)

_own_folder = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the kernel cache (one given by the environment is kept) and the number of cases."""
    if "TATAMU_CACHE" not in os.environ:
        folder = tempfile.mkdtemp(prefix="tatamu-kernels-")
        config.stash[_own_folder] = folder
        os.environ["TATAMU_CACHE"] = folder
    settings.load_profile("nightly" if _wants_nightly(config) else "quick")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the kernel cache made for this run."""
    folder = config.stash.get(_own_folder, None)
    if folder is not None:
        os.environ.pop("TATAMU_CACHE", None)
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave nightly cases out unless they are asked for."""
    if _wants_nightly(config):
        return
    left_out = pytest.mark.skip(reason="nightly; ask for it with -m nightly")
    for item in items:
        if "nightly" in item.keywords:
            item.add_marker(left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What this run spent on machine code, in this process."""
    compiler = sys.modules.get("tatamu.stage.compile")
    if compiler is None:
        terminalreporter.write_line("kernels: none were needed")
        return
    runtime = sys.modules.get("tatamu.runtime.compiled")
    kernels = 0 if runtime is None else runtime.counts.compiled
    terminalreporter.write_line(
        f"kernels compiled: {kernels}; with the snippets of the staging layer's own tests "
        f"{compiler.work.objects} objects, {compiler.work.seconds:.1f} s in LLVM"
    )


def _wants_nightly(config: pytest.Config) -> bool:
    return str(config.getoption("markexpr")).strip() == "nightly"
