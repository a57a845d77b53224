"""One kernel cache for the whole run, three tiers of cases, and what compiling has cost.

``-m quick`` leaves out what is marked slow; without ``-m`` all but what is marked nightly runs;
``-m nightly`` runs that alone.
"""

from __future__ import annotations

import os
import shutil
import signal
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

# Kernels that all tests but the nightly ones may compile in one process.
MOST_KERNELS = 600

_own_folder = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Stored pictures are rewritten on request."""
    parser.addoption("--update-golden", action="store_true", help="rewrite stored pictures")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the kernel cache (one given by the environment is kept) and the number of cases."""
    if "TATAMU_CACHE" not in os.environ:
        folder = tempfile.mkdtemp(prefix="tatamu-kernels-")
        config.stash[_own_folder] = folder
        os.environ["TATAMU_CACHE"] = folder
    settings.load_profile("nightly" if _wants_nightly(config) else "quick")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that starts the run in the background has it ignore interrupts, and with it the
        # processes that tests start and interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the kernel cache made for this run."""
    folder = config.stash.get(_own_folder, None)
    if folder is not None:
        os.environ.pop("TATAMU_CACHE", None)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as quick what is not slow; leave nightly cases out unless they are asked for."""
    for item in items:
        if not any(item.get_closest_marker(name) for name in ("slow", "nightly")):
            item.add_marker(pytest.mark.quick)
    if _wants_nightly(config):
        return
    left_out = pytest.mark.skip(reason="nightly; ask for it with -m nightly")
    for item in items:
        if item.get_closest_marker("nightly"):
            item.add_marker(left_out)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run that compiled too many kernels has failed."""
    if exitstatus == pytest.ExitCode.OK and _too_many(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """What this run spent on machine code, in this process."""
    compiler = sys.modules.get("tatamu.stage.compile")
    if compiler is None:
        terminalreporter.write_line("kernels: none were needed")
        return
    terminalreporter.write_line(
        f"kernels compiled: {_compiled()}; with the snippets of the staging layer's own tests "
        f"{compiler.work.objects} objects, {compiler.work.seconds:.1f} s in LLVM"
    )
    if _too_many(config):
        terminalreporter.write_line(
            f"FAILED: these tests compiled {_compiled()} kernels, and fewer than {MOST_KERNELS} "
            "are allowed; mark combinations that show nothing new as nightly (tests/covering.py)",
            red=True,
        )


def _compiled() -> int:
    """How many kernels this process has compiled; those with which the cache is tried are none."""
    runtime = sys.modules.get("tatamu.runtime.compiled")
    trial = sys.modules.get("cache_trial")
    trials = 0 if trial is None else len(trial.written)
    return 0 if runtime is None else runtime.counts.compiled - trials


def _too_many(config: pytest.Config) -> bool:
    return _compiled() >= MOST_KERNELS and not _wants_nightly(config)


def _wants_nightly(config: pytest.Config) -> bool:
    return str(config.getoption("markexpr")).strip() == "nightly"
