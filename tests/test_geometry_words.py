"""The words and formulas, against sentences written by hand and formulas worked out again."""

from __future__ import annotations

import itertools
import math
import re

import pytest

from tatamu.geometry import AXES, AdaptiveSpec, Axis, ConvSpec, PoolSpec, Window, parameter_formula


def work_out(formula: str) -> tuple[int, int]:
    """Evaluate a printed formula with floats and integers; its value, and the one it claims."""
    left, claimed = formula.rsplit("=", 1)
    text = left.replace("−", "-").replace("·", "*")
    text = re.sub(r"⌊(.*)⌋", r"math.floor(\1)", text)
    text = re.sub(r"⌈(.*)⌉", r"math.ceil(\1)", text)
    assert re.fullmatch(r"[\d+\-*/() .]*", re.sub("math.floor|math.ceil", "", text))
    return eval(text, {"math": math}), int(claimed.replace("−", "-"))


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_formulas_are_true(ceil_mode: bool) -> None:
    grid = itertools.product(range(1, 4), range(1, 4), (1, 2), range(3), range(2), (5, 8))
    for kernel, stride, dilation, before, after, size in grid:
        window = Window(kernel, stride, dilation, (before, after))
        axis = Axis(window, ceil_mode=ceil_mode)
        value, claimed = work_out(axis.formula(size))
        assert value == claimed == window.out(size, ceil_mode)
        back = Axis(window, transposed=True, output_padding=after)
        value, claimed = work_out(back.formula(size))
        assert value == claimed == window.back(size, after)


def test_uneven_padding_is_shown_as_two_numbers() -> None:
    window = Window(4, pad=(1, 2))
    assert window.explain(5) == "⌊(5 + 1 + 2 − 1·(4−1) − 1) / 1⌋ + 1 = 5"
    back = Axis(window, transposed=True)
    assert back.formula(5) == "(5 − 1)·1 − 1 − 2 + 1·(4−1) + 0 + 1 = 5"


