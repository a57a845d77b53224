"""The sizes of max unpooling: pooling's windows read backwards, to the size that was pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tatamu.geometry import words
from tatamu.geometry.pool import PoolSpec, unpooled
from tatamu.geometry.window import Axis, Window
from tatamu.geometry.words import Lang

__all__ = ["UnpoolSpec"]


@dataclass(frozen=True, slots=True)
class UnpoolSpec:
    """The windows of a max unpooling, and by how much each size misses the usual one.

    Pooling floors, so several sizes lead to the same output: `output_padding` says which of them is
    meant, and may be negative where the pooling rounded up.

    >>> spec = UnpoolSpec.make(PoolSpec.make(2), (225, 150), (451, 300))
    >>> spec.output_padding, spec.out_size((225, 150)), spec.axes[0].formula(225)
    ((1, 0), (451, 300), '(225 − 1)·2 − 2·0 + 1·(2−1) + 1 + 1 = 451')
    """

    windows: tuple[Window, ...]
    output_padding: tuple[int, ...]

    @staticmethod
    def make(pool: PoolSpec, sizes: Sequence[int], wanted: Sequence[int]) -> UnpoolSpec:
        """A spec from pooling's windows, the sizes that arrive and those that were pooled.

        Raises ArgumentError with torch's sentence for sizes that did not lead there.
        """
        found = unpooled(pool, sizes, wanted)
        usual = unpooled(pool, sizes, None)
        return UnpoolSpec(pool.windows, tuple(a - b for a, b in zip(found, usual, strict=True)))

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Each window with the way it is used; for receptive fields and words."""
        pairs = zip(self.windows, self.output_padding, strict=True)
        return tuple(Axis(window, transposed=True, output_padding=extra) for window, extra in pairs)

    def out_size(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The sizes that unpooling gives back."""
        return tuple(axis.out(size) for axis, size in zip(self.axes, sizes, strict=True))

    def sentence(self, input_shape: Sequence[int], lang: Lang = "en") -> str:
        """What the layer does, in one sentence.

        >>> UnpoolSpec.make(PoolSpec.make(2), (4, 4), (8, 8)).sentence((1, 3, 4, 4))
        'Each value, put back where it had won, among zeros: 4×4×3 became 8×8×3'
        """
        dims = len(self.windows)
        shape = tuple(input_shape)
        before = words.channels_last(shape, dims)
        after = words.channels_last((*shape[:-dims], *self.out_size(shape[-dims:])), dims)
        if lang == "ja":
            return f"各値を最大だった元の位置に戻し、残りを 0 にして、{before} を {after} にした"
        return f"Each value, put back where it had won, among zeros: {before} became {after}"
