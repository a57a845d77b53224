"""A network's rows gathered into stages, and the channels in which skips flow past them.

A stage is a layer with what only finishes its work on the same picture: the normalisation, the
activation, a reshaping. Everything is read from the record; nothing is measured or drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, sqrt

from tatamu.lens.network_records import INPUT, NetworkLayer, NetworkRecord

__all__ = ["Lane", "Stage", "Stages", "kind_of", "stages"]

PICTURE = -1
"""The place of the picture, above the first stage."""

JOINING = frozenset(("+", "cat", "×", "−", "concat", "concatenate", "stack"))


@dataclass(frozen=True)
class Stage:
    """One row of the river: ``main`` names it, ``last`` is what flows on.

    ``sources`` are the stages (or `PICTURE`) that its inputs come from; ``width`` and ``height`` of
    the river are between 0 and 1, logarithms of channels and resolution by the network's largest.
    """

    index: int
    layers: tuple[NetworkLayer, ...]
    main: NetworkLayer
    sources: tuple[int, ...]
    width: float
    height: float

    @property
    def first(self) -> NetworkLayer:
        return self.layers[0]

    @property
    def last(self) -> NetworkLayer:
        return self.layers[-1]

    @property
    def kind(self) -> str:
        """What it does: "conv", "pointwise", "depthwise", "linear", "pool", "join", "other"."""
        return kind_of(self.main)

    @property
    def flows_in(self) -> bool:
        """Whether the stage above gives it its input."""
        return self.index - 1 in self.sources

    @property
    def seconds(self) -> float:
        return sum(layer.seconds for layer in self.layers)

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def parameter_bytes(self) -> int:
        return sum(layer.parameter_bytes for layer in self.layers)

    @property
    def output_bytes(self) -> int:
        return sum(layer.output_bytes for layer in self.layers)

    @property
    def mult_adds(self) -> int:
        return sum(layer.mult_adds for layer in self.layers)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.last.output_shape


@dataclass(frozen=True)
class Lane:
    """What a stage gives to others than the next: from below ``start`` down to the last of
    ``ends``, in a column counted from the river outwards.
    """

    start: int
    ends: tuple[int, ...]
    column: int

    @property
    def stop(self) -> int:
        return self.ends[-1]

    def state(self, row: int) -> str:
        """What is seen of it in a row: "start", "pass", "tap", "end", or "" for nothing."""
        if row == self.start:
            return "start"
        if row == self.stop:
            return "end"
        if self.start < row < self.stop:
            return "tap" if row in self.ends else "pass"
        return ""


@dataclass(frozen=True)
class Stages:
    """All stages of a network and the lanes beside them."""

    rows: tuple[Stage, ...]
    lanes: tuple[Lane, ...]

    @property
    def columns(self) -> int:
        return max((lane.column + 1 for lane in self.lanes), default=0)

    def flows_on(self, row: int) -> bool:
        """Whether the next stage takes what this one gives."""
        return row + 1 < len(self.rows) and row in self.rows[row + 1].sources

    def of_layer(self, layer: int) -> int:
        """The stage of a layer of the record, `PICTURE` of the network's input."""
        if layer == INPUT:
            return PICTURE
        return next(row.index for row in self.rows if any(x.index == layer for x in row.layers))


def stages(record: NetworkRecord) -> Stages:
    """The stages of a network, in the order in which they ran."""
    groups = _groups(record)
    place = {layer.index: at for at, group in enumerate(groups) for layer in group}
    place[INPUT] = PICTURE
    widest = max((_channels(layer) for layer in record.layers), default=1)
    largest = max((_side(layer) for layer in record.layers), default=1.0)
    rows = []
    for index, group in enumerate(groups):
        taken = (place[p] for layer in group for p in layer.producers)
        sources = tuple(dict.fromkeys(p for p in taken if p != index))
        last = group[-1]
        width, height = _log(_channels(last), widest), _log(_side(last), largest)
        rows.append(Stage(index, tuple(group), _main(group), sources, width, height))
    return Stages(tuple(rows), _lanes(rows))


def _groups(record: NetworkRecord) -> list[list[NetworkLayer]]:
    takers: dict[int, int] = {}
    for layer in record.layers:
        for producer in layer.producers:
            takers[producer] = takers.get(producer, 0) + 1
    groups: list[list[NetworkLayer]] = []
    for layer in record.layers:
        before = groups[-1][-1] if groups else None
        alone = before is not None and takers.get(before.index, 0) == 1
        if before is not None and alone and _finishes(layer, before):
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


def _finishes(layer: NetworkLayer, before: NetworkLayer) -> bool:
    """Whether a layer only finishes the work of the one before it."""
    if layer.producers != (before.index,) or layer.mult_adds or layer.spec is not None:
        return False
    return layer.light or layer.output_shape == before.output_shape


def _main(group: Sequence[NetworkLayer]) -> NetworkLayer:
    """The layer that multiplies most; else the first that computes anything."""
    busiest = max(group, key=lambda layer: layer.mult_adds)
    if busiest.mult_adds:
        return busiest
    return next((layer for layer in group if not layer.light), group[0])


def kind_of(layer: NetworkLayer) -> str:
    """What a layer does, in one of a few words: see `Stage.kind`."""
    if layer.mult_adds and len(layer.output_shape) != 4:
        return "linear"
    if layer.mult_adds:
        settings = dict(layer.settings)
        groups = settings.get("groups", 1)
        if isinstance(groups, int) and groups > 1 and groups == settings.get("in_channels"):
            return "depthwise"
        axes = layer.axes
        flat = axes and all(axis.rule.window.kernel == 1 for axis in axes)
        return "pointwise" if flat else "conv"
    if "Pool" in layer.kind or "pool" in layer.kind:
        return "pool"
    return "join" if len(layer.edges) > 1 or layer.kind in JOINING else "other"


def _channels(layer: NetworkLayer) -> int:
    """Channels of a stack of maps; of tokens (samples, tokens, features) and rows the last axis."""
    shape = layer.output_shape
    if len(shape) == 4:
        return max(1, shape[1])
    return max(1, shape[-1]) if shape else 1


def _side(layer: NetworkLayer) -> float:
    """The side of a square of as many pixels, or tokens; one of a single row."""
    shape = layer.output_shape
    if len(shape) == 4:
        return sqrt(max(1, shape[2] * shape[3]))
    return sqrt(max(1, shape[1])) if len(shape) == 3 else 1.0


def _log(value: float, most: float) -> float:
    return log2(value) / log2(most) if most > 1 and value > 1 else 0.0


def _lanes(rows: Sequence[Stage]) -> tuple[Lane, ...]:
    """A lane for every stage that others than the next one need; the shortest lie at the river."""
    ends: dict[int, list[int]] = {}
    for row in rows:
        for source in row.sources:
            if source != row.index - 1:
                ends.setdefault(source, []).append(row.index)
    taken: list[list[tuple[int, int]]] = []
    found = []
    for start, stops in sorted(ends.items(), key=lambda item: (item[1][-1] - item[0], item[0])):
        span = (start, stops[-1])
        column = 0
        while column < len(taken) and any(_cross(span, other) for other in taken[column]):
            column += 1
        if column == len(taken):
            taken.append([])
        taken[column].append(span)
        found.append(Lane(start, tuple(stops), column))
    return tuple(sorted(found, key=lambda lane: (lane.start, lane.column)))


def _cross(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two lanes would meet in a row: one may start where another has ended."""
    return one[0] < other[1] and other[0] < one[1]
