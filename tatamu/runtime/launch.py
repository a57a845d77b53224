"""Calling a kernel: its argument block is copied, addresses are filled in, the pool runs it."""

from __future__ import annotations

import ctypes
from typing import Any

from tatamu.kernels.plan import ConvPlan
from tatamu.runtime import threads
from tatamu.runtime.compiled import Compiled, compiled
from tatamu.runtime.storage import Storage

# `threads.WAKE_US` of work at 100 GFLOP/s.
WAKE_FLOPS = threads.WAKE_US * 100_000


class ConvLaunch:
    """One plan of a convolution, ready to be called from any thread with four addresses.

    Making it compiles the kernel, or finds it; raises :class:`tatamu.errors.CompileError` where
    that cannot be done.
    """

    __slots__ = (
        "_address",
        "_block",
        "_items",
        "_scratch",
        "_task",
        "_template",
        "_wake",
        "code",
        "plan",
    )

    def __init__(self, plan: ConvPlan):
        self.plan = plan
        self.code: Compiled = compiled(plan.emit, plan.target, plan.symbol)
        self._address = self.code.addresses[0]
        self._task = threads.task(self._address)
        self._template = plan.arguments().tobytes()
        self._block = ctypes.c_int64 * (len(self._template) // 8)
        self._items = plan.items
        self._scratch = plan.scratch * plan.itemsize
        self._wake = plan.problem.flops > WAKE_FLOPS

    def __call__(self, x: int, weights: int, bias: int, y: int) -> None:
        """Convolve: addresses of the input's first element, packed weights and bias, output."""
        block: Any = self._block.from_buffer_copy(self._template)
        block[0] = x
        block[1] = weights
        block[2] = bias
        block[3] = y
        workers = threads.get_num_threads() if self._items > 1 else 1
        scratch = Storage(self._scratch * workers)  # of this call: others may run beside it
        block[4] = scratch.address
        if workers == 1:
            self._task(block, 0, self._items, 0)
        else:
            threads.run_with(self._address, block, self._items, workers, self._wake)