NOTES = [
    (Window(3, 2, pad=(1, 1)), 400, False, "height",
     "floored: the bottom padding row is never read",
     "切り捨て：下端のパディング 1 行は読まれない"),
    (Window(3, 2, pad=(1, 1)), 600, False, "width",
     "floored: the right padding column is never read",
     "切り捨て：右端のパディング 1 列は読まれない"),
    (Window(2, 2), 7, False, "height",
     "floored: the bottom row of the picture is never read",
     "切り捨て：画像の下端 1 行は読まれない"),
    (Window(3, 4, pad=(1, 1)), 8, False, "width",
     "floored: the right padding column and the right 2 columns of the picture are never read; "
     "1 column of the picture lies between the taps",
     "切り捨て：右端のパディング 1 列と画像の右端 2 列は読まれない。"
     "画像の途中の 1 列はどの窓にも読まれない"),
    (Window(4, 4, pad=(2, 2)), 6, False, "length",
     "floored: the last 2 padding positions are never read",
     "切り捨て：末尾のパディング 2 点は読まれない"),
    (Window(1, 3), 10, False, "depth",
     "6 slices of the input lie between the taps",
     "入力の途中の 6 枚はどの窓にも読まれない"),
    (Window(2, 2), 5, True, "height",
     "ceil_mode: the last window hangs 1 row over the end",
     "切り上げ：最後の窓が下端から 1 行はみ出す"),
    (Window(2, 3, pad=(1, 1)), 5, True, "width",
     "ceil_mode: a window that would start in the right padding is left out; "
     "the right padding column and the right column of the picture are never read; "
     "1 column of the picture lies between the taps",
     "切り上げ：右端のパディングから始まる窓は数えない。"
     "右端のパディング 1 列と画像の右端 1 列は読まれない。"
     "画像の途中の 1 列はどの窓にも読まれない"),
    (Window(7), 5, False, "height",
     "does not fit: the window reaches 7, the padded height is 5",
     "入らない：窓は 7、パディング込みの高さは 5"),
    (Window(3, pad=(1, 1)), 5, False, "height", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("window", "size", "ceil_mode", "axis", "english", "japanese"), NOTES)
def test_notes(
    window: Window, size: int, ceil_mode: bool, axis: str, english: str, japanese: str
) -> None:
    used = Axis(window, ceil_mode=ceil_mode)
    assert used.note(size, "en", axis) == english
    assert used.note(size, "ja", axis) == japanese


def test_notes_of_transposed_layers() -> None:
    uneven = Axis(Window(3, 2), transposed=True)
    assert uneven.note(5, "en", "height") == "rows add up 1 or 2 taps in turn (checkerboard)"
    assert uneven.note(5, "ja", "height") == "重なりが行ごとに 1 と 2 で不揃い（市松模様の原因）"
    holes = Axis(Window(1, 3), transposed=True)
    assert holes.note(5, "en", "width") == "2 columns in every 3 get no tap, only the bias"
    assert holes.note(5, "ja", "width") == "3 列ごとに 2 列はバイアスだけになる"
    one = Axis(Window(1, 2), transposed=True)
    assert one.note(5, "en", "length") == "1 position in every 2 gets no tap, only the bias"
    assert Axis(Window(4, 2), transposed=True).explain(5) == (
        "(5 − 1)·2 − 2·0 + 1·(4−1) + 0 + 1 = 12"
    )


SENTENCES = [
    (ConvSpec.make(3, 2, 1), (1, 3, 400, 600), 8,
     "A 3×3 window, moved 2 pixels at a time, turned 400×600×3 into 200×300×8",
     "3×3 の窓を 2 画素ずつ動かして、400×600×3 を 200×300×8 にした"),
    (ConvSpec.make(8, (2, 1)), (3, 9, 9), 4,
     "An 8×8 window, moved 2 down and 1 across at a time, turned 9×9×3 into 1×2×4",
     "8×8 の窓を縦に 2 画素、横に 1 画素ずつ動かして、9×9×3 を 1×2×4 にした"),
    (ConvSpec.make(3, padding=2, dilation=2, groups=4), (4, 9, 9), 8,
     "A 3×3 window with its taps 2 apart on each channel by itself, moved 1 pixel at a time, "
     "turned 9×9×4 into 9×9×8",
     "チャンネルごとに、3×3 の窓（間隔 2）を 1 画素ずつ動かして、9×9×4 を 9×9×8 にした"),
    (ConvSpec.make(1, groups=2), (4, 9, 9), 8,
     "A 1×1 window on each of 2 groups of channels, moved 1 pixel at a time, "
     "turned 9×9×4 into 9×9×8",
     "チャンネルを 2 組に分け、1×1 の窓を 1 画素ずつ動かして、9×9×4 を 9×9×8 にした"),
    (ConvSpec.make(8, 2, dims=1), (1, 2, 20), 4,
     "A window of 8, moved 2 positions at a time, turned 20×2 into 7×4",
     "長さ 8 の窓を 2 点ずつ動かして、20×2 を 7×4 にした"),
    (ConvSpec.make(2, (1, 2, 2), dims=3), (1, 2, 4, 4, 4), 4,
     "A 2×2×2 window, moved 1 in, 2 down and 2 across at a time, turned 4×4×4×2 into 3×2×2×4",
     "2×2×2 の窓を奥へ 1 ボクセル、縦に 2 ボクセル、横に 2 ボクセルずつ動かして、"
     "4×4×4×2 を 3×2×2×4 にした"),
    (ConvSpec.make(3, 2, transposed=True), (6, 5, 5), 8,
     "Each pixel, stamped as a 3×3 patch every 2 pixels, turned 5×5×6 into 11×11×8",
     "各画素を 3×3 に広げ、2 画素間隔で足し重ねて、5×5×6 を 11×11×8 にした"),
    (ConvSpec.make(3, transposed=True), (6, 5, 5), 8,
     "Each pixel, stamped as a 3×3 patch every pixel, turned 5×5×6 into 7×7×8",
     "各画素を 3×3 に広げ、1 画素間隔で足し重ねて、5×5×6 を 7×7×8 にした"),
    (ConvSpec.make(3, (2, 1), transposed=True), (6, 5, 5), 8,
     "Each pixel, stamped as a 3×3 patch every 2×1 pixels, turned 5×5×6 into 11×7×8",
     "各画素を 3×3 に広げ、縦 2・横 1 画素間隔で足し重ねて、5×5×6 を 11×7×8 にした"),
    (ConvSpec.make(3, 2, transposed=True, dims=1), (6, 5), 8,
     "Each position, stamped as a 3-position patch every 2 positions, turned 5×6 into 11×8",
     "各点を 3 点に広げ、2 点間隔で足し重ねて、5×6 を 11×8 にした"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "shape", "channels", "english", "japanese"), SENTENCES)
def test_sentences(
    spec: ConvSpec, shape: tuple[int, ...], channels: int, english: str, japanese: str
) -> None:
    assert spec.sentence(shape, channels) == english
    assert spec.sentence(shape, channels, "ja") == japanese


def test_sentences_of_pooling() -> None:
    pool = PoolSpec.make(3, 2, 1)
    assert pool.sentence((8, 7, 7), "avg") == (
        "A 3×3 window, moved 2 pixels at a time, took the mean: 7×7×8 became 4×4×8"
    )
    assert pool.sentence((8, 7, 7), "max", "ja") == (
        "3×3 の窓を 2 画素ずつ動かして最大の値を残し、7×7×8 を 4×4×8 にした"
    )


def test_sentences_of_adaptive_pooling() -> None:
    assert PoolSpec.make(2).sentence((3, 8, 8), "norm") == (
        "A 2×2 window, moved 2 pixels at a time, took the norm: 8×8×3 became 4×4×3"
    )
    assert "ノルムをとり" in PoolSpec.make(2).sentence((3, 8, 8), "norm", "ja")
    assert AdaptiveSpec.make(1).explain((512, 7, 7)) == (
        "Split into 1×1 bin of 7 rows and 7 columns: 7×7×512 became 1×1×512"
    )
    assert AdaptiveSpec.make((2, 7)).explain((512, 7, 7), "ja") == (
        "2×7 の区画（高さ 4 行、幅 1 列）に分け、7×7×512 を 2×7×512 にした"
    )
    assert AdaptiveSpec.make(3, dims=1).explain((4, 10)) == (
        "Split into 3 bins of 4 positions: 10×4 became 3×4"
    )
    assert AdaptiveSpec.make(3, dims=1).explain((4, 11), "ja") == (
        "3 の区画（長さ 4〜5 点）に分け、11×4 を 3×4 にした"
    )
    assert AdaptiveSpec.make((2, 2, 8), dims=3).explain((4, 4, 5, 8)) == (
        "Split into 2×2×8 bins of 2 slices, 3 rows and 1 column: 4×5×8×4 became 2×2×8×4"
    )


def test_explain_sets_japanese_names_in_columns() -> None:
    assert ConvSpec.make(3, 2, 1).explain((3, 400, 600), 8, "ja").split("\n") == [
        "3×3 の窓を 2 画素ずつ動かして、400×600×3 を 200×300×8 にした",
        "高さ  ⌊(400 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 200   "
        "切り捨て：下端のパディング 1 行は読まれない",
        "幅    ⌊(600 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 300   "
        "切り捨て：右端のパディング 1 列は読まれない",
    ]


def test_axis_words_carry_every_number() -> None:
    for dims, names in AXES.items():
        rows = ConvSpec.make(3, 2, dims=dims).axis_words((1, 4, *range(5, 5 + dims)))
        assert tuple(row.axis for row in rows) == names
        assert [row.size for row in rows] == list(range(5, 5 + dims))
        assert [row.out for row in rows] == [(size - 3) // 2 + 1 for size in range(5, 5 + dims)]


def test_parameters() -> None:
    assert parameter_formula((8, 3, 3, 3), 8) == "8·3·3·3 + 8 = 224"
    assert parameter_formula((8, 3, 1, 1)) == "8·3·1·1 = 24"
