"""Where everything of an animation stands, and when: marks with the frames they are seen in.

Lengths are in pixels. A mark's colours are roles, which the drawing side turns into colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tatamu.lens.animation import Animation, Board, Lit, Scene, Step
from tatamu.lens.animation_text import Piece, arithmetic, number, running, wrapped

MARGIN = 40
INNER = 880
LARGEST, SMALLEST = 56, 16
TALLEST = 560
GAP = 1.7
"""Between boards, in cells; `STACK` between channels of one kind."""
STACK = 0.5
LINE = 34
SIZE_LINE = 27
CAPTION = 28
GLYPH = 0.6
"""Width of a character of the typeface for arithmetic, in its size."""
MOST_LINES = 4
ARITHMETIC = 23
LEVELS = 4


@dataclass(frozen=True)
class Box:
    """A rectangle: role of its fill and of its outline, empty for none."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    outline: str = ""
    thick: float = 1
    hatched: bool = False


@dataclass(frozen=True)
class Text:
    """Text on a baseline's middle: (text, role) pieces, anchored start, middle or end."""

    x: float
    y: float
    pieces: tuple[Piece, ...]
    size: float
    anchor: str = "middle"
    bold: bool = False


Mark = Box | Text


@dataclass(frozen=True)
class Timed:
    """A mark and the first and last frame in which it is seen."""

    mark: Mark
    first: int
    last: int


@dataclass(frozen=True)
class Glide:
    """An outline that moves: its box at the first place, and (frame, x, y) for each it has."""

    box: Box
    places: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True)
class Sheet:
    """A whole animation, laid out: marks in the order of drawing, outlines above them."""

    width: int
    height: int
    durations: tuple[int, ...]
    marks: tuple[Timed, ...]
    glides: tuple[Glide, ...]

    def frame(self, index: int) -> Iterator[Mark]:
        """What is seen in one frame, in the order of drawing."""
        for timed in self.marks:
            if timed.first <= index <= timed.last:
                yield timed.mark
        for glide in self.glides:
            for at, x, y in glide.places:
                if at == index:
                    box = glide.box
                    yield Box(x, y, box.width, box.height, "", box.outline, box.thick)


@dataclass
class _Marks:
    """Marks as they are put down; the same mark in frames that follow one another is one."""

    layers: dict[int, dict[Mark, list[list[int]]]] = field(default_factory=dict)
    glides: dict[tuple[int, int, Box], list[tuple[int, float, float]]] = field(default_factory=dict)

    def put(self, layer: int, mark: Mark, first: int, last: int) -> None:
        spans = self.layers.setdefault(layer, {}).setdefault(mark, [])
        if spans and spans[-1][1] + 1 == first:
            spans[-1][1] = last
        else:
            spans.append([first, last])

    def timed(self) -> tuple[Timed, ...]:
        return tuple(
            Timed(mark, first, last)
            for _, marks in sorted(self.layers.items())
            for mark, spans in marks.items()
            for first, last in spans
        )


BOARD, VALUE, LIT, LIT_VALUE, CAPTIONS = range(5)


def lay_out(animation: Animation, names: Mapping[str, str]) -> Sheet:
    """The whole animation as marks; `names` are words for boards, left out where there are none."""
    total = animation.steps
    marks = _Marks()
    top = _header(animation, marks, total)
    heights = [_scene_height(scene) for scene in animation.scenes]
    tall = max(heights)
    start = 0
    width = INNER + 2 * MARGIN
    height = round(top + tall + 34)
    for scene in animation.scenes:
        _play(scene, marks, start, top, tall, names)
        start += len(scene.steps)
    for index in range(total):
        part = INNER * (index + 1) / total
        marks.put(CAPTIONS, Box(MARGIN, height - 22, INNER, 4, "track"), index, index)
        marks.put(CAPTIONS, Box(MARGIN, height - 22, part, 4, "bar"), index, index)
    glides = tuple(Glide(box, tuple(places)) for (*_, box), places in marks.glides.items())
    durations = _durations(animation)
    return Sheet(width, height, durations, marks.timed(), glides)


