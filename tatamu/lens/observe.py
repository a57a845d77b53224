"""Running a chain once, and writing down what happened as frozen records."""

from __future__ import annotations

import math
import statistics as averages
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.geometry import ReceptiveField, parameter_formula
from tatamu.lens import show
from tatamu.lens.chain import Step
from tatamu.lens.details import Detail, detail_of
from tatamu.lens.progress import Tell
from tatamu.lens.records import Array, Channel, Cost, LayerRecord, Spot
from tatamu.lens.statistics import by_edges, describe
from tatamu.lens.words import LookError

if TYPE_CHECKING:
    from tatamu import Tensor
    from tatamu.ops import Ran

TIME_BUDGET = 0.3
PATIENCE = 2.0
MAX_RUNS = 50
COPIED_AT_ONCE = 1 << 20


def observe(
    steps: Sequence[Step],
    values: Array,
    names: Sequence[str],
    origin: str,
    peak: float,
    tell: Tell,
    budget: float = TIME_BUDGET,
) -> tuple[LayerRecord, ...]:
    """Run the steps on an input (channels, height, width) and record each.

    `names` and `origin` describe the weights of the first layer that has any. `peak` is the
    machine's measured GFLOP/s, 0 where it is not known. `tell` hears what is going on. `budget` is
    how many seconds go into timing each layer; with 0 each runs once, and its first time stands.
    """
    import tatamu

    taken = values[None]
    x = tatamu.from_numpy(taken)
    records: list[LayerRecord] = []
    fields = (ReceptiveField(), ReceptiveField())
    given: dict[int, Tensor] = {}
    for index, step in enumerate(steps):
        if step.spec:
            down, across = step.spec.axes
            fields = (fields[0].through(down), fields[1].through(across))
        own = origin != "random" and index == 0
        tell("progress.layer", number=index + 1, count=len(steps), layer=step.call)
        before, indices = x, None if step.takes is None else given[step.takes]
        x, cost, found = _measure(step, x, indices, peak, budget)
        if found is not None:
            given[index] = found
        detail = detail_of(step.module, before, indices if found is None else found)
        record = _record(
            step, index, taken, _planes_first(x), cost, fields, values.shape[1:],
            names if own else (), origin if own else "random", detail,
        )  # fmt: skip
        records.append(record)
        taken = record.output
    return tuple(records)


def _record(
    step: Step,
    index: int,
    taken: Array,
    output: Array,
    cost: Cost,
    fields: tuple[ReceptiveField, ...],
    photo_size: tuple[int, ...],
    names: Sequence[str],
    origin: str,
    detail: Detail | None,
) -> LayerRecord:
    weight = _parameter(step, "weight")
    channels = describe(output, names)
    order = by_edges(channels)
    spot = None
    if output.ndim == 4:
        spot = _spot(output[0, order[0]], channels[order[0]], fields, photo_size)
    return LayerRecord(
        index=index,
        kind=step.call.name,
        text=str(step.call),
        input_shape=step.input_shape,
        output_shape=tuple(output.shape),
        spec=step.spec,
        divides_padding=bool(vars(step.module).get("count_include_pad", True)),
        divisor=vars(step.module).get("divisor_override"),
        origin="none" if weight is None else origin,
        names=tuple(names),
        field=tuple((int(field.size), int(field.step)) for field in fields),
        channels=channels,
        order=order,
        spot=spot,
        cost=cost,
        input=_read_only(taken),
        output=_read_only(output),
        weight=weight,
        bias=_parameter(step, "bias"),
        detail=detail,
        takes=step.takes,
    )


def _measure(
    step: Step, x: Tensor, indices: Tensor | None, peak: float, budget: float
) -> tuple[Tensor, Cost, Tensor | None]:
    """The layer's output, what it cost, and the indices that a pooling gives beside it."""
    import tatamu
    from tatamu.ops import Event, watching

    events: list[Event] = []
    y: Tensor | None = None
    found: Tensor | None = None

    def run() -> None:
        nonlocal y, found
        y = found = None  # their memory serves the next output
        y, found = _run(step, x, indices)

    writes = bool(vars(step.module).get("inplace"))
    with tatamu.no_grad():
        if writes:
            x = x.clone()  # the record keeps what came in
        with watching(events.append):
            start = time.perf_counter()
            run()
            first = time.perf_counter() - start
        ran = _main_event(events, step.call.name)
        events.clear()  # they hold the output
        compiling = ran.compile_seconds if ran else 0.0
        seconds, runs = steady_seconds(run, first - compiling, budget)
    assert y is not None
    weight, bias = (_parameter(step, name) for name in ("weight", "bias"))
    count = sum(p.size for p in (weight, bias) if p is not None)
    transposed = bool(vars(step.module).get("transposed"))
    stamped = step.input_shape if transposed else step.output_shape
    positions = int(np.prod(stamped[2:], dtype=np.int64))
    text = ""
    if weight is not None:
        text = parameter_formula(weight.shape, 0 if bias is None else bias.size)
    values = sum(int(np.prod(s, dtype=np.int64)) for s in (step.input_shape, step.output_shape))
    cost = Cost(
        parameters=count,
        parameters_text=text,
        mult_adds=0 if weight is None else weight.size * positions,
        bytes_moved=4 * (values + count),
        seconds=seconds,
        runs=runs,
        compile_seconds=compiling,
        cached=ran.cached if ran else True,
        kernel=ran.kernel if ran else "",
        isa=ran.isa if ran else "",
        why=ran.why if ran else "",
        threads=tatamu.get_num_threads(),
        peak=peak,
    )
    return y, cost, found


