"""An animation as data: matrices on a stage, and steps that say what happens to them.

`animation_steps` makes these records from a layer and its numbers; `animation_stage` lays them out;
`animation_pixels` and `animation_svg` draw what was laid out. None of the later ones computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cell = tuple[int, int]
Rows = tuple[tuple[float | None, ...], ...]
Happening = Literal["sum", "scatter", "max", "mean", "norm", "copy", "crop", "insert"]


@dataclass(frozen=True)
class Board:
    """A matrix on the stage. `values` are those before the first step; None is not yet written.

    `name` is its part in the play: input, kernel, output, overlap, columns, weights or product.
    `ghost` cells are no part of the picture: padding, inserted zeros, or what will be cut off.
    """

    name: str
    channel: int
    values: Rows
    ghost: frozenset[Cell] = frozenset()

    @property
    def height(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        return len(self.values[0])


@dataclass(frozen=True)
class Lit:
    """Cells of one board that a step is about; `weights` stand beside their values, if any."""

    board: int
    cells: tuple[Cell, ...]
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Write:
    """A value that a step puts into a cell."""

    board: int
    cell: Cell
    value: float


@dataclass(frozen=True)
class Product:
    """One term of the arithmetic: a value and the weight it meets (None in pooling).

    `before` is what stood in the output, in scattering.
    """

    value: float
    weight: float | None
    inside: bool = True
    before: float | None = None


@dataclass(frozen=True)
class Step:
    """One moment: which cells are lit, the products, their running sums, and what is written.

    `place` (channel, row, column) is the output worked on; of an input pixel that is scattered, of
    the input; of a patch that is copied, of the output it belongs to. `winner` is the index of the
    product that max pooling keeps. `count` steps were put together into this one.
    """

    happening: Happening
    place: tuple[int, int, int]
    lit: tuple[Lit, ...]
    writes: tuple[Write, ...]
    products: tuple[Product, ...] = ()
    sums: tuple[float, ...] = ()
    bias: float | None = None
    divisor: int = 1
    power: float = 1.0
    winner: int | None = None
    result: float | None = None
    count: int = 1


@dataclass(frozen=True)
class Scene:
    """Boards and the steps played on them. `shape` is a row of boards, or a matrix product's cross.

    `kind` is slide, pool, insert, scatter or unfold.
    """

    kind: str
    boards: tuple[Board, ...]
    steps: tuple[Step, ...]

    def board(self, name: str, channel: int = 0) -> int:
        """The index of a board; -1 where the scene has none such."""
        for index, board in enumerate(self.boards):
            if (board.name, board.channel) == (name, channel):
                return index
        return -1

    def after(self, step: int) -> tuple[Rows, ...]:
        """The values of every board once a step is done."""
        grids = [[list(row) for row in board.values] for board in self.boards]
        for one in self.steps[: step + 1]:
            for write in one.writes:
                row, column = write.cell
                grids[write.board][row][column] = write.value
        return tuple(tuple(tuple(row) for row in grid) for grid in grids)


@dataclass(frozen=True)
class Animation:
    """A layer at work on a small matrix: its text, size arithmetic and scenes.

    `sizes` are lines of (layer, size before → after, formula), one for each axis or one for both.
    """

    text: str
    sizes: tuple[tuple[str, str, str], ...]
    scenes: tuple[Scene, ...]
    speed: float = 1.0

    @property
    def steps(self) -> int:
        return sum(len(scene.steps) for scene in self.scenes)
