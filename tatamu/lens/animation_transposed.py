"""Steps of a transposed convolution in both readings, and how many contributions outputs get."""

from __future__ import annotations

import itertools
from collections import defaultdict

from tatamu.geometry import ConvSpec, Insertion
from tatamu.lens.animation import Board, Cell, Lit, Product, Scene, Step, Write
from tatamu.lens.animation_steps import (
    Subject,
    empty,
    kernel_boards,
    kernel_writes,
    output_boards,
    rows_of,
    step_of,
)


def insert(subject: Subject, overlap: bool) -> Scene:
    """Zeros are put between the pixels and around them, then the flipped kernel moves by ones.

    With `overlap`, a board counts for each output the pixels that were not zeros put in.
    """
    ways = insertions(subject)
    down, across = (way.board for way in ways)
    inputs = []
    for channel, plane in enumerate(subject.input):
        rows = []
        ghosts: set[Cell] = set()
        for i, y in enumerate(down):
            line = []
            for j, x in enumerate(across):
                at_y, at_x = ways[0].source(y), ways[1].source(x)
                real = at_y is not None and at_x is not None
                line.append(float(plane[at_y, at_x]) if real else 0.0)
                if not real:
                    ghosts.add((i, j))
            rows.append(tuple(line))
        inputs.append(Board("input", channel, tuple(rows), frozenset(ghosts)))
    kernels, outputs = kernel_boards(subject, flipped=True), output_boards(subject)
    counts = [Board("overlap", 0, empty(*subject.output.shape[1:]))] if overlap else []
    boards = (*inputs, *kernels, *outputs, *counts)
    shown = [
        Lit(index, tuple(sorted(set(_cells(board)) - board.ghost)))
        for index, board in enumerate(inputs)
    ]
    steps = [Step("insert", (0, 0, 0), tuple(shown), ())]
    for channel, row, column in subject.places():
        steps.append(_inserted(subject, inputs, kernels, (channel, row, column), ways))
    if overlap:
        last = len(boards) - 1
        for index, step in enumerate(steps[1:], 1):
            channel, row, column = step.place
            if channel == 0:
                write = Write(last, (row, column), float(contributions(subject, row, column)))
                steps[index] = _with_write(step, write)
    return Scene("insert", boards, tuple(steps))


def insertions(subject: Subject) -> tuple[Insertion, Insertion]:
    """How each axis of the subject is stretched and bordered."""
    spec = subject.spec
    assert isinstance(spec, ConvSpec)
    sides = zip(spec.windows, subject.input.shape[1:], spec.output_padding, strict=True)
    down, across = (Insertion(window, size, extra) for window, size, extra in sides)
    return down, across


def contributions(subject: Subject, row: int, column: int) -> int:
    """How many pixels of one input channel reach an output."""
    found = subject.account(0, row, column)
    return len(found.rows) * len(found.columns)


def _cells(board: Board) -> itertools.product[Cell]:
    return itertools.product(range(board.height), range(board.width))


def _inserted(
    subject: Subject,
    inputs: list[Board],
    kernels: list[Board],
    place: tuple[int, int, int],
    ways: tuple[Insertion, Insertion],
) -> Step:
    """One output as the convolution of the stretched input with the flipped kernel."""
    channel, row, column = place
    found = subject.account(*place)
    rows = [y - ways[0].board.start for y in ways[0].taps(row)]
    columns = [x - ways[1].board.start for x in ways[1].taps(column)]
    cells = tuple(itertools.product(rows, columns))
    products = []
    lit = []
    for read, board in enumerate(subject.read_by(channel)):
        weights = subject.kernel(channel, read)[::-1, ::-1].ravel().tolist()
        values = [inputs[board].values[i][j] or 0.0 for i, j in cells]
        inside = [cell not in inputs[board].ghost for cell in cells]
        products += [Product(*terms) for terms in zip(values, weights, inside, strict=True)]
        lit.append(Lit(board, cells, tuple(weights)))
    for index, kernel in enumerate(kernels):
        lit.append(Lit(len(inputs) + index, tuple(_cells(kernel))))
    output = len(inputs) + len(kernels) + channel
    lit.append(Lit(output, ((row, column),)))
    writes = [Write(output, (row, column), found.output)]
    if channel and not (row or column):
        writes += kernel_writes(subject, channel, len(inputs), flipped=True)
    from dataclasses import replace

    terms = [product.value * (product.weight or 0.0) for product in products]
    sums = tuple(itertools.accumulate(terms))
    made = step_of(found, tuple(lit), tuple(writes))
    return replace(made, products=tuple(products), sums=sums)


