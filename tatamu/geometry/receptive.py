"""Which input positions an output depends on, through any number of layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from tatamu.geometry.window import Axis, Window
from tatamu.geometry.words import Lang, times

__all__ = ["ReceptiveField", "receptive_field", "receptive_words"]


class Layered(Protocol):
    """What has axes: ConvSpec and PoolSpec."""

    @property
    def axes(self) -> tuple[Axis, ...]: ...


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """One axis of what an output sees: output o sees `size` positions from `start + o * step`.

    Fractions, since a transposed layer steps by less than one input position: then the positions
    seen are the whole numbers among these, at most. `positions` and `interval` are exact.

    >>> field = ReceptiveField().through(Window(3, 2, pad=(1, 1))).through(Window(3, pad=(1, 1)))
    >>> int(field.size), int(field.step), int(field.start)
    (7, 2, -3)
    >>> field.interval(1), field.interval(0), field.interval(0, size=9)
    (range(-1, 6), range(-3, 4), range(0, 4))
    """

    size: Fraction = Fraction(1)
    step: Fraction = Fraction(1)
    start: Fraction = Fraction(0)
    layers: tuple[Axis, ...] = ()

    def through(self, layer: Window | Axis) -> ReceptiveField:
        """The field of the outputs of one more `layer`.

        >>> up = Axis(Window(4, stride=2, pad=(1, 1)), transposed=True)
        >>> field = ReceptiveField().through(up)
        >>> str(field.step), [list(field.interval(o)) for o in range(3)]
        ('1/2', [[-1, 0], [0, 1], [0, 1]])
        """
        axis = layer if isinstance(layer, Axis) else Axis(layer)
        window = axis.window
        size, step, start = Fraction(window.extent), Fraction(window.stride), -window.pad[0]
        if axis.transposed:
            # Output o adds input i times tap j where i * stride + j * dilation = o + before.
            first = Fraction(window.pad[0] - window.extent + 1, window.stride)
            step = 1 / step
            size = (size - 1) * step + 1
        else:
            first = Fraction(start)
        return ReceptiveField(
            self.size + self.step * (size - 1),
            self.step * step,
            self.start + self.step * first,
            (*self.layers, axis),
        )

    def then(self, following: ReceptiveField) -> ReceptiveField:
        """The field through this one's layers and then the `following` one's.

        >>> three = ReceptiveField().through(Window(3))
        >>> int(three.then(three).size)
        5
        """
        field = self
        for axis in following.layers:
            field = field.through(axis)
        return field

    def out(self, size: int) -> int:
        """The number of outputs of the last layer for `size` inputs of the first.

        >>> ReceptiveField().through(Window(3)).through(Window(2, stride=2)).out(8)
        3
        """
        for axis in self.layers:
            size = axis.out(size)
        return size

    def positions(self, o: int, size: int | None = None) -> list[int]:
        """The input positions that output `o` depends on, in order.

        With the input's `size`, only those in the picture, and only by way of intermediate outputs
        that exist: each layer's padding, and what a layer never reads, is left out.

        >>> field = ReceptiveField().through(Window(3, dilation=2))
        >>> field.positions(0)
        [0, 2, 4]
        """
        widths: list[int | None] = [None] * len(self.layers)
        if size is not None:
            for depth, axis in enumerate(self.layers):
                widths[depth] = size
                size = axis.out(size)
        seen = {o}
        for axis, width in zip(reversed(self.layers), reversed(widths), strict=True):
            seen = {position for at in seen for position in axis.reads(at, width)}
        return sorted(seen)

    def interval(self, o: int, size: int | None = None) -> range:
        """From the first to the last of `positions(o, size)`; empty if there are none.

        >>> ReceptiveField().through(Window(5, pad=(2, 2))).interval(0, size=10)
        range(0, 3)
        """
        seen = self.positions(o, size)
        return range(seen[0], seen[-1] + 1) if seen else range(0)

    def centre(self, o: int) -> Fraction:
        """The input position in the middle of what output `o` sees.

        >>> str(ReceptiveField().through(Window(2, stride=2)).centre(3))
        '13/2'
        """
        return self.start + o * self.step + (self.size - 1) / 2


def receptive_field(layers: Iterable[Layered]) -> tuple[ReceptiveField, ...]:
    """The receptive field of each axis through the specs of `layers`, in order.

    >>> from tatamu.geometry import ConvSpec, PoolSpec
    >>> fields = receptive_field([ConvSpec.make(3, padding=1), PoolSpec.make(2)])
    >>> [int(field.size) for field in fields]
    [4, 4]
    """
    fields: list[ReceptiveField] = []
    for layer in layers:
        axes = layer.axes
        fields = fields or [ReceptiveField()] * len(axes)
        fields = [field.through(axis) for field, axis in zip(fields, axes, strict=True)]
    return tuple(fields)


def receptive_words(fields: Sequence[ReceptiveField], lang: Lang = "en") -> str:
    """What each output pixel sees, in words.

    >>> from tatamu.geometry import ConvSpec
    >>> fields = receptive_field([ConvSpec.make(3, stride=2, padding=1)])
    >>> receptive_words(fields), receptive_words(fields, "ja")
    ('each pixel sees 3×3, step 2', '1 画素が見る範囲は 3×3、間隔は 2')
    """
    sizes = times([math.floor(field.size) for field in fields])
    steps = [str(field.step) for field in fields]
    step = steps[0] if len(set(steps)) == 1 else times(steps)
    if lang == "ja":
        return f"1 画素が見る範囲は {sizes}、間隔は {step}"
    return f"each pixel sees {sizes}, step {step}"
