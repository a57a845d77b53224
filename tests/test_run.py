"""`tatamu run`: a script behaves as it does under python, and its errors show its own lines."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_runner import TATAMU, run, somewhere

from tatamu.cli_run import arrange
from tatamu.interop import figures, hook
from tatamu.interop.missing import explain_missing
from tatamu.lens.words import Words

__all__ = ["somewhere"]

FACTS = """
import sys, warnings
warnings.warn("old", DeprecationWarning)
print(__name__, __file__, sys.argv, sys.path, __spec__, __package__)
print(sorted(name for name in globals() if name.startswith("__")))
x: int = 3
if "fail" in sys.argv:
    def inner():
        raise ValueError("one\\n  two")
    inner()
sys.exit(int(sys.argv[-1]))
"""


def ran(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TATAMU, "run", *arguments], capture_output=True, text=True, input=stdin, check=False
    )


def python(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, input=stdin, check=False
    )


CALLS = {
    "a script": ("facts.py", "a", "--help", "-m", "3"),
    "its traceback": ("facts.py", "fail"),
    "code": ("-c", "import sys; print(sys.argv, sys.path, __name__)\n1/0", "-x"),
    "what cannot be parsed": ("broken.py",),
    "a message on the way out": ("-c", "import sys; sys.exit('gone wrong')"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_as_under_python(somewhere: Path, call: tuple[str, ...]) -> None:
    (somewhere / "facts.py").write_text(FACTS)
    (somewhere / "broken.py").write_text("x = = 1\n")
    expected, got = python(*call), ran(*call)
    assert got.stdout == expected.stdout
    assert got.stderr == expected.stderr
    assert got.returncode == expected.returncode


def test_modules_folders_and_standard_input(somewhere: Path) -> None:
    (somewhere / "facts.py").write_text("import sys, torch; print(__spec__.name, sys.argv[1:])")
    (somewhere / "folder").mkdir()
    (somewhere / "folder" / "__main__.py").write_text("import torch, sys; print(sys.argv)")
    assert ran("-m", "facts", "--a", "b").stdout == "facts ['--a', 'b']\n"
    assert ran("folder", "x").stdout == "['folder', 'x']\n"
    assert ran("-", "y", stdin="import sys, torch; print(sys.argv)").stdout == "['-', 'y']\n"


SCRIPT = """
import multiprocessing, sys
import torch
from torch import nn

def work(x):
    import torch
    return (torch.ones(2) * x).sum().item()

if __name__ == "__main__":
    print(torch.ones(2).dtype, type(nn.Parameter(torch.ones(1))), torch.Size([1]))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [1, 2]))
    try:
        from torch.nn import Con2d
    except ImportError as error:
        print(str(error).split(" (")[0])
    def forward(model, x):
        return model(x)
    forward(nn.Sequential(nn.Conv2d(3, 4, 3)), torch.ones(1, 2, 5, 5))
"""


def test_a_script_for_torch(somewhere: Path) -> None:
    (somewhere / "net.py").write_text(SCRIPT)
    done = ran("net.py")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "torch.float32 <class 'torch.nn.parameter.Parameter'> torch.Size([1])",
        "[2.0, 4.0]",
        "cannot import name 'Con2d' from 'torch.nn'",
    ]
    lines = done.stderr.splitlines()
    files = [line.strip() for line in lines if line.startswith("  File ")]
    assert len(files) == 2 and all("net.py" in line for line in files)
    assert lines[-4].startswith("RuntimeError: Given groups=1, weight of size [4, 3, 3, 3]")


def test_missing_names_stand_below_the_line(somewhere: Path) -> None:
    (somewhere / "a.py").write_text("import os\nfrom torch.nn import Con2d\n")
    done = ran("--lang", "ja", "a.py")
    assert 'a.py", line 2, in <module>' in done.stderr
    assert "    from torch.nn import Con2d\n" in done.stderr
    assert "ImportError: cannot import name 'Con2d' from 'torch.nn'" in done.stderr
    assert "  tatamu に torch.nn.Con2d はありません\n" in done.stderr
    assert "似た名前：torch.nn.Conv2d" in done.stderr
    everything = ran("--verbose", "a.py").stderr
    assert ": torch, " in everything and "'s in this process" in everything
    assert "program.py" in everything


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("import torch.fuu", "tatamu has no torch.fuu; what there is: "),
        ("import torch.cudaa", "tatamu has no torch.cudaa; what there is: torch.cuda"),
        ("from torch import cudaa", "tatamu has no torch.cudaa"),
        ("import torchaudio", "and not for torchaudio"),
        ("import nothing_of_this_name", ""),
    ],
)
def test_notes_of_import_errors(code: str, note: str) -> None:
    with hook.install():
        with pytest.raises(ImportError) as caught:
            exec(code, {})
        explain_missing(caught.value, Words("en"))
    notes = "\n".join(getattr(caught.value, "__notes__", ()))
    assert note in notes and bool(note) == bool(notes)


def test_ctrl_c_ends_it_cleanly(somewhere: Path) -> None:
    (somewhere / "wait.py").write_text("import time\nprint('go', flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [*TATAMU, "run", "wait.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 130
    assert "stopped at" in errors and "wait.py:3" in errors and "Traceback" not in errors


REFUSED = {
    ("nothing.py",): "nothing.py cannot be opened: No such file",
    ("-m", "no_such_module"): "There is no module no_such_module",
    ("-m", "no.such.module"): "There is no module no.such.module",
    (): "tatamu run needs a script",
    ("--out", "x.ipynb", "a.py"): "--out is for notebooks",
    ("--wrong", "a.py"): "--wrong",
    ("broken.ipynb",): "broken.ipynb is no notebook: ",
    ("--look-limit", "0", "a.py"): "",
}


@pytest.mark.parametrize("call", REFUSED, ids=" ".join)
def test_refusals(somewhere: Path, call: tuple[str, ...]) -> None:
    (somewhere / "a.py").write_text("print('must not run')")
    (somewhere / "broken.ipynb").write_text("{}")
    result = run("run", *arrange(call))
    assert result.exit_code == 2 and REFUSED[call] in result.stderr
    assert "must not run" not in result.stdout


def test_help_in_both_languages() -> None:
    english, japanese = run("run", "--help").stdout, run("run", "--help", lang="ja").stdout
    assert "tatamu run tutorial.py --look" in english and "tatamu run tutorial.py" in japanese
    assert "written for PyTorch" in english and "PyTorch 用" in japanese
    assert run("run", "-c", "1", "--help").exit_code == 0


def test_figures(somewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    (somewhere / "plot.py").write_text(
        "import matplotlib.pyplot as plt\nfor _ in range(2):\n"
        "    plt.plot([1, 2])\n    plt.show()\n"
    )
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    done = ran("--figures", "figs", "plot.py")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir("figs")) == ["figure-01.png", "figure-02.png"]
    assert done.stderr.count("figure saved: figs/figure-0") == 2
    if sys.platform.startswith("linux"):
        assert ran("plot.py").stderr.count("There is no display") == 1


def test_a_display_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)
    assert figures.headless()
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        monkeypatch.setenv(name, "x")
        assert not figures.headless()
        monkeypatch.delenv(name)
