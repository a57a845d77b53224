"""Running a chain once, and writing down what happened as frozen records."""

from __future__ import annotations

import statistics as averages
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.geometry import ReceptiveField, parameter_formula
from tatamu.lens import show
from tatamu.lens.chain import Step
from tatamu.lens.records import Array, Cost, LayerRecord, Spot
from tatamu.lens.statistics import by_edges, describe
from tatamu.lens.words import LookError

if TYPE_CHECKING:
    from tatamu import Tensor
    from tatamu.ops import Ran

TIME_BUDGET = 0.3
PATIENCE = 2.0
MAX_RUNS = 50


def observe(
    steps: Sequence[Step], values: Array, names: Sequence[str], origin: str, peak: float
) -> tuple[LayerRecord, ...]:
    """Run the steps on an input (channels, height, width) and record each.

    `names` and `origin` describe the weights of the first layer that has any. `peak` is the
    machine's measured GFLOP/s, 0 where it is not known.
    """
    import tatamu

    x = tatamu.tensor(values[None])
    records: list[LayerRecord] = []
    fields = (ReceptiveField(), ReceptiveField())
    for index, step in enumerate(steps):
        if step.spec:
            down, across = step.spec.axes
            fields = (fields[0].through(down), fields[1].through(across))
        own = origin != "random" and index == 0
        record, x = _observe_one(
            step, index, x, fields, values.shape[1:],
            names if own else (), origin if own else "random", peak,
        )  # fmt: skip
        records.append(record)
    return tuple(records)


def _observe_one(
    step: Step,
    index: int,
    x: Tensor,
    fields: tuple[ReceptiveField, ...],
    photo_size: tuple[int, ...],
    names: Sequence[str],
    origin: str,
    peak: float,
) -> tuple[LayerRecord, Tensor]:
    taken = _copy(x)
    y, cost = _measure(step, x, peak)
    output = _copy(y)
    weight = _parameter(step, "weight")
    channels = describe(output, names)
    order = by_edges(channels)
    record = LayerRecord(
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
        spot=_spot(output, order[0], fields, photo_size) if output.ndim == 4 else None,
        cost=cost,
        input=taken,
        output=output,
        weight=weight,
        bias=_parameter(step, "bias"),
    )
    return record, y


def _measure(step: Step, x: Tensor, peak: float) -> tuple[Tensor, Cost]:
    import tatamu
    from tatamu.ops import Event, watching

    events: list[Event] = []
    with tatamu.no_grad():
        with watching(events.append):
            start = time.perf_counter()
            y = _run(step, x)
            first = time.perf_counter() - start
        ran = _main_event(events, step.call.name)
        compiling = ran.compile_seconds if ran else 0.0
        seconds, runs = steady_seconds(lambda: step.module(x), first - compiling)
    weight, bias = (_parameter(step, name) for name in ("weight", "bias"))
    count = sum(p.size for p in (weight, bias) if p is not None)
    positions = int(np.prod(step.output_shape[2:], dtype=np.int64))
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
    return y, cost


def _run(step: Step, x: Tensor) -> Tensor:
    """The layer's output; of pooling that also returns indices, the values."""
    try:
        y = step.module(x)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        why = str(error).splitlines()[0]
        shape = show.times(step.input_shape)
        raise LookError("fit.refused", layer=step.call, shape=shape, why=why) from error
    first: Tensor = y[0] if isinstance(y, tuple) else y
    return first


def steady_seconds(run: Callable[[], object], first: float) -> tuple[float, int]:
    """The median time of several runs, and their number; about `TIME_BUDGET` in all.

    Where the first run (without its compiling) took longer than `PATIENCE`, its time is the answer.
    """
    if first > PATIENCE:
        return first, 1
    taken: list[float] = []
    while not taken or (len(taken) < MAX_RUNS and sum(taken) < TIME_BUDGET):
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


def _copy(x: Tensor) -> Array:
    array = np.array(x.detach().numpy(), dtype=np.float32, order="C", copy=True)
    array.flags.writeable = False
    return array


def _parameter(step: Step, name: str) -> Array | None:
    value = getattr(step.module, name, None)
    return None if value is None else _copy(value)


def _spot(
    output: Array,
    channel: int,
    fields: tuple[ReceptiveField, ...],
    photo_size: tuple[int, ...],
) -> Spot:
    """The value of a channel farthest from its mean, of those whose window lies within the photo.

    Windows that meet the padding respond to its sharp edge, which is not in the photo.
    """
    plane = np.nan_to_num(output[0, channel])
    values = np.abs(plane - plane.mean())
    rows, columns = (
        [_starts_at(field, o) >= 0 and _starts_at(field, o) + field.size <= size for o in range(n)]
        for field, size, n in zip(fields, photo_size, values.shape, strict=True)
    )
    inner = np.outer(rows, columns)
    if inner.any():
        values = np.where(inner, values, -1)
    row, column = (int(i) for i in np.unravel_index(int(values.argmax()), values.shape))
    top, left = (_starts_at(f, o) for f, o in zip(fields, (row, column), strict=True))
    height, width = (int(field.size) for field in fields)
    return Spot(channel, row, column, (top, left, height, width))


def _starts_at(field: ReceptiveField, o: int) -> int:
    return int(field.start + o * field.step)