def _with_write(step: Step, write: Write) -> Step:
    from dataclasses import replace

    return replace(step, writes=(*step.writes, write))


def scatter(subject: Subject) -> Scene:
    """Each pixel stamps the kernel, times its value, onto the canvas; then the border is cut off.

    The canvas starts with the bias. Beside it a board counts what falls on every cell.
    """
    spec = subject.spec
    assert isinstance(spec, ConvSpec)
    channels, height, width = subject.output.shape
    tops, lefts = (window.pad[0] for window in spec.windows)
    tall, wide = (
        window.padded(size) for window, size in zip(spec.windows, (height, width), strict=True)
    )
    kept = set(itertools.product(range(tops, tops + height), range(lefts, lefts + width)))
    cut = frozenset(set(itertools.product(range(tall), range(wide))) - kept)
    biases = [subject.account(channel, 0, 0).bias or 0.0 for channel in range(channels)]
    inputs = [
        Board("input", channel, rows_of(plane)) for channel, plane in enumerate(subject.input)
    ]
    kernels = kernel_boards(subject)
    canvases = [
        Board("output", channel, ((biases[channel],) * wide,) * tall, cut)
        for channel in range(channels)
    ]
    counts = Board("overlap", 0, ((0.0,) * wide,) * tall, cut)
    boards = (*inputs, *kernels, *canvases, counts)
    steps = []
    fallen: defaultdict[Cell, int] = defaultdict(int)
    for channel in range(channels):
        running = dict.fromkeys(itertools.product(range(tall), range(wide)), biases[channel])
        for read, source in enumerate(subject.read_by(channel)):
            for row, column in itertools.product(*map(range, subject.input.shape[1:])):
                place = (source, row, column)
                counted = None if channel or read else fallen
                steps.append(_stamp(subject, boards, channel, read, place, running, counted))
    if cut:
        outputs = len(inputs) + len(kernels)
        lit = tuple(Lit(outputs + channel, tuple(sorted(kept))) for channel in range(channels))
        steps.append(Step("crop", (0, 0, 0), lit, ()))
    return Scene("scatter", boards, tuple(steps))


def _stamp(
    subject: Subject,
    boards: tuple[Board, ...],
    channel: int,
    read: int,
    place: tuple[int, int, int],
    running: dict[Cell, float],
    fallen: defaultdict[Cell, int] | None,
) -> Step:
    """One pixel's kernel, added to what stands on the canvas."""
    spec = subject.spec
    assert isinstance(spec, ConvSpec)
    source, row, column = place
    kernels = len(subject.input)
    output = kernels + len(subject.read_by(channel)) + channel
    kernel = subject.kernel(channel, read)
    value = float(subject.input[source, row, column])
    # Where the convolution that is transposed would read: canvas positions count its padding.
    down, across = (
        [at + window.pad[0] for at in window.taps(o)]
        for window, o in zip(spec.windows, (row, column), strict=True)
    )
    cells = tuple(itertools.product(down, across))
    weights = kernel.ravel().tolist()
    writes, products, sums = [], [], []
    for cell, weight in zip(cells, weights, strict=True):
        products.append(Product(value, weight, cell not in boards[output].ghost, running[cell]))
        running[cell] += value * weight
        sums.append(running[cell])
        writes.append(Write(output, cell, running[cell]))
        if fallen is not None:
            fallen[cell] += 1
            writes.append(Write(len(boards) - 1, cell, float(fallen[cell])))
    if channel and not (read or row or column):
        writes += kernel_writes(subject, channel, kernels)
    lit = [
        Lit(source, ((row, column),)),
        Lit(kernels + read, tuple(_cells(boards[kernels + read]))),
        Lit(output, cells, tuple(weights)),
    ]
    if fallen is not None:
        lit.append(Lit(len(boards) - 1, cells))
    return Step(
        "scatter", place, tuple(lit), tuple(writes), tuple(products), tuple(sums), result=value
    )
