"""`tatamu summary`: which network is meant, what goes into it, and how it ended."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tatamu.lens.layer_text import to_half_width
from tatamu.lens.networks import network
from tatamu.lens.words import LookError, Words

COLUMNS = (
    "input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds",
    "trainable",
)  # fmt: skip
ROWS = ("depth", "var_names", "ascii_only", "hide_recursive_layers")
RUN_FOR = ("input_size", "output_size", "mult_adds")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
          "bool")  # fmt: skip
SHORT = {"float": "float32", "double": "float64", "half": "float16", "long": "int64",
         "int": "int32", "short": "int16"}  # fmt: skip
STOPPED = 1
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    """What was asked for, as it was typed."""

    model: str
    inputs: tuple[str, ...] = ()
    columns: str | None = None
    rows: str | None = None
    depth: int = 3
    width: int = 25
    params: bool = False
    train: bool = False


def print_summary(asked: Asked, w: Words) -> None:
    """Print the summary. Raises LookError before anything runs; SystemExit(1) where it fails."""
    from tatamu import dtypes
    from tatamu.summary import summary

    given = [parse_input(text) for text in asked.inputs]
    kinds = [dtypes.bool_ if kind == "bool" else getattr(dtypes, kind) for _, kind in given]
    columns = _columns(asked.columns, bool(given))
    rows = _chosen("--rows", asked.rows, ROWS)
    for option, value, least in (("--depth", asked.depth, 0), ("--width", asked.width, 1)):
        if value < least:
            raise LookError("summary.positive", option=option, value=value, least=least)
    shapes = [shape for shape, _ in given]
    with ExitStack() as stack:
        model = network(asked.model, shapes, stack, w)
        try:
            result = summary(
                model,
                shapes or None,
                col_names=columns,
                col_width=asked.width,
                depth=asked.depth,
                dtypes=kinds if shapes else None,
                mode="train" if asked.train else "eval",
                row_settings=rows,
                verbose=0,
            )
        except RuntimeError as error:
            _, *lines = str(error).split("\n  ")
            print("\n".join([w("summary.stopped"), *lines]), file=sys.stderr)
            raise SystemExit(STOPPED) from None
        result.formatting.verbose = 2 if asked.params else 1
        print(result)


def parse_input(text: str) -> tuple[Shape, str]:
    """A typed size and its dtype.

    >>> parse_input("1x3x224x224"), parse_input("２×10:long")
    (((1, 3, 224, 224), 'float32'), ((2, 10), 'int64'))
    """
    size, colon, kind = to_half_width(text).strip().lower().partition(":")
    if not re.fullmatch(r"\d{1,9}(\s*[x×*,]\s*\d{1,9})*", size, re.ASCII):
        raise LookError("summary.input", text=text)
    shape = tuple(int(number) for number in re.findall(r"\d+", size))
    if not all(shape):
        raise LookError("summary.input", text=text)
    kind = SHORT.get(kind.strip(), kind.strip()) if colon else "float32"
    if kind not in DTYPES:
        raise LookError("summary.dtype", name=kind, names=", ".join(DTYPES))
    return shape, kind


def _chosen(option: str, text: str | None, known: Sequence[str]) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in to_half_width(text).split(",") if name.strip())
    for name in names:
        if name not in known:
            raise LookError("summary.choice", option=option, name=name, names=", ".join(known))
    return names


def _columns(text: str | None, runs: bool) -> tuple[str, ...] | None:
    if text is not None and text.strip() == "all":
        return tuple(name for name in COLUMNS if runs or name not in RUN_FOR)
    names = _chosen("--columns", text, (*COLUMNS, "all"))
    early = [] if runs else [name for name in names or () if name in RUN_FOR]
    if early:
        raise LookError("summary.run_for", option="--columns", names=", ".join(early))
    return names
