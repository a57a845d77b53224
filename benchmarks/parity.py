"""How close torch and tatamu come to float64, and where they are equal to the last bit.

    python -m benchmarks.parity --torch-python .torch/bin/python

`--torch-python` is an interpreter that has torch; it runs `benchmarks/parity_side.py` with AVX2
capability. The samples of every operation that torch has a call for, and layers of torch.nn, run
forward and backward in float32 on both sides; errors are measured against torch in float64, as
shares of the largest value of each result. What is drawn, filled, indexed or sorted is compared
byte by byte. Writes benchmarks/results/parity.json, and the copy that `tatamu parity` shows.
"""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import tatamu
from benchmarks.common import RESULTS, write
from benchmarks.parity_cases import CALLS, LAYERS, OTHERS
from benchmarks.parity_side import Side
from tatamu import nn, ops
from tatamu.nn import functional as F

ROOT = Path(__file__).parent.parent
SIDE = Path(__file__).parent / "parity_side.py"
SHIPPED = Path(tatamu.__file__).parent / "data" / "parity.json"
KINDS = ("forward", "backward")
Request = dict[str, Any]
Answered = Callable[[Request, str], dict[str, Any]]
"""What torch answered to a request in a precision."""


def facts_of(attrs: Any) -> dict[str, Any]:
    """What a line of ``CALLS`` may name besides the attributes themselves."""
    spec = getattr(attrs, "spec", attrs)
    windows = getattr(spec, "windows", None)
    facts: dict[str, Any] = {"a": attrs}
    if isinstance(windows, tuple):
        if any(before != after for before, after in (w.pad for w in windows)):
            raise ValueError("padded on one side only: torch has no argument for it")
        facts["dims"] = len(windows)
        facts["padding"] = tuple([w.pad[0] for w in windows])
        for name in ("kernel", "stride", "dilation"):
            facts[name] = tuple([getattr(w, name) for w in windows])
    if hasattr(attrs, "p"):
        facts["p"] = f"float('{attrs.p}')"
    return facts


def torch_call(name: str, attrs: Any, count: int) -> str | None:
    """torch's call for one sample; None where there is none."""
    line = CALLS.get(name)
    if line == "":
        return None
    if line is not None:
        try:
            return line.format(**facts_of(attrs))
        except ValueError:
            return None
    if attrs is None and hasattr(tatamu, name):
        return f"torch.{name}({', '.join('xyzw'[:count])})"
    return None


def operations() -> dict[str, list[Request]]:
    """The registry's samples as calls, by operation."""
    found: dict[str, list[Request]] = {}
    for name, op in sorted(ops.registry().items()):
        for sample in op.samples(np.random.default_rng(0)):
            code = torch_call(name, sample.attrs, len(sample.inputs))
            if code is not None:
                request = {"kind": "call", "code": code, "inputs": list(sample.inputs)}
                found.setdefault(name, []).append(request)
    return found


def layers() -> dict[str, list[Request]]:
    """The layers, by the text that makes them."""
    return {
        code: [
            {
                "kind": "layer",
                "code": code,
                "shape": [int(n) for n in shape.split(",")],
                "others": OTHERS.get(code.partition("(")[0], ""),
            }
        ]
        for code, shape in LAYERS.items()
    }


def programs() -> dict[str, list[Request]]:
    """Programs whose values are promised to the last bit: those that the tests' fixtures run."""
    sys.path.insert(0, str(ROOT / "scripts" / "fixtures"))
    import dropout_cases
    import init_cases
    import making_cases
    import order_cases
    import rng_cases

    lines = (ROOT / "scripts" / "fixtures" / "indexing_cases.txt").read_text(encoding="utf-8")
    indexing = [line for line in lines.splitlines() if line and not line.startswith("#")]
    picking = (
        "sort",
        "topk",
        ".arg",
        "kthvalue",
        ".mode(",
        "median",
        "unique",
        "search",
        "bincount",
    )
    random = np.random.default_rng(4)
    f = random.normal(size=(3, 3, 4)).round(3).tolist()
    i = random.integers(-3, 4, (3, 3, 4)).tolist()
    order = f"f = torch.tensor({f}); d = f.double(); i = torch.tensor({i}); b = f > 0; v = f[0, 0]"
    index = (
        "x = torch.arange(24.0).reshape(2, 3, 4); y = x * 1; z = x * 1;"
        "v = torch.arange(5.0); w = v * 1;"
        "m = torch.arange(12.0).reshape(3, 4); n = m * 1; k = torch.arange(12).reshape(3, 4);"
        "i = torch.tensor([1, 0]); j = torch.tensor([2, 0]); b = torch.tensor([True, False]);"
        "ix = torch.tensor([[[3, 0], [1, 1], [2, 0]], [[0, 3], [2, 2], [1, 3]]])"
    )
    groups: dict[str, tuple[str, Iterable[str]]] = {
        "random": ("", [*rng_cases.streams(), *rng_cases.LARGE, *rng_cases.CALLS]),
        "dropout": ("", dropout_cases.DROPOUT),
        "init": ("", init_cases.INIT),
        "weights": ("", [*init_cases.LAYERS, *init_cases.MODELS]),
        "creation": ("f = torch.ones(2, 3); i = f.long()", making_cases.CREATION),
        "indexing": (index, indexing),
        "sorting": (
            order,
            [code for code in order_cases.VALUES if any(word in code for word in picking)],
        ),
    }
    return {
        name: [{"kind": "bits", "before": before, "code": code} for code in codes]
        for name, (before, codes) in groups.items()
    }


