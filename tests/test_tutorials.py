"""The tutorials of examples/tutorials print under `tatamu run` what they print under torch.

The expected texts and pictures are made by scripts/fixtures/tutorials.py. Line by line they must
be equal; in the tutorials of ``TOLERANCE`` a decimal number may differ by so many units of its last
printed digit, since it comes of long sums of floats, whose order is each kernel's own.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest
from cli_runner import TATAMU, somewhere
from PIL import Image

import tatamu

__all__ = ["somewhere"]

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "examples" / "tutorials").glob("*.py"))
FOLDER = Path(__file__).parent / "fixtures" / "tutorials"
MADE = json.loads((FOLDER / "made.json").read_text(encoding="utf-8"))
PHOTO = Path(tatamu.__file__).parent / "data" / "cat.jpg"

TOLERANCE = {
    "11_arrays_and_pictures": 1,  # the average of ten thousand numbers
    "12_training": 1,  # losses after hundreds of steps
}
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


def unit(text: str) -> float:
    """What a step of the last printed digit comes to.

    >>> unit("0.25"), unit("3.7e-05"), unit("12")
    (0.01, 1e-06, 0.0)
    """
    mantissa, _, exponent = text.partition("e")
    if "." not in mantissa:
        return 0.0
    return float(f"1e{int(exponent or 0) - len(mantissa.partition('.')[2])}")


def alike(line: str | None, wanted: str | None, units: int) -> bool:
    """Whether two lines are equal but for so many units of their decimal numbers' last digits."""
    if line == wanted:
        return True
    if not units or line is None or wanted is None:
        return False
    texts = [" ".join(NUMBER.sub("#", each).split()) for each in (line, wanted)]
    pairs = zip(NUMBER.findall(line), NUMBER.findall(wanted), strict=False)
    return texts[0] == texts[1] and all(
        abs(float(a) - float(b)) <= units * max(unit(a), unit(b)) * 1.001 for a, b in pairs
    )


@pytest.mark.slow
@pytest.mark.parametrize("script", TUTORIALS, ids=[script.stem for script in TUTORIALS])
def test_prints_what_torch_prints(script: Path, somewhere: Path) -> None:
    shutil.copy(PHOTO, somewhere)
    done = subprocess.run(
        [*TATAMU, "run", str(script)], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.splitlines()
    expected = (FOLDER / f"{script.stem}.txt").read_text(encoding="utf-8").splitlines()
    units = TOLERANCE.get(script.stem, 0)
    wrong = [
        f"line {number}: {line!r} instead of {wanted!r}"
        for number, (line, wanted) in enumerate(zip_longest(printed, expected), 1)
        if not alike(line, wanted, units)
    ]
    assert wrong == []
    kept = sorted(FOLDER.glob(f"{script.stem}-*.png"))
    names = [path.name.removeprefix(f"{script.stem}-") for path in kept]
    assert sorted(path.name for path in somewhere.glob("*.png")) == names
    for name, path in zip(names, kept, strict=True):
        made, theirs = (np.asarray(Image.open(each)).astype(int) for each in (name, path))
        assert made.shape == theirs.shape
        assert abs(made - theirs).max() <= 1


def test_the_texts_are_of_the_versions_documented() -> None:
    assert sorted(MADE) == [script.stem for script in TUTORIALS]
    for facts in MADE.values():
        assert facts.get("capability", "AVX2") == "AVX2"
        assert "torchvision" in facts or facts.get("torch", "2.13.").startswith("2.13.")


def imported(script: Path) -> set[str]:
    """The libraries that a script imports."""
    tops: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            tops.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            tops.add((node.module or "").partition(".")[0])
    return tops


def test_they_import_the_real_names_only() -> None:
    for script in TUTORIALS:
        assert "tatamu" not in imported(script)
        assert imported(script) & {"torch", "tensorflow"}


def test_what_counts_as_alike() -> None:
    assert alike("loss 0.1234 (3 of 5)", "loss 0.1235 (3 of 5)", 1)
    assert not alike("loss 0.1234", "loss 0.1236", 1)
    assert not alike("loss 0.1234", "loss 0.1235", 0)
    assert not alike("3 of 5", "4 of 5", 1)
    assert not alike("loss 0.1", "lass 0.1", 1)
    assert not alike(None, "0.1", 1)
    assert alike("3.48e-05", "3.49e-05", 1)