def _durations(animation: Animation) -> tuple[int, ...]:
    """Milliseconds for each frame: longer where there is more to read, and at each scene's ends."""
    found: list[int] = []
    for scene in animation.scenes:
        for index, step in enumerate(scene.steps):
            terms = len(step.products)
            time = 900 + 110 * min(terms, 14)
            if step.happening == "copy":
                time = 900
            if step.happening in ("insert", "crop") or index == 0:
                time = max(time, 2000)
            found.append(time + (1800 if index + 1 == len(scene.steps) else 0))
    found[-1] += 1200
    return tuple(max(20, round(time / animation.speed / 10) * 10) for time in found)


def _header(animation: Animation, marks: _Marks, total: int) -> float:
    """Title and size lines; what is left begins at the height returned."""
    last = total - 1
    size = min(26.0, INNER / GLYPH / max(1, len(animation.text)))
    title = Text(MARGIN, 46, ((animation.text, "ink"),), size, "start", bold=True)
    marks.put(CAPTIONS, title, 0, last)
    y = 46.0 + 36
    label_width = max((len(label) for label, _, _ in animation.sizes), default=0)
    change_width = max((len(change) for _, change, _ in animation.sizes), default=0)
    for label, change, formula in animation.sizes:
        length = label_width + change_width + len(formula) + 6
        size = min(17.0, INNER / GLYPH / length)
        step = size * GLYPH
        for at, text, role in (
            (0, label, "soft"),
            (label_width + 2, change, "result"),
            (label_width + change_width + 5, formula, "ink"),
        ):
            marks.put(
                CAPTIONS, Text(MARGIN + at * step, y, ((text, role),), size, "start"), 0, last
            )
        y += SIZE_LINE
    return y + 14


def cell_size(scene: Scene) -> int:
    """The side of a cell, the same for all boards; 0 where it would be too small to read."""
    groups = {group[0].name: group for group in _groups(scene)}
    if scene.kind == "unfold":
        columns, weights = groups["columns"][0], groups["weights"][0]
        pictures = [board for name in ("input", "output") for board in groups[name]]
        left = max(weights.width, *(board.width for board in pictures))
        stacked = sum(board.height + STACK for board in pictures)
        across = left + GAP + columns.width
        down = max(columns.height, stacked) + GAP + weights.height
        cell = min(44.0, INNER / across, (TALLEST + 120) / down)
    else:
        across = sum(max(b.width for b in group) for group in groups.values())
        across += GAP * (len(groups) - 1)
        down = max(sum(b.height + STACK for b in group) for group in groups.values())
        cell = min(LARGEST, INNER / across, TALLEST / down)
    return int(cell) if cell >= SMALLEST else 0


@dataclass(frozen=True)
class _Placed:
    """A board and its top left corner."""

    board: Board
    x: float
    y: float
    cell: float


def _placed(scene: Scene, top: float = 0.0, room: float | None = None) -> list[_Placed]:
    """Where the boards of a scene stand, centred in the room there is."""
    found = _cross(scene) if scene.kind == "unfold" else _in_row(scene)
    right = max(one.x + one.board.width * one.cell for one in found)
    low = max(one.y + one.board.height * one.cell + CAPTION for one in found)
    left = MARGIN + (INNER - right) / 2
    down = top + (0 if room is None else (room - low) / 2)
    return [_Placed(one.board, one.x + left, one.y + down, one.cell) for one in found]


def _groups(scene: Scene) -> list[list[Board]]:
    groups: dict[str, list[Board]] = {}
    for board in scene.boards:
        groups.setdefault(board.name, []).append(board)
    return list(groups.values())


