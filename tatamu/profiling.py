"""Which kernel serves each operation of a layer or network, why not the others, and how fast.

`profile` shows, `tune` measures and remembers what was fastest on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tatamu.autograd import no_grad
from tatamu.errors import CompileError
from tatamu.functions.random import randn
from tatamu.ops.array import Array, made
from tatamu.ops.choose import Candidate, candidates, forget_tuned, remember, tuned_name
from tatamu.ops.layout import Size, contiguous_strides
from tatamu.ops.op import Call, Event, Op, Runner, watching
from tatamu.runtime.packing import packed
from tatamu.runtime.storage import Storage

__all__ = [
    "KernelReport",
    "OpReport",
    "Profile",
    "forget_tuned",
    "op_report",
    "packed_memory",
    "profile",
    "set_packed_limit",
    "tune",
]

# Of each kernel, when it is measured: pauses let other threads' spinning end.
SECONDS, LEAST_RUNS, PAUSE = 0.03, 5, 0.005


@dataclass(frozen=True)
class KernelReport:
    """One kernel that might serve an operation: refused, with the reason, or how long it takes.

    ``predicted`` and ``measured`` are seconds, None where unknown; ``scratch`` is the memory in
    bytes that it needs beside inputs and outputs.
    """

    name: str
    refusal: str
    predicted: float | None
    measured: float | None
    scratch: int

    def __str__(self) -> str:
        if self.refusal:
            return f"{self.name:16} no: {self.refusal}"
        predicted = f"predicted {_time(self.predicted)}" if self.predicted is not None else ""
        measured = f"measured {_time(self.measured)}" if self.measured is not None else ""
        scratch = f"{self.scratch / 2**20:.1f} MiB" if self.scratch else ""
        return f"{self.name:16} {predicted:22} {measured:20} {scratch}".rstrip()


@dataclass(frozen=True)
class OpReport:
    """One operation of the forward pass and all kernels that might serve it, the taken one first.

    ``ran`` names the kernel that ran, with its tile; ``gflops`` is its measured speed or None.
    """

    name: str
    shapes: tuple[Size | None, ...]
    ran: str
    flops: int
    kernels: tuple[KernelReport, ...]

    def __str__(self) -> str:
        shapes = ", ".join(str(list(s)) for s in self.shapes if s is not None)
        best = self.kernels[0].measured if self.kernels else None
        speed = f"   {self.flops / best / 1e9:.0f} GFLOP/s" if best and self.flops else ""
        lines = [f"{self.name}({shapes})   {self.ran}{speed}"]
        return "\n".join([*lines, *(f"  {kernel}" for kernel in self.kernels)])


@dataclass(frozen=True)
class Profile:
    """The operations of one forward pass, in order; prints as a table.

    ``packed`` is the memory of all packed weights in this process, in bytes.
    """

    operations: tuple[OpReport, ...]
    packed: int = field(default=0)

    def __str__(self) -> str:
        lines = [str(operation) for operation in self.operations]
        return "\n".join([*lines, f"packed weights: {self.packed / 2**20:.1f} MiB"])

    __repr__ = __str__


def profile(
    layer: Callable[..., Any],
    *inputs: Array | Sequence[int],
    measure: bool = False,
) -> Any:
    """How each operation of ``layer`` is served for inputs of these shapes (or these tensors).

    A compiled network (`tatamu.compile`) says what each step of its program takes. Of all else,
    for every operation of a forward pass: the kernel that ran; what each kernel that could have run
    was predicted to take, and with ``measure`` what it takes; why the others refuse.

    >>> import tatamu
    >>> report = tatamu.profile(tatamu.nn.Conv2d(16, 32, 3, stride=2), (1, 16, 32, 32))
    >>> report.operations[0].name
    'convolution'
    >>> [k.refusal for k in report.operations[0].kernels if k.name == "Winograd"]
    ['it needs stride 1, not (2, 2)']
    """
    own = getattr(layer, "profile", None)
    if own is not None and not isinstance(layer, type):  # it knows better what it runs
        return own(*_tensors(inputs))
    return _profile(layer, inputs, measure)


def _profile(
    layer: Callable[..., Any], inputs: Sequence[Array | Sequence[int]], measure: bool
) -> Profile:
    operations = [_op_report(e, call, measure) for e, call in _events(layer, inputs)]
    return Profile(tuple(operations), packed_memory())


def op_report(event: Event) -> OpReport:
    """How an operation that ``watching`` tells of is served, and why not by other kernels."""
    return _op_report(event, Call(event.op, event.attrs, event.inputs), False)


def tune(layer: Callable[..., Any], *inputs: Array | Sequence[int]) -> Profile:
    """Measure every kernel that could serve the operations of ``layer``; remember the fastest.

    The choices are kept on disk and hold for these shapes on this machine, in this and in later
    runs, until ``forget_tuned()``. Different kernels round differently in the last bits.

    >>> import tatamu
    >>> report = tatamu.tune(tatamu.nn.Conv2d(8, 8, 3), (1, 8, 12, 12))
    >>> all(k.measured for op in report.operations for k in op.kernels if not k.refusal)
    True
    >>> tatamu.forget_tuned()
    """
    report = _profile(layer, inputs, True)
    choices = {}
    pairs = zip(report.operations, _events(layer, inputs), strict=True)
    for operation, (_, call) in pairs:
        timed = [k for k in operation.kernels if k.measured is not None]
        if len(timed) > 1:
            best = min(timed, key=lambda k: k.measured or 0.0)
            choices[tuned_name(call)] = best.name
    if choices:
        remember(choices)
    return report


def packed_memory() -> int:
    """Bytes that packed copies of weights take in this process.

    A layer's weights are packed once for each way in which a kernel reads them, and again only
    after they change.
    """
    return packed.nbytes


def set_packed_limit(nbytes: int) -> None:
    """Keep packed weights within this many bytes: beyond it the oldest are dropped.

    They are packed again when they are next needed. The default is a quarter of the machine's
    memory. Raises ValueError for a negative number.

    >>> import tatamu
    >>> tatamu.set_packed_limit(1 << 30)
    """
    if nbytes < 0:
        raise ValueError(f"set_packed_limit expects a number of bytes, but got {nbytes}")
    packed.limit = nbytes
    packed.trim()


def _tensors(inputs: Sequence[Array | Sequence[int]]) -> list[Array]:
    return [x if isinstance(x, Array) else randn(*x) for x in inputs]


def _events(
    layer: Callable[..., Any], inputs: Sequence[Array | Sequence[int]]
) -> list[tuple[Event, Call]]:
    """What a forward pass without a graph runs, views left out."""
    tensors = _tensors(inputs)
    events: list[Event] = []
    with no_grad(), watching(events.append):
        layer(*tensors)
    return [(e, Call(e.op, e.attrs, e.inputs)) for e in events if not e.op.aliases]


def _op_report(event: Event, call: Call, measure: bool) -> OpReport:
    found = candidates(call, exact=True) if call.op.kernels else []
    kernels = tuple(_report(c, event, call, measure) for c in found)
    return OpReport(call.op.name, call.shapes, event.ran.kernel, call.op.flops(call), kernels)


def _report(candidate: Candidate, event: Event, call: Call, measure: bool) -> KernelReport:
    measured = None
    refusal = candidate.refusal
    if measure and not refusal:
        try:
            measured = _measured(candidate.kernel.prepare(call), event, call)
        except CompileError as error:
            refusal = str(error)
    name = candidate.kernel.name
    return KernelReport(name, refusal, candidate.seconds, measured, candidate.scratch)


def _measured(runner: Runner, event: Event, call: Call) -> float:
    """Median seconds of a run, outputs allocated anew each time as in use."""
    from statistics import median

    outs = call.op.shape(call)
    inputs = event.inputs

    def once() -> float:
        start = time.perf_counter()
        runner(inputs, _outputs(call.op, outs))
        return time.perf_counter() - start

    time.sleep(PAUSE)
    once()
    times = [once()]
    end = time.perf_counter() + SECONDS
    while len(times) < LEAST_RUNS or time.perf_counter() < end:
        times.append(once())
    return median(times)


def _outputs(op: Op, outs: Sequence[Any]) -> tuple[Array, ...]:
    made_now = []
    for out in outs:
        shape = Size(out.shape)
        strides = out.strides or contiguous_strides(shape)
        storage = Storage(shape.numel() * out.dtype.itemsize)
        made_now.append(made.type(storage, 0, shape, strides, out.dtype))
    return tuple(made_now)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 1e-3:
        return f"{1e6 * seconds:.1f} µs"
    return f"{1e3 * seconds:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
