"""Copies between orders of axes, for operations that need their input laid out in another way."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tatamu.errors import CompileError
from tatamu.ops.array import Numpy
from tatamu.ops.layout import Ints
from tatamu.ops.planned import refusal, target
from tatamu.runtime.launch import Launch

__all__ = ["copy_into"]

# NumPy copies arrays smaller than this about as fast as a kernel is called.
FEWEST = 4096


def copy_into(to: Numpy, source: Numpy) -> None:
    """Copy an array over another of the same shape and dtype, of any strides.

    Where the two run along different axes a kernel transposes; NumPy does all else.
    """
    launch = None
    if source.size >= FEWEST:
        size = source.itemsize
        steps = (tuple([s // size for s in array.strides]) for array in (source, to))
        launch = _launch(size, source.shape, *steps)
    if launch is None:
        np.copyto(to, source)
        return
    addresses = [array.__array_interface__["data"][0] for array in (source, to)]
    launch((addresses[0], addresses[1]), launch.workers())


@lru_cache(maxsize=1024)
def _launch(itemsize: int, shape: Ints, x: Ints, y: Ints) -> Launch | None:
    """The kernel for these strides, ready; None where there is none."""
    from tatamu.kernels import reorder

    problem = reorder.ReorderProblem(itemsize, shape, x, y)
    try:
        return None if refusal(reorder, problem) else Launch(reorder.plan(problem, target()))
    except CompileError:
        return None
