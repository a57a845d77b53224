"""Steps of layers that move a window: convolution, pooling, and im2col with its matrix product.

Every number of a step comes from `probe`, the account of a value that the layer itself gave, and
every result is the layer's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tatamu.geometry import AdaptiveSpec, ConvSpec, PoolSpec, fold
from tatamu.lens.animation import Board, Cell, Lit, Product, Rows, Scene, Step, Write
from tatamu.lens.probe import Probe, probe

if TYPE_CHECKING:
    from tatamu.nn import Module

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Subject:
    """A layer and one run of it: (channels, rows, columns) in and out."""

    text: str
    module: Module
    spec: ConvSpec | PoolSpec | AdaptiveSpec
    input: Numbers
    output: Numbers

    def account(self, channel: int, row: int, column: int) -> Probe:
        """How one output came about."""
        found = probe(self.module, self.input, self.output, channel, row, column)
        assert found is not None
        return found

    def places(self) -> Iterator[tuple[int, int, int]]:
        """All outputs: channel by channel, row by row."""
        channels, rows, columns = self.output.shape
        return itertools.product(range(channels), range(rows), range(columns))

    @property
    def weight(self) -> Numbers | None:
        found = getattr(self.module, "weight", None)
        return None if found is None else found.detach().numpy()

    def kernel(self, channel: int, read: int) -> Numbers:
        """The kernel between an output channel and the `read`-th channel that it reads."""
        weight = self.weight
        assert weight is not None and isinstance(self.spec, ConvSpec)
        if not self.spec.transposed:
            found: Numbers = weight[channel, read]
            return found
        per_group = weight.shape[1]
        first = channel // per_group * (weight.shape[0] // self.spec.groups)
        stamped: Numbers = weight[first + read, channel % per_group]
        return stamped

    def read_by(self, channel: int) -> range:
        """The input channels that an output channel is made from."""
        if not isinstance(self.spec, ConvSpec):
            return range(channel, channel + 1)
        count = len(self.input) // self.spec.groups
        first = channel // (len(self.output) // self.spec.groups) * count
        return range(first, first + count)


def rows_of(values: npt.NDArray[np.generic]) -> Rows:
    """A matrix as tuples."""
    return tuple(tuple(float(value) for value in row) for row in values)


def empty(height: int, width: int) -> Rows:
    """A matrix in which nothing is written yet."""
    return ((None,) * width,) * height


def spans(subject: Subject) -> tuple[range, range]:
    """The input's positions with all that its windows reach: padding and, behind it, overhang."""
    sizes = subject.input.shape[1:]
    if isinstance(subject.spec, AdaptiveSpec):
        return range(sizes[0]), range(sizes[1])
    found = []
    for window, size, outs in zip(
        subject.spec.windows, sizes, subject.output.shape[1:], strict=True
    ):
        before, after = window.pad
        reached = window.taps(outs - 1).stop if outs else 0
        found.append(range(-before, max(size + after, reached)))
    return found[0], found[1]


def padded_boards(subject: Subject, fill: float | None) -> list[Board]:
    """The input channels with their padding around them, as the layer sees them."""
    down, across = spans(subject)
    mode = subject.spec.padding_mode if isinstance(subject.spec, ConvSpec) else "zeros"
    boards = []
    for channel, plane in enumerate(subject.input):
        rows: list[tuple[float | None, ...]] = []
        ghosts: set[Cell] = set()
        for i, y in enumerate(down):
            line: list[float | None] = []
            for j, x in enumerate(across):
                at_y, at_x = fold(y, len(plane), mode), fold(x, len(plane[0]), mode)
                known = at_y is not None and at_x is not None
                line.append(float(plane[at_y, at_x]) if known else fill)
                if not (0 <= y < len(plane) and 0 <= x < len(plane[0])):
                    ghosts.add((i, j))
            rows.append(tuple(line))
        boards.append(Board("input", channel, tuple(rows), frozenset(ghosts)))
    return boards


def kernel_boards(subject: Subject, flipped: bool = False) -> list[Board]:
    """The kernels of the first output channel, one for each channel it reads."""
    boards = []
    for read in range(len(subject.read_by(0))):
        kernel = subject.kernel(0, read)
        boards.append(Board("kernel", read, rows_of(kernel[::-1, ::-1] if flipped else kernel)))
    return boards


def kernel_writes(
    subject: Subject, channel: int, first_board: int, flipped: bool = False
) -> list[Write]:
    """What makes the kernel boards show the kernels of another output channel."""
    writes = []
    for read in range(len(subject.read_by(channel))):
        kernel = subject.kernel(channel, read)
        kernel = kernel[::-1, ::-1] if flipped else kernel
        for (i, j), value in np.ndenumerate(kernel):
            writes.append(Write(first_board + read, (i, j), float(value)))
    return writes


def output_boards(subject: Subject) -> list[Board]:
    """The output channels, still empty."""
    channels, height, width = subject.output.shape
    return [Board("output", channel, empty(height, width)) for channel in range(channels)]


def products_of(found: Probe) -> tuple[tuple[Product, ...], tuple[float, ...]]:
    """The terms of an account, channel by channel and row by row, and their running sums."""
    weights = [None] * found.patch.size if found.weight is None else found.weight.ravel().tolist()
    inside = np.broadcast_to(found.inside, found.patch.shape).ravel().tolist()
    products: list[Product] = []
    sums: list[float] = []
    total = 0.0
    for value, weight, known in zip(found.patch.ravel().tolist(), weights, inside, strict=True):
        products.append(Product(value, weight, known))
        if found.kind == "max":
            total = max(value, sums[-1]) if sums else value
        else:
            total += value**found.power if weight is None else value * weight
        sums.append(total)
    return tuple(products), tuple(sums)