def _in_row(scene: Scene) -> list[_Placed]:
    """Boards from left to right, the channels of each one above the other, all on one middle."""
    groups = _groups(scene)
    labels = max(len(group) for group in groups)
    cell = max(SMALLEST, cell_size(scene))
    between = CAPTION if labels > 1 else 0
    tall = max(sum(b.height * cell + STACK * cell + between for b in group) for group in groups)
    found = []
    x = 0.0
    for group in groups:
        own = float(sum(board.height * cell for board in group))
        own += (len(group) - 1) * (STACK * cell + between)
        y = (tall - STACK * cell - between - own) / 2
        wide = max(board.width for board in group)
        for board in group:
            found.append(_Placed(board, x + (wide - board.width) * cell / 2, y, cell))
            y += (board.height + STACK) * cell + between
        x += (wide + GAP) * cell
    return found


def _cross(scene: Scene) -> list[_Placed]:
    """A matrix product: weights left of it, columns above it, input and output at the corner."""
    groups = {group[0].name: group for group in _groups(scene)}
    columns, weights = groups["columns"][0], groups["weights"][0]
    pictures = [groups["input"], groups["output"]]
    left = max(weights.width, *(board.width for group in pictures for board in group))
    stacked = sum(board.height for group in pictures for board in group)
    many = sum(len(group) for group in pictures)
    cell = max(SMALLEST, cell_size(scene))
    high = max(columns.height * cell, (stacked + STACK * many) * cell + many * CAPTION)
    found = []
    y = 0.0
    for group in pictures:
        for board in group:
            found.append(_Placed(board, (left - board.width) * cell / 2, y, cell))
            y += (board.height + STACK) * cell + CAPTION
    right = (left + GAP) * cell
    low = high + GAP * cell
    placed = {
        "weights": _Placed(weights, (left - weights.width) * cell, low, cell),
        "columns": _Placed(columns, right, high - columns.height * cell, cell),
        "product": _Placed(groups["product"][0], right, low, cell),
    }
    ordered = iter(found)
    return [placed[b.name] if b.name in placed else next(ordered) for b in scene.boards]


def _lines(step: Step, several: bool) -> tuple[list[tuple[Piece, ...]], list[tuple[Piece, ...]]]:
    width = int(INNER / GLYPH / ARITHMETIC)
    small = int(INNER / GLYPH / 17)
    return (
        wrapped(arithmetic(step, several), width, MOST_LINES),
        wrapped(running(step), small, 1),
    )


def _text_height(scene: Scene) -> float:
    several = _several(scene)
    return max(
        LINE * len(lines) + (SIZE_LINE if any(small) else 0)
        for lines, small in (_lines(step, several) for step in scene.steps)
    )


def _several(scene: Scene) -> bool:
    return max(board.channel for board in scene.boards if board.name in ("input", "output")) > 0


def _scene_height(scene: Scene) -> float:
    low = max(one.y + one.board.height * one.cell + CAPTION for one in _placed(scene))
    return low + 18 + _text_height(scene)


def _play(
    scene: Scene, marks: _Marks, start: int, top: float, tall: float, names: Mapping[str, str]
) -> None:
    """All marks of one scene, whose first frame is `start`."""
    last = start + len(scene.steps) - 1
    words = _text_height(scene)
    placed = _placed(scene, top, tall - words - 18)
    for one in placed:
        _board(one, scene, marks, start, last, names)
    if scene.kind != "unfold":
        _signs(scene, placed, marks, start, last)
    most = _most_counted(scene)
    grids = [[list(row) for row in board.values] for board in scene.boards]
    since = [[[start] * board.width for _ in range(board.height)] for board in scene.boards]
    for index, step in enumerate(scene.steps, start):
        for write in step.writes:
            row, column = write.cell
            old = grids[write.board][row][column]
            if old is not None and index > since[write.board][row][column]:
                first = since[write.board][row][column]
                _value(placed[write.board], (row, column), old, marks, first, index - 1, most)
            grids[write.board][row][column] = write.value
            since[write.board][row][column] = index
        for lit in step.lit:
            _light(placed[lit.board], lit, grids[lit.board], step, marks, index, most)
        _captions(step, _several(scene), marks, index, top + tall - words)
    for number_, one in enumerate(placed):
        for row, line in enumerate(grids[number_]):
            for column, value in enumerate(line):
                if value is not None:
                    first = since[number_][row][column]
                    _value(one, (row, column), value, marks, first, last, most)


