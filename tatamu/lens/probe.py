"""One output value, worked by hand: the patch it reads, the kernel on it, the sums.

The patch is gathered tap by tap as `geometry` says and summed in float64, so that what is shown
is an account of the layer's own output and not a repetition of it. `Probe.agrees` says whether the
two meet within what float32 can round away.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tatamu.geometry import AdaptiveSpec, ConvSpec, PoolSpec, UnpoolSpec, fold
from tatamu.lens.records import LayerRecord

if TYPE_CHECKING:
    from tatamu.nn import Module

KINDS = {
    "Conv2d": "sum",
    "ConvTranspose2d": "scatter",
    "MaxPool2d": "max",
    "AdaptiveMaxPool2d": "max",
    "AvgPool2d": "mean",
    "AdaptiveAvgPool2d": "mean",
    "LPPool2d": "norm",
    "ReLU": "value",
}

Grid = npt.NDArray[np.float64]
Taps = Sequence[tuple[int, int]]
"""Along one axis, the input positions that are read and for each the kernel's index there."""


@dataclass(frozen=True)
class Probe:
    """An output value and everything that went into it.

    `kind` is "sum" (convolution), "scatter" (transposed convolution: the contributions that fell on
    this output), "max", "mean", "norm" (pooling) or "value" (one value by itself).

    `patch` and `weight` are (channels, rows, columns) and belong together cell by cell; patch
    cell (c, i, j) lies at row `rows[i]` and column `columns[j]` of input channel
    `first_channel + c`, and its weight at row `kernel_rows[i]` and column `kernel_columns[j]` of
    the kernel. `inside` (rows, columns) is False where a tap fell on padding. `sums` has one entry
    per channel of the patch; with the bias they make the `result`, or in pooling over the
    `divisor`. `output` is what the layer itself gave, and `tolerance` how far float32 may put the
    two apart.
    """

    kind: str
    channel: int
    row: int
    column: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    kernel_rows: tuple[int, ...]
    kernel_columns: tuple[int, ...]
    first_channel: int
    patch: Grid
    inside: npt.NDArray[np.bool_]
    weight: Grid | None
    sums: tuple[float, ...]
    bias: float | None
    divisor: int
    power: float
    result: float
    output: float
    tolerance: float

    @property
    def products(self) -> Grid | None:
        """The table of products, of the patch's shape; None where nothing is multiplied."""
        return None if self.weight is None else self.patch * self.weight

    @property
    def winner(self) -> tuple[int, int] | None:
        """Row and column, in the patch, of the value that max pooling kept: the first of equals."""
        if self.kind != "max":
            return None
        row, column = divmod(int(self.patch[0].argmax()), self.patch.shape[2])
        return row, column

    @property
    def error(self) -> float:
        """How far the account lies from what the layer gave; 0 for equal infinities."""
        same = self.result == self.output or (self.result != self.result != self.output)
        return 0.0 if same else abs(self.result - self.output)

    @property
    def agrees(self) -> bool:
        """Whether the account is the layer's output, but for float32's rounding."""
        return self.error <= self.tolerance


@dataclass(frozen=True)
class _Rule:
    """What the account needs to know of a layer."""

    kind: str
    spec: ConvSpec | PoolSpec | AdaptiveSpec | None
    weight: npt.NDArray[Any] | None = None
    bias: npt.NDArray[Any] | None = None
    counts_padding: bool = True
    divisor: int | None = None
    power: float = 1.0


def probe(
    layer: LayerRecord | Module, input: Any, output: Any, channel: int, row: int, column: int
) -> Probe | None:
    """The account of one value of a layer's output; None for layers that have none.

    `layer` is a recorded layer or a module of `tatamu.nn`; `input` and `output` are what went in
    and what came out, as tensors or arrays of shape (channels, height, width) or with a batch in
    front, of which the first picture is taken. Nothing is run. Raises IndexError for a place that
    the output does not have.

    >>> import tatamu
    >>> pool = tatamu.nn.MaxPool2d(2)
    >>> x = tatamu.arange(16.0).reshape(1, 4, 4)
    >>> found = probe(pool, x, pool(x), channel=0, row=0, column=1)
    >>> found.patch.tolist(), found.winner, found.result, found.agrees
    ([[[2.0, 3.0], [6.0, 7.0]]], (1, 1), 7.0, True)
    """
    rule = _record_rule(layer) if isinstance(layer, LayerRecord) else _module_rule(layer)
    taken, given = _picture(input), _picture(output)
    if rule is None or taken is None or given is None:
        return None
    for place, count in zip((channel, row, column), given.shape, strict=True):
        if not 0 <= place < count:
            raise IndexError(f"({channel}, {row}, {column}) lies outside {given.shape}")
    value = float(given[channel, row, column])
    return _account(rule, taken, given.shape[0], value, (channel, row, column))


