"""`tatamu run --look`: every layer call of a script, at its line, with copies of what it saw.

Modules are watched by a wrapper around `Module.__call__`, layers called as functions by the
operations that they run. Nothing the script computes changes; a report is written at its end,
also where it ends in an error.
"""

from __future__ import annotations

import itertools
import linecache
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.dtypes import widen
from tatamu.geometry import AdaptiveSpec, ConvSpec, PoolSpec, parameter_formula
from tatamu.lens import maps
from tatamu.lens.records import Array, AxisSeen, Channel, axes_seen
from tatamu.lens.statistics import describe
from tatamu.lens.words import Words

if TYPE_CHECKING:
    from tatamu.nn import Module
    from tatamu.ops import Event

__all__ = ["LineSeen", "Plane", "Recorder", "ScriptCall", "watching_script"]

PACKAGE = str(Path(__file__).parents[1]) + os.sep
FUNCTIONAL = os.path.join(PACKAGE, "nn", "functional") + os.sep
MOST_CALLS = 80
MOST_PLANES = 8
MOST_ROWS = 32
WIDEST = 144


@dataclass(frozen=True)
class Plane:
    """One picture: what it shows, its statistics over all its values, and the values made small."""

    label: str
    channel: Channel
    values: Array


@dataclass(frozen=True)
class Seen:
    """A tensor as it was: its shape, and pictures of the first sample's first channels."""

    shape: tuple[int, ...]
    dtype: str
    planes: tuple[Plane, ...]
    colours: Array | None
    """Three channels of values from 0 to 1, which are shown as the photo they probably are."""


@dataclass
class ScriptCall:
    """One call of a layer. `function` says that it was called as a function."""

    number: int
    file: str
    line: int
    name: str
    function: bool
    before: Seen | None
    after: Seen | None = None
    spec: ConvSpec | PoolSpec | None = None
    parameters: str = ""
    kernel: str = ""

    @property
    def axes(self) -> tuple[AxisSeen, ...]:
        """The axes along which a window moves."""
        if self.before is None or self.spec is None:
            return ()
        if len(self.before.shape) - len(self.spec.axes) not in (1, 2):
            return ()
        return axes_seen(self.spec, self.before.shape[-len(self.spec.axes) :])


