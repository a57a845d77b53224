"""Calling a kernel: its argument block is copied, addresses are filled in, the pool runs it."""

from __future__ import annotations

import ctypes
from typing import Any

from tatamu.kernels.plan import ConvPlan, Plan
from tatamu.runtime import capture, threads
from tatamu.runtime.compiled import Compiled, compiled

# `threads.WAKE_US` of work at 100 GFLOP/s.
WAKE_FLOPS = threads.WAKE_US * 100_000


class Launch:
    """A kernel and its argument block, ready to be called from any thread.

    Making it compiles the kernel, or finds it; raises :class:`tatamu.errors.CompileError` where
    that cannot be done. Calls of little work leave sleeping workers asleep.
    """

    __slots__ = (
        "_address",
        "_block",
        "_items",
        "_task",
        "_template",
        "_wake",
        "_work",
        "code",
        "symbol",
    )

    def __init__(self, plan: Plan):
        self.code: Compiled = compiled(plan.emit, plan.target, plan.symbol)
        self._address = self.code.addresses[0]
        self._task = threads.task(self._address)
        self._template = plan.arguments().tobytes()
        self._block = ctypes.c_int64 * (len(self._template) // 8)
        self._items = plan.items
        self._work = plan.work
        self._wake = plan.work > WAKE_FLOPS
        self.symbol = plan.symbol

    def workers(self) -> int:
        """How many threads the next call will use."""
        return threads.get_num_threads() if self._items > 1 else 1

    def __call__(self, addresses: tuple[int, ...], workers: int) -> None:
        """Run it, or have it noted; ``addresses`` fill the first fields of the argument block."""
        log = capture.state.log
        if log is not None:
            launched = capture.Launched(
                self._address, self._template, addresses, self._items, self._work, self.symbol
            )
            log.launches.append(launched)
            return
        self.now(addresses, workers)

    def now(self, addresses: tuple[int, ...], workers: int) -> None:
        """Run it, even while others are noted."""
        block: Any = self._block.from_buffer_copy(self._template)
        for field, address in enumerate(addresses):
            block[field] = address
        if workers == 1:
            self._task(block, 0, self._items, 0)
        else:
            threads.run_with(self._address, block, self._items, workers, self._wake)


class ConvLaunch:
    """One plan of a convolution, ready to be called from any thread with its addresses."""

    __slots__ = ("_launch", "_scratch", "code", "plan")

    def __init__(self, plan: ConvPlan):
        self.plan = plan
        self._launch = Launch(plan)
        self.code = self._launch.code
        self._scratch = plan.scratch * plan.problem.itemsize

    def __call__(self, x: int, weights: int, bias: int, y: int, residual: int = 0) -> None:
        """Convolve: addresses of the input's first element, packed weights and bias, output."""
        workers = self._launch.workers()
        scratch = capture.scratch_each(self._scratch, workers)
        self._launch((x, weights, bias, residual, y, scratch.address), workers)