def _picture(values: Any) -> npt.NDArray[Any] | None:
    """Channels, rows and columns; None for what is no picture."""
    found: npt.NDArray[Any] = np.asarray(values.detach() if hasattr(values, "detach") else values)
    if found.ndim == 4:
        found = found[0]
    return found if found.ndim == 3 else None


def _record_rule(record: LayerRecord) -> _Rule | None:
    kind = KINDS.get(record.kind)
    if kind is None or not record.has_maps or isinstance(record.spec, UnpoolSpec):
        return None
    rule = _Rule(
        kind, record.spec, record.weight, record.bias, record.divides_padding, record.divisor
    )
    if kind != "norm":
        return rule
    from tatamu.lens.layer_text import build, parse_layers

    made = build(parse_layers(record.text)[0])
    return replace(rule, power=float(vars(made)["norm_type"]))


def _module_rule(module: Module) -> _Rule | None:
    kind = KINDS.get(type(module).__name__)
    if kind is None:
        return None
    found = vars(module)
    if "output_size" in found:
        return _Rule(kind, AdaptiveSpec.make(found["output_size"]))
    if "kernel_size" not in found:
        return _Rule(kind, None)
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if weight is not None:
        numbers = None if bias is None else bias.detach().numpy()
        return _Rule(kind, found["spec"], weight.detach().numpy(), numbers)
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    spec = PoolSpec.make(**{name.split("_size")[0]: found[name] for name in names if name in found})
    return _Rule(
        kind,
        spec,
        counts_padding=bool(found.get("count_include_pad", True)),
        divisor=found.get("divisor_override"),
        power=float(found.get("norm_type", 1)),
    )


def _account(
    rule: _Rule, taken: npt.NDArray[Any], outs: int, output: float, place: tuple[int, int, int]
) -> Probe:
    channel, row, column = place
    sizes = (taken.shape[1], taken.shape[2])
    down, across = taps(rule.spec, sizes, row, column)
    first, count = _channels_read(rule, channel, outs)
    mode = rule.spec.padding_mode if isinstance(rule.spec, ConvSpec) else "zeros"
    fill = -np.inf if rule.kind == "max" else 0.0
    patch, inside = _gather(taken[first : first + count], down, across, mode, fill)
    weight = _weights(rule, channel, outs, down, across)
    bias = None if rule.bias is None else float(rule.bias[channel])
    divisor = 1
    sums: tuple[float, ...] = ()
    if weight is not None:
        sums = tuple(float((patch[i] * weight[i]).sum()) for i in range(count))
        result = sum(sums) + (bias or 0.0)
    elif rule.kind == "max":
        result = float(patch.max())
    elif rule.kind in ("mean", "norm"):
        assert isinstance(rule.spec, PoolSpec | AdaptiveSpec)
        sums = (float((patch[0] ** rule.power).sum()),)
        if isinstance(rule.spec, PoolSpec):
            divisor = rule.divisor or rule.spec.divisor((row, column), sizes, rule.counts_padding)
        else:
            divisor = len(down) * len(across)
        result = sums[0] / divisor
        if rule.kind == "norm":
            result, divisor = _norm(rule, result), 1
    else:
        result = max(0.0, float(patch[0, 0, 0]))
    return Probe(
        rule.kind, channel, row, column,
        tuple(y for y, _ in down), tuple(x for x, _ in across),
        tuple(k for _, k in down), tuple(k for _, k in across), first,
        patch, inside, weight, sums, bias, divisor, rule.power, result, output,
        0.0 if rule.kind in ("max", "value") else _tolerance(taken, patch, weight, bias),
    )  # fmt: skip