@dataclass
class LineSeen:
    """A line of the script that calls layers: each layer's sizes and how often it was called."""

    file: str
    line: int
    calls: int = 0
    shown: list[ScriptCall] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The line itself."""
        return linecache.getline(self.file, self.line).strip()


@dataclass
class _Pending:
    """A layer called as a function, while its operations run; None for a call not to be shown."""

    frame: FrameType
    call: ScriptCall | None


class Recorder:
    """What a script's layer calls were, gathered while it runs; at most `limit` of each."""

    def __init__(self, limit: int) -> None:
        from tatamu.nn import functional

        self.limit = limit
        self.functions = frozenset(functional.__all__)
        self.calls: list[ScriptCall] = []
        self.lines: dict[tuple[str, int], LineSeen] = {}
        self.total = 0
        self._numbers = itertools.count(1)
        self._modules: weakref.WeakKeyDictionary[Module, dict[Any, int]] = (
            weakref.WeakKeyDictionary()
        )
        self._functions: dict[Any, int] = {}
        self._local = _Local()

    # ---- modules ----

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """`Module.__call__` that records the layers among the modules."""

        def watched(module: Module, *inputs: Any, **options: Any) -> Any:
            local = self._local
            if local.inside is not None or not is_layer(module):
                return call(module, *inputs, **options)
            local.pending = None
            record = self._enter_module(module, inputs, sys._getframe(1))
            events: list[tuple[Any, str]] = []
            local.inside = events
            try:
                output = call(module, *inputs, **options)
            finally:
                local.inside = None
            if record is not None:
                _complete(record, module, output, events)
            return output

        return watched

    def _enter_module(
        self, module: Module, inputs: tuple[Any, ...], frame: FrameType
    ) -> ScriptCall | None:
        user, _ = split(frame)
        if user is None:
            return None
        counts = self._modules.setdefault(module, {})
        name = repr(module).split("\n", 1)[0]
        record = self._enter(user, counts, name, False)
        tensor = first_tensor(inputs)
        if record is not None and tensor is not None:
            record.before = see(tensor)
        return record

    # ---- functions ----

    def on_event(self, event: Event) -> None:
        """Hear of an operation; those of a layer called as a function are its record."""
        local = self._local
        if local.inside is not None:
            local.inside.append((event.attrs, event.ran.kernel))
            return
        user, own = split(sys._getframe(1))
        if user is None or not own:
            return
        name = self._function_name(own, event)
        if not name:
            return
        pending = local.pending
        if pending is None or pending.frame is not own[-1]:
            record = self._enter(user, self._functions, f"F.{name}", True)
            pending = local.pending = _Pending(own[-1], record)
            source = event.inputs[0]
            if record is not None and source is not None:
                record.before = see(source)  # nothing writes over it while it is watched
        if pending.call is not None:
            _add_operation(pending.call, event)

    def _function_name(self, own: list[FrameType], event: Event) -> str:
        """What the script called: a function of nn.functional, or one of the same name."""
        for frame in reversed(own):
            code = frame.f_code
            if code.co_filename.startswith(FUNCTIONAL) and code.co_name in self.functions:
                return code.co_name
        return event.op.name if event.op.name in self.functions else ""

    # ---- both ----

    def _enter(
        self, user: FrameType, counts: dict[Any, int], name: str, function: bool
    ) -> ScriptCall | None:
        """Count a call; its record if it is to be shown."""
        file, line = user.f_code.co_filename, user.f_lineno
        seen = self.lines.setdefault((file, line), LineSeen(file, line))
        seen.calls += 1
        self.total += 1
        place = (file, user.f_lasti, name)
        counts[place] = counts.get(place, 0) + 1
        if counts[place] > self.limit or len(self.calls) >= MOST_CALLS:
            return None
        record = ScriptCall(next(self._numbers), file, line, name, function, None)
        self.calls.append(record)
        seen.shown.append(record)
        return record


class _Local(threading.local):
    """What runs in each thread: the operations of a module's call, a function's pending record."""

    inside: list[tuple[Any, str]] | None = None
    pending: _Pending | None = None


@contextmanager
def watching_script(script: str, report: Path, limit: int, w: Words) -> Iterator[Recorder]:
    """Record the layer calls of what runs inside, and write the report at the end."""
    from tatamu.lens.script_report import script_html
    from tatamu.nn import Module
    from tatamu.ops import watching

    recorder = Recorder(limit)
    call = Module.__call__
    Module.__call__ = recorder.around(call)  # type: ignore[method-assign]
    try:
        with watching(recorder.on_event):
            yield recorder
    finally:
        Module.__call__ = call  # type: ignore[method-assign]
        if recorder.calls:
            report.write_text(script_html(script, recorder, w), "utf-8")
            print(w("run.written", path=report.as_posix()), file=sys.stderr)
        else:
            print(w("run.look.nothing"), file=sys.stderr)


def is_layer(module: Module) -> bool:
    """Whether a module is one of tatamu's own layers, and not a box around others."""
    where = getattr(type(module).forward, "__module__", "")
    return where.startswith("tatamu.nn.") and not where.startswith(
        ("tatamu.nn.containers", "tatamu.nn.module")
    )


def split(frame: FrameType | None) -> tuple[FrameType | None, list[FrameType]]:
    """The innermost frame of the script, and tatamu's own frames inside it, innermost first."""
    own: list[FrameType] = []
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        own.append(frame)
        frame = frame.f_back
    return frame, own


def first_tensor(values: Any) -> Any:
    """The first tensor of a call's inputs or outputs; None where there is none."""
    from tatamu import Tensor

    if isinstance(values, Tensor):
        return values
    for value in values if isinstance(values, (tuple, list)) else ():
        if isinstance(value, Tensor):
            return value
    return None