def _most_counted(scene: Scene) -> float:
    at = scene.board("overlap")
    if at < 0:
        return 1.0
    final = scene.after(len(scene.steps) - 1)[at]
    return max(value or 0.0 for row in final for value in row) or 1.0


def _board(
    one: _Placed, scene: Scene, marks: _Marks, first: int, last: int, names: Mapping[str, str]
) -> None:
    board = one.board
    for row in range(board.height):
        for column in range(board.width):
            ghost = (row, column) in board.ghost
            late = board.values[row][column] is None
            fill = "ghost" if ghost else "empty" if late else "cell"
            box = Box(*_at(one, row, column), one.cell, one.cell, fill, "line", 1, ghost)
            marks.put(BOARD, box, first, last)
    size = f"{board.height}×{board.width}"
    if board.ghost:
        real = {cell for cell in _all(board) if cell not in board.ghost}
        inner = f"{len({r for r, _ in real})}×{len({c for _, c in real})}"
        size = f"{inner} → {size}" if board.name == "input" else f"{size} → {inner}"
    name = names.get(board.name, "+1" if board.name == "overlap" else "")
    pieces: tuple[Piece, ...] = ((size, "soft"),)
    if name:
        pieces = ((f"{name}  ", "ink"), *pieces)
    middle = one.x + board.width * one.cell / 2
    low = one.y + board.height * one.cell + 17
    marks.put(BOARD, Text(middle, low, pieces, 14), first, last)


def _all(board: Board) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(board.height) for column in range(board.width))


def _at(one: _Placed, row: int, column: int) -> tuple[float, float]:
    return one.x + column * one.cell, one.y + row * one.cell


def _signs(scene: Scene, placed: list[_Placed], marks: _Marks, first: int, last: int) -> None:
    """The sign between each two kinds of boards."""
    signs = {"kernel": "×" if scene.kind == "scatter" else "∗", "output": "="}
    if scene.kind == "pool":
        signs["output"] = "→"
    low = min(one.y for one in placed)
    high = max(one.y + one.board.height * one.cell for one in placed)
    seen = ""
    for one in placed:
        sign = signs.get(one.board.name)
        if sign and one.board.name != seen:
            group = [other for other in placed if other.board.name == one.board.name]
            x = min(other.x for other in group) - GAP * one.cell / 2
            text = Text(x, (low + high) / 2, ((sign, "soft"),), min(30, one.cell * 0.7))
            marks.put(BOARD, text, first, last)
        seen = one.board.name


def _value(
    one: _Placed,
    cell: tuple[int, int],
    value: float,
    marks: _Marks,
    first: int,
    last: int,
    most: float,
) -> None:
    """A value at rest; an output that has been written stands on a plain cell."""
    row, column = cell
    ghost = cell in one.board.ghost
    role = "soft" if ghost else "ink"
    box = (*_at(one, row, column), one.cell, one.cell)
    if one.board.name == "overlap" and value > 0:
        level = _level(value, most)
        marks.put(VALUE, Box(*box, f"count{level}", "line", 1, ghost), first, last)
        role = "count-ink" if level == LEVELS else "ink"
    elif one.board.values[row][column] is None:
        marks.put(VALUE, Box(*box, "cell", "line"), first, last)
    marks.put(VALUE, _number(one, cell, value, role), first, last)


