"""Weights packed by a compiled kernel, or by NumPy where a plan has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tatamu.ops.array import Numpy
from tatamu.runtime.storage import Storage

if TYPE_CHECKING:
    from tatamu.kernels.packing import PackingPlan

__all__ = ["Packer"]


class Packer:
    """Packs weights as one plan reads them. Making it compiles the kernel, as `Launch` does."""

    __slots__ = ("_launch", "_size")

    def __init__(self, plan: PackingPlan):
        from tatamu.runtime.launch import Launch

        self._size = plan.size
        self._launch = Launch(plan)

    def __call__(self, weight: Numpy) -> tuple[int, Numpy]:
        """The packed copy of weights (out, in, kernel), and its address."""
        from tatamu.kernels.packing import strides_of

        storage = Storage(self._size * weight.itemsize)
        given = (weight.ctypes.data, storage.address, *strides_of(weight))
        self._launch.now(given, self._launch.workers())
        return storage.address, np.asarray(storage).view(weight.dtype)
