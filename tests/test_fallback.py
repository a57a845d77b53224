"""Without a compiler everything still runs, with one warning; and importing costs little."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A convolution whose every output is known without computing it: the window counts what it covers.
CONVOLVE = """
    import warnings
    import numpy as np

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import tatamu
        from tatamu import nn, ops

        events = []

        def convolve(size, pad):
            layer = nn.Conv2d(2, 3, 3, padding=pad)
            with tatamu.no_grad():
                layer.weight.fill_(1.0)
                layer.bias.fill_(0.5)
            x = tatamu.ones(1, 2, size, size, requires_grad=True)
            with ops.watching(events.append):
                y = layer(x)
            y.sum().backward()
            n = np.convolve(np.ones(size), np.ones(3), "same" if pad else "valid")
            assert np.array_equal(y.detach().numpy()[0, 1], 2 * np.outer(n, n) + 0.5), y
            assert float(x.grad.sum()) == 3 * 2 * n.sum() ** 2
            assert float(layer.bias.grad[0]) == len(n) ** 2

        for size, pad in ((6, 1), (9, 0), (6, 1)):
            convolve(size, pad)

    ran = [event.ran for event in events if event.op.name == "convolution"]
    print(len(caught), len(ran), {r.kernel for r in ran}, {r.isa for r in ran})
    for w in caught:
        print(w.category.__name__, str(w.message))
    for r in ran[:1]:
        print(r.why)
"""


def run_python(script: str, **environment: str) -> list[str]:
    """The lines a script prints; it must end with status 0 and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_without_llvmlite_the_reference_runs() -> None:
    blocked = "import sys\nsys.modules['llvmlite'] = None\n" + textwrap.dedent(CONVOLVE)
    first, *words = run_python(blocked)
    assert first == "1 3 {'NumPy reference'} {'NumPy'}"
    assert words[0].startswith("RuntimeWarning tatamu runs its NumPy reference")
    assert "llvmlite cannot be imported" in words[0]
    assert "llvmlite" in words[1]


def test_a_kernel_that_cannot_be_built_is_replaced_by_the_reference(tmp_path: Path) -> None:
    broken = """
        from tatamu.errors import CompileError
        from tatamu.runtime import compiled

        def object_code(text, target):
            raise CompileError("LLVM does not accept the kernel: too many cooks")

        compiled.object_code = object_code
    """
    script = textwrap.dedent(broken) + textwrap.dedent(CONVOLVE)
    first, *words = run_python(script, TATAMU_CACHE=str(tmp_path / "kernels"))
    assert first == "1 3 {'NumPy reference'} {'NumPy'}"
    assert words[0].startswith("RuntimeWarning tatamu runs its NumPy reference")
    assert "too many cooks" in words[0]
    assert "too many cooks" in words[1]
    assert not list(tmp_path.glob("kernels/*")), "nothing was kept"


def test_an_object_that_cannot_be_loaded_is_replaced_by_the_reference(tmp_path: Path) -> None:
    broken = """
        from tatamu.errors import CompileError
        from tatamu.runtime import compiled

        def load(code, *names):
            raise CompileError("the object does not define what it should")

        compiled.load = load
    """
    script = textwrap.dedent(broken) + textwrap.dedent(CONVOLVE)
    first, *words = run_python(script, TATAMU_CACHE=str(tmp_path / "kernels"))
    assert first == "1 3 {'NumPy reference'} {'NumPy'}"
    assert "the object does not define what it should" in words[0]


def test_with_a_compiler_nothing_is_said() -> None:
    from tatamu.stage import host

    target = host()
    if target is None:
        pytest.skip("no kernel can run here")
    first, *words = run_python(CONVOLVE)
    assert first.startswith("0 3 {'direct ")
    assert first.endswith(f"{{'{target.isa}'}}")
    assert words == [""]


def test_threads_and_facts_without_a_compiler() -> None:
    script = """
        import sys
        sys.modules["llvmlite"] = None
        import tatamu
        from tatamu.runtime import machine
        tatamu.set_num_threads(2)
        print(tatamu.get_num_threads(), machine.cpu().isa, machine.fma_peak(),
              machine.read_bandwidth(1 << 20))
    """
    assert run_python(script) == ["2 NumPy 0.0 0.0"]


# ---- importing -----------------------------------------------------------------------------------

LATE = (
    "llvmlite", "typer", "rich", "PIL", "safetensors", "click", "statistics", "hashlib",
)  # fmt: skip


def test_importing_loads_what_is_needed_and_no_more() -> None:
    script = f"import sys, tatamu\nprint([m for m in {LATE} if m in sys.modules])"
    assert run_python(script) == ["[]"]
    loaded = "import sys, PIL\nprint([m for m in ('PIL', 'rich') if m in sys.modules])"
    assert run_python(loaded) == ["['PIL']"], "such a module would have been seen"


def test_importing_is_quick(tmp_path: Path) -> None:
    """At most 0.25 s more than Python alone, in the best of several alternated runs.

    With byte code, as installed packages have it; without, compiling every source is most of it.
    """
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}

    def seconds(script: str) -> float:
        command = [sys.executable, "-c", script]
        start = time.perf_counter()
        subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **kept})
        return time.perf_counter() - start

    seconds("import tatamu")  # the byte code is written, the files are in memory
    runs = [(seconds("pass"), seconds("import tatamu")) for _ in range(6)]
    bare, full = (min(times) for times in zip(*runs, strict=True))
    assert full - bare < 0.25
