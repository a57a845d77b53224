"""What was seen of a whole network: frozen records of its layers, operations and edges.

`tatamu.lens.record(model, picture)` makes a `NetworkRecord`. Each of its `NetworkLayer`s is one
row: a call of a layer, or an operation that stands in a ``forward`` itself (``+``, ``cat``, a
functional call), with the line it stands in. A row names the rows it takes its inputs from, so that
the graph is known; what a row gave is copied at once, so that nothing which is later written over
it can change the record. Arrays are read-only.

Multiply-adds, wherever they are counted, are those of products of matrices: one multiplication with
the addition that follows it, for convolutions (plain or transposed), linear layers and matrix
products, padding included and biases left out, over the whole batch. Whatever else adds or
multiplies (normalising, pooling, activations, sums) has none and is counted in ``flops``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tatamu.geometry import ConvSpec, PoolSpec, Reach, Seen
from tatamu.lens.records import Array, AxisSeen

if TYPE_CHECKING:
    from tatamu.lens.replay import Replay
    from tatamu.profiling import OpReport

__all__ = [
    "Budget",
    "ChannelStatistics",
    "Edge",
    "GradCam",
    "Kept",
    "NetworkLayer",
    "NetworkRecord",
    "Score",
    "Statistics",
]

Counts = npt.NDArray[np.int32]

INPUT = -1
"""The producer of an edge that comes from what the network was given."""

CONSTANT = -2
"""The producer of an edge from nowhere in the network: of a tensor that was there before."""


@dataclass(frozen=True)
class Statistics:
    """Statistics of all values of a tensor.

    ``zero`` and ``negative`` are shares of its values, as is ``strange``: NaN and infinities, which
    enter nothing else. ``histogram`` has equal bins from −``end`` to +``end``, zero between the two
    middle ones; what lies beyond is counted at the ends. ``end`` is the magnitude that 99.5 % of
    the values do not exceed.
    """

    count: int
    low: float
    high: float
    mean: float
    deviation: float
    zero: float
    negative: float
    strange: float
    end: float
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class ChannelStatistics:
    """Statistics of every channel of the first sample's maps: arrays with one entry a channel.

    ``histogram`` is (channels, bins), from −end to +end of the whole layer. ``edges`` is the mean
    size of the steps between neighbouring pixels; ``order`` the channels by it, strongest first.
    """

    low: Array
    high: Array
    mean: Array
    zero: Array
    negative: Array
    edges: Array
    histogram: Counts
    order: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.low)


@dataclass(frozen=True)
class Kept:
    """What was kept of a row's output: copies of some channels of the first sample.

    ``values`` is (kept, rows, columns), or (1, 1, n) of what is no stack of maps; ``channels`` are
    their numbers, strongest first if not all are there. Where ``values`` is smaller than ``size``,
    the maps' own, each of its pixels is the mean of those that fall into it.
    """

    channels: tuple[int, ...]
    values: Array
    of: int
    size: tuple[int, int]

    @property
    def whole(self) -> bool:
        """Whether every channel is there at its own size."""
        return len(self.channels) == self.of and not self.shrunk

    @property
    def shrunk(self) -> bool:
        """Whether the maps are smaller than they were."""
        return tuple(self.values.shape[1:]) != self.size

    def channel(self, number: int) -> Array | None:
        """The map of a channel, None if it was not kept."""
        if number not in self.channels:
            return None
        found: Array = self.values[self.channels.index(number)]
        return found


@dataclass(frozen=True)
class Edge:
    """One input of a row: the number of the row that made it, `INPUT` or `CONSTANT`."""

    producer: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class NetworkLayer:
    """One row: a call of a layer, or an operation in a ``forward``.

    Identity. ``kind`` is the class ("Conv2d"), the function ("F.relu", "cat") or the sign ("+");
    ``role`` is "module", "function", "operator", "view" (only looks at memory in another way) or
    "nothing" (a layer that passed its input on). ``path`` is how Python reaches the innermost
    module around it ("layer1.0.conv1"; "" is the model itself), which for ``role`` "module" is the
    layer itself; ``modules`` are the classes on that path, the model's first. ``call`` counts the
    calls of one module from 0. ``file``, ``line`` and ``code`` are the line it was called from.

    Sizes. ``edges`` has an entry for every tensor that went in but parameters and buffers;
    ``axes`` the arithmetic of every axis along which a window moves. ``seen`` has, for height and
    width of the picture, what each output can depend on through every path, skips and global
    pooling too; and in its ``reach`` how far the windows alone reach (size, step and start).

    Costs. ``parameters`` are 0 in a second call of the same module. ``mult_adds`` as the module's
    text states. ``bytes_moved`` counts what goes in, parameters too, and what comes out.
    ``seconds`` is the median over ``runs`` of the time from the end of the operation before to the
    end of its own, Python in between included, so that all rows add up to a run of the network.

    ``operations`` says which kernel ran, for each operation of the row, and why not the others.
    ``kept`` is a copy of the output, or of what the budget left of it. ``gradient`` is of the top
    class's score by this row's output, ``weight_gradient`` by its weight.
    """

    index: int
    kind: str
    role: str
    text: str
    path: str
    modules: tuple[str, ...]
    call: int
    file: str
    line: int
    code: str
    settings: tuple[tuple[str, object], ...]
    edges: tuple[Edge, ...]
    output_shapes: tuple[tuple[int, ...], ...]
    dtype: str
    spec: ConvSpec | PoolSpec | None
    axes: tuple[AxisSeen, ...]
    seen: tuple[Seen, Seen]
    parameters: int
    parameters_text: str
    parameter_bytes: int
    mult_adds: int
    flops: int
    bytes_moved: int
    output_bytes: int
    seconds: float
    runs: int
    compile_seconds: float
    operations: tuple[OpReport, ...]
    kernel: str
    isa: str
    why: str
    statistics: Statistics | None
    channels: ChannelStatistics | None
    kept: Kept | None
    gradient: Statistics | None = None
    weight_gradient: Statistics | None = None

    @property
    def name(self) -> str:
        """What to call it in a list: its path, or its sign or function and where it stands.

        An operation of a module ``layer1.0`` is "layer1.0: +".
        """
        if self.role in ("module", "nothing"):
            return self.path or self.kind
        return f"{self.path}: {self.kind}" if self.path else self.kind

    @property
    def light(self) -> bool:
        """Whether it computes nothing: views, and layers that pass their input on."""
        return self.role in ("view", "nothing")

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The first output's shape."""
        return self.output_shapes[0] if self.output_shapes else ()

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(edge.shape for edge in self.edges)

    @property
    def producers(self) -> tuple[int, ...]:
        """The rows that its inputs come from, each once; `INPUT` for the network's input."""
        return tuple(dict.fromkeys(e.producer for e in self.edges if e.producer != CONSTANT))

    @property
    def has_maps(self) -> bool:
        """Whether the output is a stack of pictures: (N, C, H, W) of more than one pixel."""
        return len(self.output_shape) == 4 and self.output_shape[2] * self.output_shape[3] > 1

    @property
    def gflops(self) -> float:
        """Measured GFLOP/s, a multiply-add counted as two; 0 of what multiplies no matrices."""
        return 2 * self.mult_adds / self.seconds / 1e9 if self.seconds > 0 else 0.0

    @property
    def bandwidth(self) -> float:
        """Measured GB/s of inputs, parameters and outputs together."""
        return self.bytes_moved / self.seconds / 1e9 if self.seconds > 0 else 0.0

    @property
    def intensity(self) -> float:
        """Floating-point operations to a byte, where it stands below a roofline."""
        done = 2 * self.mult_adds or self.flops
        return done / self.bytes_moved if self.bytes_moved else 0.0

    @property
    def shortcut(self) -> bool:
        """Whether the kernel needs fewer multiplications than are counted."""
        return self.kernel.startswith(("Winograd", "FFT"))

    @property
    def field(self) -> tuple[Reach | None, Reach | None]:
        """How far an output sees by its windows, down and across; None where no step holds."""
        return self.seen[0].reach, self.seen[1].reach

    def box(self, row: int, column: int) -> tuple[int, int, int, int] | None:
        """The part of the picture an output depends on: top, left, height, width; None for none.

        A row and column of an output without rows and columns are not looked at.
        """
        down, across = self.seen[0].at(row), self.seen[1].at(column)
        if not down or not across:
            return None
        return down.start, across.start, len(down), len(across)


