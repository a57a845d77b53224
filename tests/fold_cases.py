"""Kernels that fold axes as tests call them: plans run on NumPy arrays as they lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu.dtypes import BY_NAME
from tatamu.kernels.fold import Folded, folded
from tatamu.ops.array import wrap
from tatamu.ops.layout import axis_order
from tatamu.ops.planned import PlannedRunner, StagedRunner

Numpy = Any
NHWC, NCHW = (0, 2, 3, 1), (0, 1, 2, 3)
ORDERS = pytest.mark.parametrize("order", [NCHW, NHWC], ids=["NCHW", "NHWC"])


def laid(x: Numpy, order: tuple[int, ...]) -> Numpy:
    """``x``, its axes from slowest to fastest in memory as ``order`` says."""
    return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))


def seen(x: Numpy, axes: tuple[int, ...]) -> Folded:
    """A reduction of an array as kernels see it."""
    steps = tuple(s // x.itemsize for s in x.strides)
    found = folded(str(x.dtype), x.shape, axis_order(x.shape, steps), axes)
    assert isinstance(found, Folded), found
    return found


def run(plan: Any, inputs: list[Numpy | None], outputs: list[Numpy]) -> None:
    """Run a plan; each array as it lies."""
    runner = StagedRunner(plan) if hasattr(plan, "stages") else PlannedRunner(plan)
    given = [None if a is None else wrap(a, BY_NAME[str(a.dtype)]) for a in inputs]
    runner(tuple(given), tuple([wrap(a, BY_NAME[str(a.dtype)]) for a in outputs]))


def on_threads(compute: Any) -> list[Any]:
    """What ``compute`` gives on 1, 2 and 5 threads."""
    before, results = tatamu.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            tatamu.set_num_threads(threads)
            results.append(compute())
    finally:
        tatamu.set_num_threads(before)
    return results