def _run(step: Step, x: Tensor, indices: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The layer's output, and the indices that some poolings give beside it.

    An unpooling makes the size again that its pooling came from.
    """
    try:
        given = () if indices is None else (indices, step.output_shape[-2:])
        y = step.module(x, *given)
    except (RuntimeError, ValueError, TypeError, IndexError, ArithmeticError) as error:
        why = str(error).splitlines()[0]
        shape = show.times(step.input_shape)
        raise LookError("fit.refused", layer=step.call, shape=shape, why=why) from error
    return y if isinstance(y, tuple) else (y, None)


def steady_seconds(
    run: Callable[[], object], first: float, budget: float = TIME_BUDGET
) -> tuple[float, int]:
    """The median time of several runs, and their number; about `budget` seconds in all.

    One more comes before them and does not count, since memory is slow until it has been used.
    Where the first run (without its compiling) took longer than `PATIENCE`, or there is no budget,
    its time is the answer.
    """
    if first > PATIENCE or not budget:
        return first, 1
    run()
    taken: list[float] = []
    while not taken or (len(taken) < MAX_RUNS and sum(taken) < budget):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return averages.median(taken), len(taken)


def _main_event(events: Sequence[Any], layer: str) -> Ran | None:
    """The op that gave the layer its name, else the last: a layer may pad before it convolves."""
    for event in reversed(events):
        if event.op.name.replace("_", "") == layer.lower():
            return event.ran  # type: ignore[no-any-return]
    return events[-1].ran if events else None


def _planes_first(x: Tensor) -> Array:
    """The tensor's values with each channel in one piece; shared where they are so already.

    Kernels write all channels of a pixel side by side. Rows are copied in runs that a cache holds.
    """
    values: Array = x.detach().numpy()
    if values.flags.c_contiguous or values.ndim != 4:
        return np.ascontiguousarray(values)
    planes = np.empty(values.shape, dtype=np.float32)
    step = max(1, COPIED_AT_ONCE // max(1, values[:, :, :1].size))
    for top in range(0, values.shape[2], step):
        planes[:, :, top : top + step] = values[:, :, top : top + step]
    return planes


def _read_only(values: Array) -> Array:
    view = values.view()
    view.flags.writeable = False
    return view


def _parameter(step: Step, name: str) -> Array | None:
    value = getattr(step.module, name, None)
    return None if value is None else _read_only(value.detach().numpy().copy())


def _spot(
    plane: Array, channel: Channel, fields: tuple[ReceptiveField, ...], photo_size: tuple[int, ...]
) -> Spot:
    """The value of a channel farthest from its mean, of those whose window lies within the photo.

    Windows that meet the padding respond to its sharp edge, which is not in the photo.
    """
    ranges = [_whole(*axis) for axis in zip(fields, photo_size, plane.shape, strict=True)]
    rows, columns = ranges if all(ranges) else [range(size) for size in plane.shape]
    inner = plane[rows.start : rows.stop, columns.start : columns.stop]
    if not np.isfinite(inner.sum(dtype=np.float64)):
        inner = np.nan_to_num(inner)
    ends = [divmod(int(place), len(columns)) for place in (inner.argmax(), inner.argmin())]
    at = max(ends, key=lambda place: abs(float(inner[place]) - channel.mean))
    row, column = rows[at[0]], columns[at[1]]
    top, left = (_starts_at(f, o) for f, o in zip(fields, (row, column), strict=True))
    height, width = (int(field.size) for field in fields)
    return Spot(channel.index, row, column, (top, left, height, width))


def _whole(field: ReceptiveField, size: int, outs: int) -> range:
    """The outputs whose receptive field lies within a picture of `size` pixels."""
    first = max(0, math.ceil(-field.start / field.step))
    last = min(outs - 1, math.floor((size - field.size - field.start) / field.step))
    return range(first, last + 1)


def _starts_at(field: ReceptiveField, o: int) -> int:
    return int(field.start + o * field.step)
