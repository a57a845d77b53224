"""Where the time of a compiled network goes: each step of its program, measured in its place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from tatamu.compile.execute import Bound, BoundStep
from tatamu.compile.graph import told
from tatamu.ops.array import Array
from tatamu.ops.op import Call
from tatamu.runtime import machine, threads

if TYPE_CHECKING:
    from tatamu.compile.compiled import Network

__all__ = ["CompiledProfile", "StepReport", "profiled"]

LEAST_PASSES, SECONDS = 5, 0.5


@dataclass(frozen=True)
class StepReport:
    """One step: what it computes and where it was written, the kernel, and what it took.

    ``fused`` says what was drawn into it; ``seconds`` is a median, ``flops`` and ``nbytes`` are
    those of plain arithmetic that reads every operand once; ``why`` tells of kernels that refused.
    """

    op: str
    where: str
    shape: tuple[int, ...]
    fused: tuple[str, ...]
    kernel: str
    why: str
    seconds: float
    flops: int
    nbytes: int

    @property
    def gflops(self) -> float:
        """Operations in a second, in thousand millions."""
        return self.flops / self.seconds / 1e9 if self.seconds else 0.0

    @property
    def bandwidth(self) -> float:
        """Bytes in a second, in thousand millions."""
        return self.nbytes / self.seconds / 1e9 if self.seconds else 0.0


@dataclass(frozen=True)
class CompiledProfile:
    """A compiled network's steps and what they need together; prints as a table.

    ``seconds`` is the median time of a whole call, ``peak`` and ``memory`` this machine's measured
    GFLOP/s and GB/s with the ``threads`` in use; ``arena`` and ``activations`` are bytes: what all
    values share, and what they would take without sharing.
    """

    steps: tuple[StepReport, ...]
    seconds: float
    native_calls: int
    python_steps: int
    arena: int
    activations: int
    weights: int
    peak: float
    memory: float
    threads: int

    @property
    def flops(self) -> int:
        """Operations of a whole call."""
        return sum(step.flops for step in self.steps)

    def __str__(self) -> str:
        total = sum(step.seconds for step in self.steps) or 1.0
        table = [("", "op", "output", "kernel", "ms", "%", "GFLOP/s", "of peak", "GB/s", "with")]
        for place, s in enumerate(self.steps):
            share = f"{s.gflops / self.peak:.0%}" if self.peak and s.flops > s.nbytes else ""
            table.append((
                str(place), s.op, "×".join(map(str, s.shape)), s.kernel, f"{1e3 * s.seconds:.3f}",
                f"{100 * s.seconds / total:.1f}", f"{s.gflops:.0f}", share, f"{s.bandwidth:.0f}",
                " ".join(s.fused),
            ))  # fmt: skip
        widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
        right = {0, 4, 5, 6, 7, 8}
        lines = []
        for row in table:
            cells = zip(row, widths, strict=True)
            texts = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(cells)]
            lines.append("  ".join(texts).rstrip())
        lines.append(
            f"{1e3 * self.seconds:.2f} ms a call, {self.flops / self.seconds / 1e9:.0f} GFLOP/s "
            f"(peak {self.peak:.0f}), {self.native_calls} native calls, "
            f"{self.python_steps} steps in Python, {self.threads} threads"
        )
        lines.append(
            f"arena {self.arena / 2**20:.1f} MiB for activations of "
            f"{self.activations / 2**20:.1f} MiB, weights {self.weights / 2**20:.1f} MiB"
        )
        return "\n".join(lines)

    __repr__ = __str__


def profiled(network: Network, inputs: Sequence[Array]) -> CompiledProfile:
    """Measure the steps of a network in the order in which they run, and whole calls besides.

    Steps are called from Python one by one, so each has the caches as the one before left them;
    what a native call saves beside is the difference to ``seconds``.
    """
    bound = Bound(network.plan, [False] * len(network.plan.graph.outputs))
    bound.enter(inputs)
    times: list[list[float]] = [[] for _ in bound.steps]
    for step in bound.steps:
        step.run()
    end = time.perf_counter() + SECONDS
    while len(times[0] if times else [0] * LEAST_PASSES) < LEAST_PASSES or (
        times and time.perf_counter() < end
    ):
        for place, step in enumerate(bound.steps):
            start = time.perf_counter()
            step.run()
            times[place].append(time.perf_counter() - start)
    reports = tuple(
        _report(step, planned.node, median(taken))
        for step, planned, taken in zip(bound.steps, network.plan.steps, times, strict=True)
    )
    bound.leave()
    count = threads.get_num_threads()
    program = network.program
    return CompiledProfile(
        steps=reports,
        seconds=_whole(network, inputs),
        native_calls=program.native_calls,
        python_steps=program.python_steps,
        arena=network.plan.arena,
        activations=network.plan.activations,
        weights=program.constant_bytes,
        peak=machine.fma_peak(count),
        memory=machine.read_bandwidth(64 << 20, count),
        threads=count,
    )


def _whole(network: Network, inputs: Sequence[Array]) -> float:
    network(inputs)
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < LEAST_PASSES or time.perf_counter() < end:
        start = time.perf_counter()
        network(inputs)
        taken.append(time.perf_counter() - start)
    return median(taken)


def _report(step: BoundStep, node: Any, seconds: float) -> StepReport:
    call = Call(step.op, step.attrs, step.inputs)
    plan = step.plan
    return StepReport(
        op=step.op.name,
        where=node.where,
        shape=tuple(step.outputs[0].shape),
        fused=tuple(told(step.attrs)),
        kernel=plan.ran().kernel,
        why=plan.why,
        seconds=seconds,
        flops=step.op.flops(call),
        nbytes=step.op.bytes(call),
    )
