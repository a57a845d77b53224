"""Window arithmetic in formulas and in sentences, in English and in Japanese.

Each language has its own sentences: they say the same thing, not the same words.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tatamu.language import Lang

if TYPE_CHECKING:
    from tatamu.geometry.window import Axis, Window

__all__ = ["AXES", "AxisWords", "Lang", "axis_words", "cells", "parameter_formula"]

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class _Noun(NamedTuple):
    """How one axis is spoken of."""

    name_ja: str
    unit: str
    end: str
    picture: str
    unit_ja: str
    end_ja: str
    picture_ja: str


_NOUNS = {
    "length": _Noun("長さ", "position", "last", "input", "点", "末尾", "入力"),
    "height": _Noun("高さ", "row", "bottom", "picture", "行", "下端", "画像"),
    "width": _Noun("幅", "column", "right", "picture", "列", "右端", "画像"),
    "depth": _Noun("奥行き", "slice", "last", "input", "枚", "奥側", "入力"),
}

_PIXEL = {1: ("position", "点"), 2: ("pixel", "画素"), 3: ("voxel", "ボクセル")}


def axis_name(axis: str, lang: Lang) -> str:
    """The axis's name in the language.

    >>> axis_name("height", "ja")
    '高さ'
    """
    return axis if lang == "en" else _NOUNS[axis].name_ja


def plural(count: int, noun: str) -> str:
    """
    >>> plural(1, "row"), plural(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def times(values: Sequence[object]) -> str:
    """
    >>> times((3, 3))
    '3×3'
    """
    return "×".join(map(str, values))


def compact(values: Sequence[int]) -> str:
    """One number where all agree, else the tuple, as a user would type it.

    >>> compact((2, 2)), compact((2, 1))
    ('2', '(2, 1)')
    """
    return str(values[0]) if len(set(values)) == 1 else str(tuple(values))


class Term(NamedTuple):
    """A piece of a formula, and what it stands for: a setting of the layer, "size", "out" or ""."""

    text: str
    role: str = ""


def terms(window: Window, size: int, ceil_mode: bool = False) -> list[Term]:
    """The arithmetic of `window.out(size, ceil_mode)`, piece by piece."""
    before, after = window.pad
    opened, closed = ("⌈", "⌉") if ceil_mode else ("⌊", "⌋")
    dropped = " − 1" if ceil_mode and window.drops_last(size) else ""
    return [
        Term(f"{opened}("),
        Term(f"{size}", "size"),
        Term(" + "),
        Term(f"2·{before}" if before == after else f"{before} + {after}", "padding"),
        Term(" − "),
        Term(f"{window.dilation}", "dilation"),
        Term("·("),
        Term(f"{window.kernel}", "kernel"),
        Term("−1) − 1) / "),
        Term(f"{window.stride}", "stride"),
        Term(f"{closed} + 1{dropped} = "),
        Term(f"{window.out(size, ceil_mode)}", "out"),
    ]


def back_terms(window: Window, size: int, output_padding: int = 0) -> list[Term]:
    """The arithmetic of `window.back(size, output_padding)`, piece by piece."""
    before, after = window.pad
    return [
        Term("("),
        Term(f"{size}", "size"),
        Term(" − 1)·"),
        Term(f"{window.stride}", "stride"),
        Term(" − "),
        Term(f"2·{before}" if before == after else f"{before} − {after}", "padding"),
        Term(" + "),
        Term(f"{window.dilation}", "dilation"),
        Term("·("),
        Term(f"{window.kernel}", "kernel"),
        Term("−1) + " if output_padding >= 0 else "−1) − "),
        Term(f"{abs(output_padding)}", "output_padding"),
        Term(" + 1 = "),
        Term(f"{window.back(size, output_padding)}", "out"),
    ]


def formula(window: Window, size: int, ceil_mode: bool = False) -> str:
    """The arithmetic of `window.out(size, ceil_mode)`."""
    return "".join(term.text for term in terms(window, size, ceil_mode))


def back_formula(window: Window, size: int, output_padding: int = 0) -> str:
    """The arithmetic of `window.back(size, output_padding)`."""
    return "".join(term.text for term in back_terms(window, size, output_padding))


def note(window: Window, size: int, axis: str, lang: Lang, ceil_mode: bool = False) -> str:
    """What a window never reads, or reads beyond the end; empty if there is nothing to say."""
    if window.out(size, ceil_mode) < 1:
        reach, room = window.extent, size + sum(window.pad)
        if lang == "ja":
            return f"入らない：窓は {reach}、パディング込みの{axis_name(axis, lang)}は {room}"
        return f"does not fit: the window reaches {reach}, the padded {axis} is {room}"
    noun = _NOUNS[axis]
    if lang == "ja":
        return "。".join(_note_ja(window, size, noun, ceil_mode))
    return "; ".join(_note_en(window, size, noun, ceil_mode))


def _note_en(window: Window, size: int, noun: _Noun, ceil_mode: bool) -> list[str]:
    parts = []
    if ceil_mode and window.drops_last(size):
        parts.append(f"ceil_mode: a window that would start in the {noun.end} padding is left out")
    elif ceil_mode and (over := window.overhang(size)):
        parts.append(f"ceil_mode: the last window hangs {plural(over, noun.unit)} over the end")
    left = window.left_over(size, ceil_mode)
    pieces = []
    if left.padding:
        count = "" if left.padding == 1 else f"{left.padding} "
        pieces.append(f"the {noun.end} {count}padding {noun.unit}{'s' * (left.padding > 1)}")
    if left.picture:
        count = "" if left.picture == 1 else f"{left.picture} "
        row = f"{noun.unit}{'s' * (left.picture > 1)}"
        pieces.append(f"the {noun.end} {count}{row} of the {noun.picture}")
    if pieces:
        verb = "is" if left.padding + left.picture == 1 else "are"
        floored = "" if ceil_mode else "floored: "
        parts.append(f"{floored}{' and '.join(pieces)} {verb} never read")
    if skipped := len(window.skipped(size, ceil_mode)):
        verb = "lies" if skipped == 1 else "lie"
        parts.append(f"{plural(skipped, noun.unit)} of the {noun.picture} {verb} between the taps")
    return parts


def _note_ja(window: Window, size: int, noun: _Noun, ceil_mode: bool) -> list[str]:
    parts = []
    if ceil_mode and window.drops_last(size):
        parts.append(f"切り上げ：{noun.end_ja}のパディングから始まる窓は数えない")
    elif ceil_mode and (over := window.overhang(size)):
        parts.append(f"切り上げ：最後の窓が{noun.end_ja}から {over} {noun.unit_ja}はみ出す")
    left = window.left_over(size, ceil_mode)
    pieces = []
    if left.padding:
        pieces.append(f"{noun.end_ja}のパディング {left.padding} {noun.unit_ja}")
    if left.picture:
        pieces.append(f"{noun.picture_ja}の{noun.end_ja} {left.picture} {noun.unit_ja}")
    if pieces:
        floored = "" if ceil_mode else "切り捨て："
        parts.append(f"{floored}{'と'.join(pieces)}は読まれない")
    if skipped := len(window.skipped(size, ceil_mode)):
        parts.append(f"{noun.picture_ja}の途中の {skipped} {noun.unit_ja}はどの窓にも読まれない")
    return parts


def back_note(window: Window, axis: str, lang: Lang) -> str:
    """Whether a transposed convolution adds the same number of taps everywhere; empty if it does.

    Where it does not, its output shows the well-known checkerboard.
    """
    counts = [0] * window.stride
    for j in range(window.kernel):
        counts[j * window.dilation % window.stride] += 1
    fewest, most = min(counts), max(counts)
    noun = _NOUNS[axis]
    if fewest == most:
        return ""
    if fewest == 0:
        holes = counts.count(0)
        if lang == "ja":
            unit = noun.unit_ja
            return f"{window.stride} {unit}ごとに {holes} {unit}はバイアスだけになる"
        row = plural(holes, noun.unit)
        verb = "gets" if holes == 1 else "get"
        return f"{row} in every {window.stride} {verb} no tap, only the bias"
    if lang == "ja":
        return f"重なりが{noun.unit_ja}ごとに {fewest} と {most} で不揃い（市松模様の原因）"
    return f"{noun.unit}s add up {fewest} or {most} taps in turn (checkerboard)"


class AxisWords(NamedTuple):
    """One axis of one layer, ready to be set in a table or beneath a ruler."""

    axis: str
    name: str
    size: int
    out: int
    formula: str
    note: str


def axis_words(axes: Sequence[Axis], sizes: Sequence[int], lang: Lang) -> list[AxisWords]:
    """Name, sizes, formula and note of each axis."""
    return [
        AxisWords(
            name,
            axis_name(name, lang),
            size,
            axis.out(size),
            axis.formula(size),
            axis.note(size, lang, name),
        )
        for name, axis, size in zip(AXES[len(axes)], axes, sizes, strict=True)
    ]


def table(rows: Sequence[AxisWords]) -> list[str]:
    """One line an axis, names and formulas set in columns."""
    names = max(cells(row.name) for row in rows)
    formulas = max(cells(row.formula) for row in rows)
    lines = []
    for row in rows:
        name = row.name + " " * (names - cells(row.name))
        gap = " " * (formulas - cells(row.formula))
        lines.append(f"{name}  {row.formula}{gap}   {row.note}".rstrip())
    return lines


def cells(text: str) -> int:
    """Terminal cells that a text takes; Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def channels_last(shape: Sequence[int], dims: int) -> str:
    """A shape as height×width×channels, without the batch.

    >>> channels_last((1, 3, 400, 600), 2)
    '400×600×3'
    """
    return times([*shape[-dims:], shape[-dims - 1]])


def window_words(kernel: Sequence[int], dilation: Sequence[int], lang: Lang) -> str:
    """
    >>> window_words((3, 3), (2, 2), "en"), window_words((3,), (1,), "ja")
    ('3×3 window with its taps 2 apart', '長さ 3 の窓')
    """
    spread = max(dilation) > 1
    if lang == "ja":
        size = times(kernel) if len(kernel) > 1 else f"長さ {kernel[0]} "
        holes = f"（間隔 {compact(dilation)}）" if spread else ""
        return f"{size.rstrip()} の窓{holes}"
    size = f"{times(kernel)} window" if len(kernel) > 1 else f"window of {kernel[0]}"
    return f"{size} with its taps {compact(dilation)} apart" if spread else size


def step_words(stride: Sequence[int], lang: Lang) -> str:
    """
    >>> step_words((2, 2), "en"), step_words((2, 1), "ja")
    ('moved 2 pixels at a time', '縦に 2 画素、横に 1 画素ずつ動かして')
    """
    dims = len(stride)
    pixel, pixel_ja = _PIXEL[dims]
    if len(set(stride)) == 1:
        if lang == "ja":
            return f" {stride[0]} {pixel_ja}ずつ動かして"
        return f"moved {plural(stride[0], pixel)} at a time"
    depth, ways = ("", stride) if dims == 2 else (str(stride[0]), stride[1:])
    if lang == "ja":
        deep = f"奥へ {depth} {pixel_ja}、" if depth else ""
        return f"{deep}縦に {ways[0]} {pixel_ja}、横に {ways[1]} {pixel_ja}ずつ動かして"
    deep = f"{depth} in, " if depth else ""
    return f"moved {deep}{ways[0]} down and {ways[1]} across at a time"


def parameter_formula(weight_shape: Sequence[int], bias: int = 0) -> str:
    """The number of parameters, `bias` of them biases.

    >>> parameter_formula((8, 3, 3, 3), bias=8)
    '8·3·3·3 + 8 = 224'
    """
    product = "·".join(map(str, weight_shape))
    total = math.prod(weight_shape) + bias
    return f"{product} + {bias} = {total}" if bias else f"{product} = {total}"


def groups_words(groups: int, channels: int, lang: Lang) -> str:
    """How the channels are split; empty for one group.

    >>> groups_words(8, 8, "en"), groups_words(2, 8, "ja")
    (' on each channel by itself', 'チャンネルを 2 組に分け、')
    """
    if groups == 1:
        return ""
    if groups == channels:
        return "チャンネルごとに、" if lang == "ja" else " on each channel by itself"
    if lang == "ja":
        return f"チャンネルを {groups} 組に分け、"
    return f" on each of {groups} groups of channels"


def _subject(windows: Sequence[Window], lang: Lang) -> tuple[str, str]:
    """The window and its steps."""
    kernel = [window.kernel for window in windows]
    dilation = [window.dilation for window in windows]
    stride = [window.stride for window in windows]
    return window_words(kernel, dilation, lang), step_words(stride, lang)


def window_sentence(
    windows: Sequence[Window], split: str, before: str, after: str, lang: Lang
) -> str:
    """What a convolution did; `split` is from `groups_words`."""
    window, moved = _subject(windows, lang)
    if lang == "ja":
        return f"{split}{window}を{moved}、{before} を {after} にした"
    return f"{_article(window)} {window}{split}, {moved}, turned {before} into {after}"


def pool_sentence(windows: Sequence[Window], kind: str, before: str, after: str, lang: Lang) -> str:
    """What a pooling did."""
    window, moved = _subject(windows, lang)
    if lang == "ja":
        kept = {"max": "最大の値を残し", "avg": "平均をとり", "norm": "ノルムをとり"}[kind]
        return f"{window}を{moved}{kept}、{before} を {after} にした"
    kept = {"max": "kept the largest value", "avg": "took the mean", "norm": "took the norm"}[kind]
    return f"{_article(window)} {window}, {moved}, {kept}: {before} became {after}"


def stamp_sentence(
    kernel: Sequence[int], stride: Sequence[int], before: str, after: str, lang: Lang
) -> str:
    """What a transposed convolution did.

    >>> stamp_sentence((3, 3), (2, 2), "5×5×6", "9×9×8", "en")
    'Each pixel, stamped as a 3×3 patch every 2 pixels, turned 5×5×6 into 9×9×8'
    """
    pixel, pixel_ja = _PIXEL[len(kernel)]
    even = len(set(stride)) == 1
    if lang == "ja":
        size = f"{times(kernel)} " if len(kernel) > 1 else f"{kernel[0]} {pixel_ja}"
        ways = zip("奥縦横"[-len(stride) :], stride, strict=True)
        apart = str(stride[0]) if even else "・".join(f"{way} {step}" for way, step in ways)
        spread = f"各{pixel_ja}を {size}に広げ、{apart} {pixel_ja}間隔で足し重ねて"
        return f"{spread}、{before} を {after} にした"
    if even:
        every = f"every {pixel if stride[0] == 1 else plural(stride[0], pixel)}"
    else:
        every = f"every {times(stride)} {pixel}s"
    size = times(kernel) if len(kernel) > 1 else f"{kernel[0]}-{pixel}"
    patch = f"{_article(size).lower()} {size} patch"
    return f"Each {pixel}, stamped as {patch} {every}, turned {before} into {after}"


def bins_sentence(
    bins: Sequence[int], widths: Sequence[Sequence[int]], before: str, after: str, lang: Lang
) -> str:
    """What an adaptive pooling did; `widths` are the different widths of the bins of each axis."""
    nouns = [_NOUNS[axis] for axis in AXES[len(bins)]]
    if lang == "ja":
        each = "、".join(
            f"{noun.name_ja} {'〜'.join(map(str, _ends(width)))} {noun.unit_ja}"
            for noun, width in zip(nouns, widths, strict=True)
        )
        return f"{times(bins)} の区画（{each}）に分け、{before} を {after} にした"
    sides = [
        f"{'–'.join(map(str, _ends(width)))} {noun.unit}{'s' * (list(width) != [1])}"
        for noun, width in zip(nouns, widths, strict=True)
    ]
    each = " and ".join([", ".join(sides[:-1]), sides[-1]] if len(sides) > 1 else sides)
    plural_bins = "bin" if math.prod(bins) == 1 else "bins"
    return f"Split into {times(bins)} {plural_bins} of {each}: {before} became {after}"


def _ends(width: Sequence[int]) -> list[int]:
    return sorted({width[0], width[-1]}) if width else [0]


def _article(phrase: str) -> str:
    """A or An, by the number that the phrase starts with.

    >>> _article("8×8 window"), _article("18×3 window"), _article("3×3 window")
    ('An', 'An', 'A')
    """
    number = phrase.split("×")[0].split(" ")[0].split("-")[0]
    return "An" if number.startswith("8") or number in ("11", "18") else "A"
