"""What was seen: frozen records that every renderer reads and none changes.

Arrays in records are read-only; what one layer gave and the next one took is a single array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tatamu.geometry import AXES, Axis, ConvSpec, PoolSpec, UnpoolSpec
from tatamu.lens.details import Detail

Array = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """What went in: a photo (`pixels` as opened) or typed numbers (`pixels` is None).

    `notes` are keys of texts about how the file was read, with the values they take.
    """

    name: str
    kind: str
    values: Array
    pixels: Pixels | None
    sha256: str
    notes: tuple[tuple[str, tuple[tuple[str, object], ...]], ...] = ()

    @property
    def height(self) -> int:
        return int(self.values.shape[1])

    @property
    def width(self) -> int:
        return int(self.values.shape[2])


@dataclass(frozen=True)
class AxisSeen:
    """One axis of a layer that moves a window: its name, its sizes and the rule between them."""

    name: str
    size: int
    out: int
    rule: Axis


def axes_seen(
    spec: ConvSpec | PoolSpec | UnpoolSpec | None, sizes: Sequence[int]
) -> tuple[AxisSeen, ...]:
    """The axes of a layer on a picture of these sizes; none for layers that move no window.

    >>> axes_seen(ConvSpec.make(3, padding=1), (4, 6))[1].out
    6
    """
    if spec is None:
        return ()
    named = zip(AXES[len(spec.axes)], spec.axes, sizes, strict=True)
    return tuple(AxisSeen(name, size, axis.out(size), axis) for name, axis, size in named)


@dataclass(frozen=True)
class Channel:
    """Statistics of one output channel.

    `negative`, `above` (1) and `clipped` (beyond the end of its colours) are shares of its values;
    `histogram` runs from −end to +end of its colours.
    """

    index: int
    name: str
    low: float
    high: float
    mean: float
    negative: float
    above: float
    edges: float
    end: float
    clipped: float
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """What a layer costs and what it took on this machine."""

    parameters: int
    parameters_text: str
    mult_adds: int
    bytes_moved: int
    seconds: float
    runs: int
    compile_seconds: float
    cached: bool
    kernel: str
    isa: str
    why: str
    threads: int
    peak: float

    @property
    def gflops(self) -> float:
        """Measured speed in GFLOP/s, counting a multiplication and an addition as two."""
        return 2 * self.mult_adds / self.seconds / 1e9 if self.seconds > 0 else 0.0

    @property
    def shortcut(self) -> bool:
        """Whether the kernel needs fewer multiplications than are counted."""
        return self.kernel.startswith("Winograd")


@dataclass(frozen=True)
class Spot:
    """One output value worth looking at, and what it was computed from.

    `box` is the part of the photo that the value depends on: top, left, height and width in
    pixels, which may reach over the photo's edge into padding.
    """

    channel: int
    row: int
    column: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class LayerRecord:
    """One layer at work; `takes` is the place of the pooling whose indices an unpooling took."""

    index: int
    kind: str
    text: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    spec: ConvSpec | PoolSpec | UnpoolSpec | None
    divides_padding: bool
    divisor: int | None
    origin: str
    names: tuple[str, ...]
    field: tuple[tuple[int, int], ...]
    channels: tuple[Channel, ...]
    order: tuple[int, ...]
    spot: Spot | None
    cost: Cost
    input: Array
    output: Array
    weight: Array | None
    bias: Array | None
    detail: Detail | None = None
    takes: int | None = None

    @property
    def torch_code(self) -> str:
        return f"nn.{self.text}"

    @property
    def axes(self) -> tuple[AxisSeen, ...]:
        return axes_seen(self.spec, self.input_shape[-2:])

    @property
    def has_maps(self) -> bool:
        """Whether the output is a stack of pictures (Flatten's, for one, is not)."""
        return len(self.output_shape) == 4


@dataclass(frozen=True)
class Look:
    """Everything that one `tatamu look` saw."""

    source: Source
    layers: tuple[LayerRecord, ...]
    seed: int
    command: str
    version: str
    cpu: str
    weights_sha256: str
