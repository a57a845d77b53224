"""One output value, worked by hand: the patch it reads, the kernel on it, the sums.

The patch is gathered tap by tap as `geometry` says and summed in float64, so that what is shown
is an account of the layer's own output and not a repetition of it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tatamu.geometry import ConvSpec, PoolSpec, fold
from tatamu.lens.records import LayerRecord

KINDS = {
    "Conv2d": "sum",
    "MaxPool2d": "max",
    "AdaptiveMaxPool2d": "max",
    "AvgPool2d": "mean",
    "AdaptiveAvgPool2d": "mean",
    "ReLU": "value",
}


@dataclass(frozen=True)
class Worked:
    """An output value and everything that went into it.

    `kind` is "sum" (convolution), "max", "mean" (pooling) or "value" (one value by itself).
    `patch` and `weight` are (channels, rows, columns); `inside` (rows, columns) is False where a
    tap fell on padding. `sums` has one entry per channel of the patch.
    """

    kind: str
    channel: int
    row: int
    column: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    first_channel: int
    patch: npt.NDArray[np.float64]
    inside: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float64] | None
    sums: tuple[float, ...]
    bias: float | None
    divisor: int
    result: float
    output: float


def work_out(record: LayerRecord, channel: int, row: int, column: int) -> Worked | None:
    """The account of `record.output[0, channel, row, column]`; None for layers without one."""
    kind = KINDS.get(record.kind)
    if kind is None or not record.has_maps:
        return None
    rows, columns = taps(record, row, column)
    first, count = _channels_read(record, channel)
    fill = -np.inf if kind == "max" else 0.0
    patch, inside = _gather(record, first, count, rows, columns, fill)
    weight = bias = None
    divisor = 1
    if kind == "sum" and record.weight is not None:
        weight = record.weight[channel].astype(np.float64)
        bias = None if record.bias is None else float(record.bias[channel])
        sums = tuple(float((patch[i] * weight[i]).sum()) for i in range(count))
        result = sum(sums) + (bias or 0.0)
    elif kind == "max":
        sums, result = (), float(patch.max())
    elif isinstance(record.spec, PoolSpec) and kind == "mean":
        sums = (float(patch[0].sum()),)
        sizes = record.input_shape[-2:]
        divisor = record.divisor or record.spec.divisor(
            (row, column), sizes, record.divides_padding
        )
        result = sums[0] / divisor
    else:
        sums, result = (), max(0.0, float(patch[0, 0, 0]))
    output = float(record.output[0, channel, row, column])
    return Worked(
        kind, channel, row, column, tuple(rows), tuple(columns), first,
        patch, inside, weight, sums, bias, divisor, result, output,
    )  # fmt: skip


def taps(record: LayerRecord, row: int, column: int) -> tuple[list[int], list[int]]:
    """The rows and the columns of the input that an output position reads, padding included."""
    if not record.axes:
        return [row], [column]
    down, across = (axis.rule.window for axis in record.axes)
    return list(down.taps(row)), list(across.taps(column))


def _channels_read(record: LayerRecord, channel: int) -> tuple[int, int]:
    """First input channel and number of channels that an output channel is made from."""
    if record.weight is None:
        return channel, 1
    count = record.weight.shape[1]
    per_group = record.output_shape[1] // _groups(record)
    return channel // per_group * count, count


def _groups(record: LayerRecord) -> int:
    return record.spec.groups if isinstance(record.spec, ConvSpec) else 1


def _gather(
    record: LayerRecord, first: int, count: int, rows: list[int], columns: list[int], fill: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    height, width = record.input_shape[-2:]
    mode = record.spec.padding_mode if isinstance(record.spec, ConvSpec) else "zeros"
    patch = np.full((count, len(rows), len(columns)), fill, dtype=np.float64)
    inside = np.zeros((len(rows), len(columns)), dtype=bool)
    for (i, y), (j, x) in itertools.product(enumerate(rows), enumerate(columns)):
        inside[i, j] = 0 <= y < height and 0 <= x < width
        at_y = fold(y, height, mode)
        at_x = fold(x, width, mode)
        if at_y is not None and at_x is not None:
            patch[:, i, j] = record.input[0, first : first + count, at_y, at_x]
    return patch, inside