def slide(subject: Subject) -> Scene:
    """The window moving over the padded input, one output after the other."""
    first = subject.account(0, 0, 0)
    pooling = first.weight is None
    fill = -np.inf if first.kind == "max" else None if first.kind == "norm" else 0.0
    inputs = padded_boards(subject, fill)
    kernels = [] if pooling else kernel_boards(subject)
    boards = [*inputs, *kernels, *output_boards(subject)]
    down, across = spans(subject)
    steps = []
    for channel, row, column in subject.places():
        found = subject.account(channel, row, column)
        cells = tuple((y - down.start, x - across.start) for y in found.rows for x in found.columns)
        lit = []
        for read, board in enumerate(subject.read_by(channel)):
            tags = () if found.weight is None else tuple(found.weight[read].ravel().tolist())
            lit.append(Lit(board, cells, tags))
        every = tuple(itertools.product(found.kernel_rows, found.kernel_columns))
        lit += [Lit(len(inputs) + read, every) for read in range(len(kernels))]
        output = len(inputs) + len(kernels) + channel
        lit.append(Lit(output, ((row, column),)))
        writes = [Write(output, (row, column), found.output)]
        if channel and not (row or column) and not pooling:
            writes += kernel_writes(subject, channel, len(inputs))
        steps.append(step_of(found, tuple(lit), tuple(writes)))
    return Scene("pool" if pooling else "slide", tuple(boards), tuple(steps))


def step_of(found: Probe, lit: tuple[Lit, ...], writes: tuple[Write, ...]) -> Step:
    """The step that works out one output."""
    products, sums = products_of(found)
    winner = None
    if found.winner is not None:
        winner = found.winner[0] * found.patch.shape[2] + found.winner[1]
    happening = "sum" if found.kind == "scatter" else found.kind
    assert happening in ("sum", "max", "mean", "norm")
    return Step(
        happening,  # type: ignore[arg-type]
        (found.channel, found.row, found.column),
        lit,
        writes,
        products,
        sums,
        found.bias,
        found.divisor,
        found.power,
        winner,
        found.output,
    )


def unfold(subject: Subject) -> Scene:
    """im2col: each patch becomes a column, then each output is one row times one column."""
    channels, height, width = subject.output.shape
    outs = height * width
    inputs = padded_boards(subject, 0.0)
    count = len(inputs)
    weight = subject.weight
    assert weight is not None
    taps = weight[0].size
    boards = (
        *inputs,
        Board("weights", 0, rows_of(weight.reshape(len(weight), taps))),
        Board("columns", 0, empty(taps, outs)),
        Board("product", 0, empty(channels, outs)),
        *output_boards(subject),
    )
    down, across = spans(subject)
    steps = []
    for number, (row, column) in enumerate(itertools.product(range(height), range(width))):
        found = subject.account(0, row, column)
        cells = tuple((y - down.start, x - across.start) for y in found.rows for x in found.columns)
        column_cells = tuple((tap, number) for tap in range(taps))
        lit = (*(Lit(board, cells) for board in range(count)), Lit(count + 1, column_cells))
        values = found.patch.ravel().tolist()
        writes = tuple(Write(count + 1, (tap, number), values[tap]) for tap in range(taps))
        copied = tuple(Product(value, None, known) for value, known in _flat(found))
        steps.append(Step("copy", (0, row, column), lit, writes, copied))
    for channel, row, column in subject.places():
        found = subject.account(channel, row, column)
        number = row * width + column
        lit = (
            Lit(count, tuple((channel, tap) for tap in range(taps))),
            Lit(count + 1, tuple((tap, number) for tap in range(taps))),
            Lit(count + 2, ((channel, number),)),
            Lit(count + 3 + channel, ((row, column),)),
        )
        writes = (
            Write(count + 2, (channel, number), found.output),
            Write(count + 3 + channel, (row, column), found.output),
        )
        steps.append(step_of(found, lit, writes))
    return Scene("unfold", boards, tuple(steps))


def _flat(found: Probe) -> Iterator[tuple[float, bool]]:
    inside = np.broadcast_to(found.inside, found.patch.shape)
    return zip(found.patch.ravel().tolist(), inside.ravel().tolist(), strict=True)


def grouped(scene: Scene, one_by_one: int) -> Scene:
    """The same scene in fewer steps: beyond so many, a row of outputs makes one step.

    The first row of every channel and all steps of another kind stay as they are.
    """
    if len(scene.steps) <= one_by_one:
        return scene
    steps: list[Step] = []
    for (_, channel, row), group in itertools.groupby(scene.steps, _row):
        together = list(group)
        if len(together) == 1 or (row == 0 and channel == 0):
            steps += together
        else:
            steps.append(_merged(together))
    return Scene(scene.kind, scene.boards, tuple(steps))


def _row(step: Step) -> tuple[str, int, int]:
    return step.happening, step.place[0], step.place[1]


def _merged(steps: Sequence[Step]) -> Step:
    from dataclasses import replace

    writes = tuple(write for step in steps for write in step.writes)
    return replace(steps[-1], writes=writes, count=sum(step.count for step in steps))
