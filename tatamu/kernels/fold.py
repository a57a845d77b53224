"""How a reduction is laid out and divided; `fold_emit` is the code that follows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from tatamu.kernels.fold_emit import BLOCK, VECTORS
from tatamu.kernels.problem import DTYPES
from tatamu.stage import Target

# A work item reads about so much: it stays in the second cache, and outlasts being handed out.
LEAST_BYTES = 16 << 10
ALONE_BYTES = 48 << 10
MOST_BYTES = 128 << 10
# Items are made smaller where that makes about this many.
ITEMS = 32
# From so many outputs, or blocks of them, on there is work for every thread without parts.
ENOUGH = 16
# Rows that are read together, column by column: they stay in the first cache or nearly so.
ROWS_BYTES = 64 << 10
# A part of fewer rows would leave figures that take longer to put together than to find.
LEAST_ROWS = 192
MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class Folded:
    """x[groups, runs, kept, run] without gaps; runs and run are folded, the others kept."""

    dtype: str
    groups: int
    runs: int
    kept: int
    run: int

    @property
    def rows(self) -> bool:
        """Whether lanes run along what is folded."""
        return self.run > 1 or self.kept == 1

    @property
    def outputs(self) -> int:
        """How many results there are."""
        return self.groups * self.kept

    @property
    def count(self) -> int:
        """How many numbers each result is made of."""
        return self.runs * self.run

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return DTYPES[self.dtype].size

    @property
    def nbytes(self) -> int:
        """Bytes of all numbers."""
        return self.outputs * self.count * self.itemsize


def folded(
    dtype: str, shape: tuple[int, ...], order: tuple[int, ...] | None, axes: Iterable[int]
) -> Folded | str:
    """A reduction over ``axes`` of what lies in ``order`` (slowest axis first), or why not."""
    if dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {dtype}"
    if order is None:
        return "it reads memory without gaps"
    if 0 in shape:
        return "there is nothing to read"
    gone = set(axes)
    sizes = [1, 1, 1, 1]  # from the fastest: folded, kept, folded, kept
    place = 0
    for axis in reversed(order):
        if shape[axis] == 1:
            continue
        while (place % 2 == 0) != (axis in gone):
            place += 1
            if place == 4:
                return "axes that go and axes that stay alternate more than twice in memory"
        sizes[place] *= shape[axis]
    run, kept, runs, groups = sizes
    return Folded(dtype, groups, runs, kept, run)


def grain(nbytes: int) -> int:
    """How much of ``nbytes`` a work item is to read; all of it where handing out takes longer."""
    if nbytes <= ALONE_BYTES:
        return MOST_BYTES
    return min(MOST_BYTES, max(LEAST_BYTES, nbytes // ITEMS))


def division(problem: Folded, target: Target, *, whole: bool = False) -> tuple[dict[str, int], int]:
    """The numbers of `fold_emit.NUMBERS`, by the shape alone, and how many work items they make.

    With ``whole`` no output is divided into parts.
    """
    size = grain(problem.nbytes)
    lanes = target.lanes(DTYPES[problem.dtype])
    row_block = 0
    each = problem.count * problem.itemsize
    if problem.rows:
        step = BLOCK * VECTORS * lanes
        parts = 1 if whole or problem.outputs >= ENOUGH else _parts(each, size)
        piece = min(problem.run, -(-size // (problem.itemsize * step)) * step)
        run_pieces = -(-problem.run // piece)
        pieces = problem.runs * run_pieces
        block = max(1, min(problem.outputs, size // each))
        blocks = -(-problem.outputs // block)
    else:
        piece, run_pieces, pieces = 1, 1, problem.runs
        width = VECTORS * lanes
        most = 1 if whole else max(1, problem.runs // LEAST_ROWS)
        parts = min(most, _parts(problem.nbytes // problem.groups, size))
        # Where that leaves too much to each, columns are divided, too.
        shares = max(1, problem.nbytes // (size * problem.groups * parts))
        block = -(-problem.kept // (shares * width)) * width
        blocks = -(-problem.kept // block)
        row_block = max(
            8, min(2 * BLOCK, ROWS_BYTES // (min(block, problem.kept) * problem.itemsize))
        )
    part_pieces = max(1, -(-pieces // min(parts, pieces)))
    parts = -(-pieces // part_pieces)
    numbers = {
        "groups": problem.groups, "runs": problem.runs, "kept": problem.kept, "run": problem.run,
        "outputs": problem.outputs, "parts": parts, "blocks": blocks, "block": block,
        "piece": piece, "run_pieces": run_pieces, "pieces": pieces, "part_pieces": part_pieces,
        "row_block": row_block,
    }  # fmt: skip
    items = parts * blocks * (1 if problem.rows else problem.groups)
    return numbers, items


def _parts(nbytes: int, size: int) -> int:
    return max(1, min(MOST_PARTS, nbytes // size))


def scratch_bytes(numbers: dict[str, int], figures: int) -> int:
    """What the parts leave, in float64."""
    return 8 * prod((numbers["parts"], figures, numbers["outputs"]))