def _level(value: float, most: float) -> int:
    """The step of grey: one for each count where there are few counts, else its share."""
    return round(value) if most <= LEVELS else max(1, round(LEVELS * value / most))


def _number(
    one: _Placed, cell: tuple[int, int], value: float, role: str, tagged: bool = False
) -> Text:
    text = number(value)
    x, y = _at(one, *cell)
    size = min(one.cell * 0.36, one.cell * 0.86 / GLYPH / max(1, len(text)))
    lift = one.cell * 0.12 if tagged else 0
    return Text(x + one.cell / 2, y + one.cell / 2 - lift, ((text, role),), round(size, 1))


def _light(
    one: _Placed,
    lit: Lit,
    grid: list[list[float | None]],
    step: Step,
    marks: _Marks,
    index: int,
    most: float,
) -> None:
    """The lit cells of a board in one frame, and the outline around them where they move."""
    name = one.board.name
    won = None if step.winner is None else lit.cells[step.winner] if name == "input" else None
    for number_, cell in enumerate(lit.cells):
        value = grid[cell[0]][cell[1]]
        fill, line, ink = _colours(name, step, cell == won)
        if name == "overlap" and value:
            level = _level(value, most)
            fill, ink = f"count{level}", "count-ink" if level == LEVELS else "ink"
        ghost = cell in one.board.ghost
        box = Box(*_at(one, *cell), one.cell, one.cell, fill, line, 1, ghost)
        marks.put(LIT, box, index, index)
        tags = bool(lit.weights)
        if value is not None:
            marks.put(LIT_VALUE, _number(one, cell, value, ink, tags), index, index)
        if tags:
            x, y = _at(one, *cell)
            text = f"×{number(lit.weights[number_])}"
            size = min(one.cell * 0.25, one.cell * 0.9 / GLYPH / len(text))
            tag = Text(
                x + one.cell * 0.93, y + one.cell * 0.82, ((text, "weight"),), round(size, 1), "end"
            )
            marks.put(LIT_VALUE, tag, index, index)
    moving = name == "input" or (name in ("output", "overlap") and step.happening == "scatter")
    kept = step.happening == "crop"
    if (moving and step.happening != "insert") or kept or name in ("columns", "weights"):
        _outline(one, lit, marks, index, "result" if kept else _colours(name, step, False)[1])


def _colours(name: str, step: Step, won: bool) -> tuple[str, str, str]:
    """Roles of a lit cell: fill, outline, text."""
    if won:
        return "result", "result", "result-ink"
    if name in ("kernel", "weights"):
        return "kernel", "kernel-line", "ink"
    if name in ("input", "columns"):
        return "window", "window-line", "ink"
    if name == "overlap":
        return "cell", "window-line", "ink"
    if step.happening == "scatter":
        return "stamp", "result", "ink"
    if step.happening == "crop":
        return "cell", "line", "ink"
    return "result", "result", "result-ink"


def _outline(one: _Placed, lit: Lit, marks: _Marks, index: int, role: str) -> None:
    rows, columns = [row for row, _ in lit.cells], [column for _, column in lit.cells]
    x, y = _at(one, min(rows), min(columns))
    width = (max(columns) - min(columns) + 1) * one.cell
    height = (max(rows) - min(rows) + 1) * one.cell
    key = (round(one.x), round(one.y), Box(0, 0, width, height, "", role, 3))
    marks.glides.setdefault(key, []).append((index, x, y))


def _captions(step: Step, several: bool, marks: _Marks, index: int, y: float) -> None:
    """The arithmetic, and beneath it the running sums."""
    lines, small = _lines(step, several)
    y += 12
    for line in lines:
        marks.put(CAPTIONS, Text(MARGIN + INNER / 2, y, line, ARITHMETIC), index, index)
        y += LINE
    for line in small:
        if line:
            marks.put(CAPTIONS, Text(MARGIN + INNER / 2, y - 2, line, 17), index, index)