@dataclass(frozen=True)
class Score:
    """A class, its score (before softmax) and its softmax among all."""

    index: int
    score: float
    probability: float


@dataclass(frozen=True)
class GradCam:
    """Where the network looked for a class, by Grad-CAM (Selvaraju et al., ICCV 2017).

    ``weights`` are the means over the map of the gradients of the class's score by each channel of
    row ``layer``; ``values`` = max(0, sum of weights times maps), (rows, columns), in the unit of
    the score. ``layer`` is the last row that still has the size of the last convolution over more
    than one pixel: the activation, or sum, that ends the last convolutional stage.
    """

    layer: int
    target: int
    weights: Array
    values: Array

    @property
    def scaled(self) -> Array:
        """From 0 to 1; all zero where nothing speaks for the class."""
        most = float(self.values.max(initial=0.0))
        found: Array = self.values / np.float32(most) if most > 0 else self.values
        return found


@dataclass(frozen=True)
class Budget:
    """How many bytes of copied outputs were allowed and are used.

    ``notes`` has, for each row that is not kept whole, its number, how many of its channels are
    kept, and whether these are shrunk.
    """

    limit: int
    used: int
    notes: tuple[tuple[int, int, bool], ...]


@dataclass(frozen=True)
class NetworkRecord:
    """A network at work on one picture.

    ``picture`` is what went in, (channels, height, width); ``outputs`` has the label and the row of
    every tensor that came out: ("", n) of a single one, ("0", n) of a tuple's, its key of a
    dictionary's. ``seconds`` is the median of ``runs`` runs of the whole network, ``peak`` and
    ``memory`` this machine's measured GFLOP/s and GB/s with the ``threads`` in use, 0 where not
    known.
    ``scores`` are the likeliest classes of a network that gives (N, classes), for the first sample,
    else none; ``names`` the classes' names, if they were given.
    """

    title: str
    picture: Array
    layers: tuple[NetworkLayer, ...]
    outputs: tuple[tuple[str, int], ...]
    seconds: float
    runs: int
    first_seconds: float
    peak: float
    memory: float
    threads: int
    cpu: str
    version: str
    scores: tuple[Score, ...]
    cam: GradCam | None
    budget: Budget
    replay: Replay = field(repr=False, compare=False)
    names: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def mult_adds(self) -> int:
        return sum(layer.mult_adds for layer in self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key: int | str) -> NetworkLayer:
        """A row by its number, or its name or path (then the first); KeyError if there is none."""
        if isinstance(key, int):
            return self.layers[key]
        for layer in self.layers:
            if key in (layer.name, layer.path):
                return layer
        raise KeyError(key)

    def consumers(self, index: int) -> tuple[int, ...]:
        """The rows that take what row ``index`` made; `INPUT` asks for those of the picture."""
        return tuple(layer.index for layer in self.layers if index in layer.producers)

    @property
    def skips(self) -> tuple[tuple[int, int], ...]:
        """The edges (from, to) that pass by other rows: to a row with several inputs, all but the
        longest way there.
        """
        return _skips(self.layers)

    # ---- what is worked out when asked for ----

    def values(self, index: int, channels: Sequence[int] | None = None) -> Array:
        """The output of a row in full, of the first sample; only some channels if so asked.

        What was not kept is computed anew by running the network. RuntimeError where the network
        no longer does what it did.
        """
        return self.replay.values(self.layers[index], channels)

    def input_values(self, index: int) -> Array:
        """The first input of a row in full, of the first sample; worked out as ``values`` is."""
        return self.replay.input_values(self.layers[index])

    def weight(self, index: int) -> Array | None:
        """A copy of a row's weight, as the layer holds it; None if it has none."""
        return self.replay.weight(self.layers[index])

    def matrix(self, index: int) -> Array | None:
        """Of a 1x1 convolution or a linear layer, its (outputs, inputs) matrix; else None.

        Groups leave zeros.
        """
        return self.replay.matrix(self.layers[index])

    def partial_maps(self, index: int, channel: int) -> Array:
        """What each input channel gives to one output channel of a convolution: (inputs, rows,
        columns).

        Their sum, and the bias, is the output's map. Only the channel's own group's are there.
        ValueError for a row that is no convolution over a picture.
        """
        return self.replay.partial_maps(self.layers[index], channel)

    def __str__(self) -> str:
        from tatamu.lens.network_text import table

        return table(self)

    __repr__ = __str__


def _skips(layers: Sequence[NetworkLayer]) -> tuple[tuple[int, int], ...]:
    depth: dict[int, int] = {INPUT: 0}
    found: list[tuple[int, int]] = []
    for layer in layers:
        producers = layer.producers
        farthest = max((depth[p] for p in producers), default=0)
        depth[layer.index] = farthest + 1
        if len(producers) > 1:
            main = max(producers, key=lambda p: (depth[p], p))
            found += [(p, layer.index) for p in producers if p != main]
    return tuple(found)