def _norm(rule: _Rule, mean: float) -> float:
    """The root of a sum of powers, of which torch takes the mean and the whole kernel's count.

    A window that hangs over the end therefore weighs as much as a full one.
    """
    assert isinstance(rule.spec, PoolSpec)
    total = mean * math.prod(rule.spec.kernel)
    return float(total ** (1 / rule.power)) if total >= 0 else float("nan")


def taps(
    spec: ConvSpec | PoolSpec | AdaptiveSpec | None, sizes: Sequence[int], row: int, column: int
) -> tuple[Taps, Taps]:
    """Rows and columns of the input that an output reads, with the kernel's index for each.

    Windows name padding too, by positions outside the picture; a transposed convolution's
    contributions are those of pixels that exist, from the top and from the left.

    >>> taps(ConvSpec.make(3, stride=2, transposed=True), (4, 4), 2, 3)
    ([(0, 2), (1, 0)], [(1, 1)])
    """
    if spec is None:
        return [(row, 0)], [(column, 0)]
    found: list[Taps] = []
    for axis, (o, size) in enumerate(zip((row, column), sizes, strict=True)):
        if isinstance(spec, AdaptiveSpec):
            found.append([(at, k) for k, at in enumerate(spec.reads(sizes)[axis][o])])
        elif isinstance(spec, ConvSpec) and spec.transposed:
            pairs = spec.windows[axis].back_taps(o)
            found.append(sorted((i, k) for i, k in pairs if 0 <= i < size))
        else:
            found.append([(at, k) for k, at in enumerate(spec.windows[axis].taps(o))])
    return found[0], found[1]


def _channels_read(rule: _Rule, channel: int, outs: int) -> tuple[int, int]:
    """First input channel and number of channels that an output channel is made from."""
    if rule.weight is None or not isinstance(rule.spec, ConvSpec):
        return channel, 1
    groups = rule.spec.groups
    count = rule.weight.shape[0] // groups if rule.spec.transposed else rule.weight.shape[1]
    return channel // (outs // groups) * count, count


def _weights(
    rule: _Rule, channel: int, outs: int, down: Taps, across: Taps
) -> npt.NDArray[np.float64] | None:
    """The weight of each cell of the patch."""
    if rule.weight is None or not isinstance(rule.spec, ConvSpec):
        return None
    if rule.spec.transposed:
        first, count = _channels_read(rule, channel, outs)
        kernel = rule.weight[first : first + count, channel % rule.weight.shape[1]]
    else:
        kernel = rule.weight[channel]
    rows, columns = [k for _, k in down], [k for _, k in across]
    found: Grid = kernel[:, rows][:, :, columns].astype(np.float64)
    return found


def _gather(
    planes: npt.NDArray[Any], down: Taps, across: Taps, mode: str, fill: float
) -> tuple[Grid, npt.NDArray[np.bool_]]:
    height, width = planes.shape[1:]
    patch = np.full((len(planes), len(down), len(across)), fill, dtype=np.float64)
    inside = np.zeros((len(down), len(across)), dtype=bool)
    for (i, (y, _)), (j, (x, _)) in itertools.product(enumerate(down), enumerate(across)):
        inside[i, j] = 0 <= y < height and 0 <= x < width
        at_y = fold(y, height, mode)
        at_x = fold(x, width, mode)
        if at_y is not None and at_x is not None:
            patch[:, i, j] = planes[:, at_y, at_x]
    return patch, inside


def _tolerance(
    taken: npt.NDArray[Any], patch: Grid, weight: Grid | None, bias: float | None
) -> float:
    """How far a sum in float32 may lie from the same in float64, in whatever order it is taken.

    Each product and each addition rounds once, by half of float32's step at most. Kernels that
    work on whole tiles round against the largest value of the tile, hence of the input.
    """
    finite = np.isfinite(taken)
    largest = float(np.abs(taken[finite]).max(initial=0.0)) if finite.any() else 0.0
    scale = float(patch.size) if weight is None else float(np.abs(weight).sum())
    rounds = max(8, patch.size)
    return float(np.finfo(np.float32).eps) * rounds * (largest * scale + abs(bias or 0.0))