def ask_torch(python: str, requests: list[Request]) -> dict[str, Any]:
    """The answers of real torch, and its version."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "asked", Path(folder) / "answered"
        asked.write_bytes(pickle.dumps(requests))
        settings = {**os.environ, "ATEN_CPU_CAPABILITY": "avx2"}
        settings.pop("PYTHONPATH", None)
        command = [python, str(SIDE), str(asked), str(answered)]
        subprocess.run(command, env=settings, check=True)
        return dict(pickle.loads(answered.read_bytes()))


def error(found: Any, exact: Any) -> float:
    """The largest difference, as a share of the largest exact value; 0 where both have none."""
    if exact is None or found is None:
        return 0.0 if found is None or not np.any(found) else float("inf")
    if found.shape != exact.shape:
        return float("inf")
    a, b = np.asarray(found, np.float64), np.asarray(exact, np.float64)
    if not a.size:
        return 0.0
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        away = np.where(same, 0.0, np.abs(a - b))
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max()) if finite.size else 1.0
    return float(np.nan_to_num(away, nan=np.inf).max()) / (scale or 1.0)


def errors(answer: dict[str, Any], exact: dict[str, Any]) -> list[float]:
    """The worst error of the value, and of the gradients."""
    pairs = list(zip(answer["arrays"], exact["arrays"], strict=True))
    worst = [error(*pairs[0]), max([error(*pair) for pair in pairs[1:]], default=0.0)]
    return worst


def compared(
    groups: dict[str, list[Request]], theirs: Answered, ours: Side
) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each name, and what could not be compared, with the reason."""
    rows, left_out = [], []
    for name, requests in groups.items():
        row: dict[str, Any] = {"name": name, "cases": 0, "torch": [0.0] * 2, "tatamu": [0.0] * 2}
        for request in requests:
            exact = theirs(request, "float64")
            sides = {
                "torch": theirs(request, "float32"),
                "tatamu": ours.answer({**request, "dtype": "float32"}),
            }
            failed = [a["error"] for a in (exact, *sides.values()) if "error" in a]
            if not failed and len(exact["arrays"]) != len(sides["tatamu"]["arrays"]):
                failed = ["differentiable on one side only"]
            if failed:
                left_out.append(f"{name}: {request['code']}: {failed[0]}")
                continue
            row["cases"] += 1
            for side, answer in sides.items():
                row[side] = [max(p) for p in zip(row[side], errors(answer, exact), strict=True)]
        if row["cases"]:
            rows.append(row)
    return rows, left_out


def bitwise(
    groups: dict[str, list[Request]], theirs: Answered, ours: Side
) -> tuple[list[dict[str, Any]], list[str]]:
    """How many of each group's programs give the same bytes; those that do not, by their text."""
    rows, different = [], []
    for name, requests in groups.items():
        row: dict[str, Any] = {"name": name, "cases": 0, "equal": 0}
        for request in requests:
            exact = theirs(request, "")
            if "error" in exact or len(exact["arrays"]) < 2:
                continue  # a program that torch refuses, or that makes no tensor
            row["cases"] += 1
            answer = ours.answer(request)
            if "arrays" in answer and same_bytes(answer["arrays"], exact["arrays"]):
                row["equal"] += 1
            else:
                different.append(f"{name}: {request['code']}")
        rows.append(row)
    return rows, different


def same_bytes(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether shapes, dtypes and bytes agree; one NaN is as good as another."""
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if a.dtype.kind == "f":
            a, b = (np.where(np.isnan(x), x.dtype.type(0.123), x) for x in (a, b))
        if np.ascontiguousarray(a).tobytes() != np.ascontiguousarray(b).tobytes():
            return False
    return True


def asked_of(groups: Iterable[dict[str, list[Request]]]) -> list[tuple[Request, str]]:
    """All that torch is asked, and in which precision: in both what is compared with float64."""
    requests = [each for group in groups for found in group.values() for each in found]
    precisions = {"bits": ("",)}
    return [
        (request, dtype)
        for request in requests
        for dtype in precisions.get(request["kind"], ("float32", "float64"))
    ]


def main() -> None:
    """Compare and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", required=True, help="an interpreter that has torch")
    options = parser.parse_args()
    parts = SimpleNamespace(ops=operations(), layers=layers(), bits=programs())
    asked = asked_of((parts.ops, parts.layers, parts.bits))
    answered = ask_torch(
        options.torch_python, [{**request, "dtype": dtype} for request, dtype in asked]
    )
    known = {
        (id(request), dtype): answer
        for (request, dtype), answer in zip(asked, answered["answers"], strict=True)
    }

    def theirs(request: Request, dtype: str) -> dict[str, Any]:
        return dict(known[id(request), dtype])

    ours = Side(tatamu, nn, F)
    op_rows, op_gaps = compared(parts.ops, theirs, ours)
    layer_rows, layer_gaps = compared(parts.layers, theirs, ours)
    bit_rows, different = bitwise(parts.bits, theirs, ours)
    for line in (*op_gaps, *layer_gaps, *different):
        print(line)
    write(
        "parity",
        {
            "torch": {"version": answered["torch"], "capability": answered["capability"]},
            "operations": op_rows,
            "layers": layer_rows,
            "bitwise": bit_rows,
            "not_compared": [*op_gaps, *layer_gaps],
            "not_bitwise": different,
        },
    )
    shutil.copy(RESULTS / "parity.json", SHIPPED)


if __name__ == "__main__":
    main()
