"""Copies between orders of axes, for operations that need their input laid out in another way."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tatamu.errors import CompileError
from tatamu.ops.array import Array, Numpy
from tatamu.ops.layout import Ints, channels_innermost_strides
from tatamu.ops.planned import refusal, target
from tatamu.runtime import capture
from tatamu.runtime.launch import Launch
from tatamu.runtime.storage import Storage

__all__ = ["channels_last", "copies_natively", "copy_into", "laid_last"]

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


def channels_last(array: Numpy, channels: int, groups: int = 1) -> Storage:
    """A copy of (n, c, pixels...) with channels innermost, each group filled up with zeros."""
    n, c = array.shape[:2]
    sizes = array.shape[2:]
    storage = Storage(n * int(np.prod(sizes)) * groups * channels * array.itemsize)
    copy = np.ndarray((n, *sizes, groups, channels), array.dtype, np.asarray(storage))
    own = c // groups
    split = array.reshape(n, groups, own, *sizes, copy=False)
    copy_into(np.moveaxis(copy[..., :own], (-2, -1), (1, 2)), split)
    if own < channels:
        copy[..., own:] = 0
    return storage


def laid_last(x: Array) -> Storage:
    """A copy of ``x`` with channels innermost; launches that are noted include the copy's."""
    if capture.state.log is None:
        return channels_last(x.array, x.shape[1])
    launch = _copy(x.dtype.itemsize, tuple(x.shape), x.strides)
    if launch is None:
        raise RuntimeError(f"no kernel lays {list(x.shape)}, strides {x.strides}, channels-last")
    storage = capture.scratch(x.shape.numel() * x.dtype.itemsize)
    launch((x.address, storage.address), launch.workers())
    return storage


def copies_natively(itemsize: int, shape: Ints, strides: Ints) -> bool:
    """Whether a kernel lays such a tensor channels-last."""
    return _copy(itemsize, tuple(shape), strides) is not None


@lru_cache(maxsize=1024)
def _copy(itemsize: int, shape: Ints, x: Ints) -> Launch | None:
    """The kernel that lays a tensor channels-last, however small; None where there is none."""
    from tatamu.kernels import pointwise
    from tatamu.kernels.pointwise_emit import single

    y = channels_innermost_strides(shape)
    launch = _launch(itemsize, shape, x, y)
    name = {1: "uint8", 4: "int32", 8: "int64"}.get(itemsize)
    if launch is None and name is not None:
        problem = pointwise.PointwiseProblem(single("copy", (name,), name), shape, (x, y), ())
        try:
            if not refusal(pointwise, problem):
                return Launch(pointwise.plan(problem, target()))
        except CompileError:
            return None
    return launch


@lru_cache(maxsize=1024)
def _launch(itemsize: int, shape: Ints, x: Ints, y: Ints) -> Launch | None:
    """The kernel for these strides, ready; None where there is none."""
    from tatamu.kernels import reorder

    problem = reorder.ReorderProblem(itemsize, shape, x, y)
    try:
        return None if refusal(reorder, problem) else Launch(reorder.plan(problem, target()))
    except CompileError:
        return None