def _complete(
    record: ScriptCall, module: Module, output: Any, events: list[tuple[Any, str]]
) -> None:
    tensor = first_tensor(output)
    if tensor is not None:
        record.after = see(tensor)
    record.spec = _module_spec(module, record)
    weight = getattr(module, "weight", None)
    if weight is not None and hasattr(weight, "shape"):
        bias = getattr(module, "bias", None)
        record.parameters = parameter_formula(weight.shape, 0 if bias is None else bias.shape[0])
    kernels = [kernel for _, kernel in events if kernel not in ("", "view", "NumPy reference")]
    record.kernel = kernels[-1] if kernels else ""


def _module_spec(module: Module, record: ScriptCall) -> ConvSpec | PoolSpec | None:
    """The rule of a layer that moves a window; None for others, and for bins of several widths."""
    settings = vars(module)
    own = settings.get("spec")
    if isinstance(own, (ConvSpec, PoolSpec)):
        return own
    named = re.match(r"\w+Pool([123])d\(", record.name)  # not MaxUnpool, which undoes one
    if record.before is None or named is None:
        return None
    dims = int(named[1])
    if "output_size" in settings:
        bins = AdaptiveSpec.make(settings["output_size"], dims)
        return bins.windows(record.before.shape[-dims:])
    if "kernel_size" not in settings:
        return None
    return PoolSpec.make(
        settings["kernel_size"], settings.get("stride"), settings.get("padding", 0),
        settings.get("dilation", 1), settings.get("ceil_mode", False), dims,
    )  # fmt: skip


def _add_operation(record: ScriptCall, event: Event) -> None:
    """A further operation of a layer called as a function: its output is the latest one's."""
    record.after = see(event.output)
    spec = getattr(event.attrs, "spec", event.attrs)
    before = record.before
    if isinstance(spec, (ConvSpec, PoolSpec)) and before is not None:
        source = event.inputs[0]
        if source is not None and tuple(source.shape) == before.shape:
            record.spec = spec
    if event.ran.kernel not in ("", "view", "NumPy reference"):
        record.kernel = event.ran.kernel


def see(tensor: Any) -> Seen:
    """A tensor's shape, and small copies of what can be shown of it."""
    values: Array = widen(tensor.array, tensor.dtype)
    shape = tuple(int(size) for size in values.shape)
    planes = tuple(_plane(label, plane) for label, plane in _planes(values))
    colours = None
    if values.ndim == 4 and shape[1] == 3 and planes:
        low = min(plane.channel.low for plane in planes)
        high = max(plane.channel.high for plane in planes)
        if low >= 0 and 0.05 < high <= 1:
            small = [maps.shrink(values[0, c].astype(np.float32), 3 * WIDEST) for c in range(3)]
            colours = np.stack(small, axis=-1)
    return Seen(shape, tensor.dtype.name, planes, colours)


def _planes(values: Array) -> list[tuple[str, Array]]:
    """The pictures of the first sample, each with the number of its channel; at most eight.

    Of a volume the middle slice; a matrix is one picture, its rows the samples.
    """
    if values.size == 0 or values.ndim < 2 or values.dtype.kind not in "fiub":
        return []
    if values.ndim == 2:
        return [("", values[:MOST_ROWS])]
    if values.ndim == 5:
        values = values[:, :, values.shape[2] // 2]
    if values.ndim == 3:  # one picture without a batch, or sequences: channels come first
        wide = values.shape[1] > 1 and values.shape[2] > 1
        stack = values if wide else values.reshape(1, -1, values.shape[-1])
    else:
        stack = values.reshape(-1, *values.shape[-3:])[0]
    return [(str(index), stack[index]) for index in range(min(MOST_PLANES, len(stack)))]


def _plane(label: str, values: Array) -> Plane:
    copy = np.array(values, dtype=np.float32)
    return Plane(label, describe(copy[None, None], ())[0], maps.shrink(copy, WIDEST))
