"""`tatamu compare` and `tatamu solve`: figures against the layers themselves and brute force."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu import nn
from tatamu.geometry import Limits
from tatamu.geometry.solve import Doer
from tatamu.lens.compare import compare, compare_files, compare_html, compare_lines
from tatamu.lens.solving import Asked, solve_lines, torch_line, ways
from tatamu.lens.words import LookError, Words, explain_problem

CHAINS = ("Conv2d(3, 4, 3, padding=1)", "Conv2d(3, 4, 3, padding=1, padding_mode='reflect')",
          "Conv2d(3, 4, 5)")  # fmt: skip


def test_the_same_weights_and_only_what_is_written_differs() -> None:
    compared = compare(CHAINS, seed=3)
    first, second, _ = compared.lasts
    assert np.array_equal(first.weight, second.weight)
    inner = np.s_[1:-1, 1:-1]
    difference = compared.difference(1)
    assert difference is not None
    np.testing.assert_allclose(difference[inner], 0, atol=1e-6)
    assert np.abs(difference).max() > 1e-3
    assert compared.difference(2) is None
    assert compared.channel == first.order[0]


def test_the_lines_say_sizes_costs_and_differences() -> None:
    compared = compare([*CHAINS, CHAINS[0]], channel=1)
    text = "\n".join(compare_lines(compared, Words("en")))
    for record in compared.lasts:
        assert record.text in text
        assert f"{record.cost.mult_adds:,}" in text
    assert "another size" in text
    assert "not at all" in text  # the fourth is the first
    most = float(np.abs(compared.difference(1)).max())
    assert f"at most {most:.4g}" in text
    assert "⌊(300 + 2·1 − 1·(3−1) − 1) / 1⌋ + 1 = 300" in text


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_holds_every_map_and_needs_nothing_else(lang: str) -> None:
    compared = compare(CHAINS)
    html = compare_html(compared, Words("ja" if lang == "ja" else "en"))
    assert html.count('class="card"') == 3 + 1 + 1  # maps, a difference, the photo
    assert "http" not in html and "<script" not in html
    names = [name for name, _ in compare_files(compared, Words("en"))]
    assert names == ["report.html", "maps/01.png", "maps/02.png", "maps/03.png"]


@pytest.mark.parametrize(
    ("layers", "channel", "text"),
    [
        (["ReLU"], None, "compare needs two layers or more"),
        (["ReLU"] * 13, None, "13 are too many to look at"),
        (["ReLU", "Flatten"], None, "Flatten() ends in 1×405900, which is no picture."),
        (["ReLU", "Conv2d(_, 8, 3)"], 5, "--channel 5: ReLU() gives 3 channels"),
    ],
)
def test_refusals(layers: list[str], channel: int | None, text: str) -> None:
    with pytest.raises(LookError) as caught:
        compare(layers, channel)
    assert text in explain_problem(caught.value, "en")
    assert explain_problem(caught.value, "ja") != explain_problem(caught.value, "en")


def layer(line: str) -> nn.Module:
    made: nn.Module = eval(line, {"nn": nn})
    return made


@pytest.mark.parametrize("doer", ["conv", "transposed", "pool"])
@given(
    before=st.tuples(st.integers(3, 14), st.integers(3, 14)),
    after=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_every_torch_line_does_what_was_asked(
    doer: Doer, before: tuple[int, int], after: tuple[int, int]
) -> None:
    x = tatamu.zeros(1, 3, *before)
    for way in ways(before, after, doer, Limits(3, 2))[:3]:
        assert tuple(layer(torch_line(way, doer))(x).shape[2:]) == after


@pytest.mark.parametrize(("size", "out"), [(7, 3), (8, 4), (5, 5), (6, 1)])
def test_no_convolution_is_left_out(size: int, out: int) -> None:
    found = {
        (w.height.kernel, w.height.stride, w.height.padding, w.height.dilation)
        for w in ways((size, size), (out, out), "conv", Limits(3, 2))
    }
    assert len(found) == len(ways((size, size), (out, out), "conv", Limits(3, 2)))
    x = tatamu.zeros(1, 1, size, size)
    for kernel, stride, padding, dilation in itertools.product(
        range(1, 4), range(1, size + 1), range(5), range(1, 3)
    ):
        reach = dilation * (kernel - 1)
        if padding > reach or (kernel == 1 and dilation > 1) or (out == 1 and stride > 1):
            continue
        try:
            shape = nn.Conv2d(1, 1, kernel, stride, padding, dilation)(x).shape
        except RuntimeError:
            continue
        fits = tuple(shape[2:]) == (out, out)
        if out > 1 or not fits:
            assert fits == ((kernel, stride, padding, dilation) in found)


def test_what_solve_says() -> None:
    lines = solve_lines(Asked("224", "112", "conv", rows=2), Words("en"))
    text = "\n".join(lines)
    assert lines[0] == "224×224 to 112×112 (h×w)"
    assert "3       2        1         1   nn.Conv2d(3, 8, 3, stride=2, padding=1)" in text
    assert "⌊(224 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 112" in text
    count = len(ways((224, 224), (112, 112), "conv", Limits(11, 3)))
    assert f"{count - 2} more: --rows {count} shows all." in text
    data = json.loads(solve_lines(Asked("224", "112", "conv", as_json=True), Words("en"))[0])
    assert len(data) == count and data[0]["torch"] == "nn.Conv2d(3, 8, 3, stride=2, padding=1)"


def test_where_nothing_fits_it_says_what_would() -> None:
    text = "\n".join(solve_lines(Asked("224", "150", "conv"), Words("en")))
    assert "No such layer has a kernel up to 11" in text
    assert "height: 224 can become 127 or 194." in text
    assert layer("nn.Conv2d(3, 8, 75)")(tatamu.zeros(1, 3, 224, 83)).shape[2] == 150
    assert "with a larger kernel, nn.Conv2d(3, 8, 75) does it." in text
    assert "カーネルを大きくすれば" in "\n".join(
        solve_lines(Asked("224", "150", "conv"), Words("ja"))
    )


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (Asked("224", "x", "conv"), "x"),
        (Asked("224", "5000", "conv"), "4,096"),
        (Asked("224", "112", "conv", kernel=0), "--max-kernel 0: give a number from 1 to 64."),
        (Asked("224", "112", "conv", dilation=99), "--max-dilation 99"),
        (Asked("224", "112", "conv", rows=0), "--rows 0"),
    ],
)
def test_solve_refuses(asked: Asked, text: str) -> None:
    with pytest.raises(LookError) as caught:
        solve_lines(asked, Words("en"))
    assert text in explain_problem(caught.value, "en")


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tatamu.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["solve", "8", "4", "--transposed", "--pool", "--lang", "en"])
    assert ended.value.code == 2
    assert "cannot go together" in capsys.readouterr().err
    folder = tmp_path / "two"
    with pytest.raises(SystemExit) as ended:
        main(["compare", "MaxPool2d(4)", "AvgPool2d(4)", "-o", str(folder), "--lang", "en"])
    assert ended.value.code in (0, None)
    assert "two/report.html" in capsys.readouterr().out
    assert (folder / "report.html").is_file()
