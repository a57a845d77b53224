"""Metrics against their definitions, counted one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu import train
from tatamu.train.curves import curves_svg, ticks
from tatamu.train.metrics import decided

Labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


def scores(found: list[int], classes: int = 4) -> Any:
    return tatamu.from_numpy(np.eye(classes, dtype=np.float32)[found])


@given(Labels)
def test_shares_by_definition(pairs: list[tuple[int, int]]) -> None:
    found, real = [list(side) for side in zip(*pairs, strict=True)]
    matrix = train.ConfusionMatrix(4)
    made = {
        average: [kind(average, 4) for kind in (train.Precision, train.Recall, train.F1)]
        for average in ("macro", "micro", "weighted", None)
    }
    half = len(found) // 2
    for part in (slice(half), slice(half, None)):  # batch by batch
        for metric in (matrix, *(m for each in made.values() for m in each)):
            metric.update(scores(found[part]), tatamu.tensor(real[part], dtype=tatamu.int64))
    shares: list[list[float]] = [[], [], []]
    for c in range(4):
        right = sum(f == r == c for f, r in pairs)
        taken, there = found.count(c), real.count(c)
        p, r = (right / n if n else 0.0 for n in (taken, there))
        for place, value in enumerate((p, r, 2 * p * r / (p + r) if p + r else 0.0)):
            shares[place].append(value)
        assert matrix.value()[c].tolist() == [pairs.count((f, c)) for f in range(4)]
    there = [c for c in range(4) if c in found or c in real]
    accuracy = sum(f == r for f, r in pairs) / len(pairs)
    for place, values in enumerate(shares):
        np.testing.assert_allclose(made[None][place].value(), values)
        weighted = sum(v * real.count(c) for c, v in enumerate(values)) / len(real)
        assert made["weighted"][place].value() == pytest.approx(weighted)
        macro = sum(values[c] for c in there) / len(there)
        assert made["macro"][place].value() == pytest.approx(macro)
        assert made["micro"][place].value() == pytest.approx(accuracy)


@given(st.integers(1, 5), st.integers(0, 2**31))
def test_top_k_is_the_place_in_a_sorted_list(k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    outputs = random.integers(0, 4, (9, 5)).astype(np.float32)  # with many ties
    targets = random.integers(0, 5, 9)
    metric = train.TopK(k)
    metric.update(tatamu.from_numpy(outputs), tatamu.from_numpy(targets))
    best = np.argsort(-outputs, axis=1, kind="stable")[:, :k]
    assert metric.value() == pytest.approx((best == targets[:, None]).any(1).mean())


def test_shapes_of_outputs_and_targets() -> None:
    maps = tatamu.zeros(2, 3, 4, 4)
    maps[:, 1] = 1
    accuracy = train.Accuracy()
    accuracy.update(maps, tatamu.ones(2, 4, 4, dtype=tatamu.int64))  # segmentation
    accuracy.update(scores([0, 1]), scores([0, 2]))  # targets that weigh classes
    accuracy.update(tatamu.tensor([1.0, -1.0]), tatamu.tensor([1.0, 1.0]))  # yes or no
    assert accuracy.value() == pytest.approx(34 / 36)
    top = train.TopK(2)
    top.update(maps, tatamu.ones(2, 4, 4, dtype=tatamu.int64))
    assert top.value() == 1.0
    accuracy.reset()
    assert np.isnan(accuracy.value())
    matrix = train.ConfusionMatrix()
    matrix.update(scores([0]), tatamu.tensor([0]))
    matrix.update(scores([3]), tatamu.tensor([1]))
    assert matrix.value().shape == (4, 4)
    assert [repr(m) for m in (accuracy, top, matrix, train.F1())] == [
        "Accuracy()", "TopK(2)", "ConfusionMatrix()", "F1(average='macro')"
    ]  # fmt: skip


def test_refusals() -> None:
    with pytest.raises(ValueError, match="TopK expects a positive number of scores, but got 0"):
        train.TopK(0)
    with pytest.raises(ValueError, match="average is one of"):
        train.F1("mean")
    with pytest.raises(ValueError, match=r"classes of shape \[2\], but targets have shape \[3\]"):
        decided(scores([0, 1]), tatamu.tensor([0, 1, 1]))
    with pytest.raises(ValueError, match="ConfusionMatrix has 2 classes, but targets go from 0"):
        train.ConfusionMatrix(2).update(scores([0, 3]), tatamu.tensor([0, 1]))


def test_pictures_of_curves() -> None:
    rows = [
        {"epoch": e + 1, "loss": 1 / (e + 1), "accuracy": 1 - 0.5 ** e, "val_loss": 0.9 / (e + 1),
         "val_accuracy": 1 - 0.6 ** e, "lr": 0.1, "seconds": 1.0}
        for e in range(12)
    ]  # fmt: skip
    history = train.History(rows)
    history.best = 10
    picture = history.svg()
    # Two panels, in each of them both curves and the epoch that was kept; the rate stays, so it
    # has no panel.
    assert picture.count('class="title"') == 2
    assert picture.count('<path class="val"') == picture.count('<path class="best"') == 2
    assert curves_svg(train.History(rows[:1])).count("<circle") == 4
    assert "検証" in curves_svg(history, {"val": "検証"})
    assert "</svg>" in train.History().svg()
    assert history._repr_html_() == picture


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_ticks_span_the_range(a: float, b: float) -> None:
    low, high = sorted((a, b))
    marks = ticks(low, high)
    slack = 1e-8 * max(abs(low), abs(high), 1e-300) + 1e-9 * (high - low)
    assert 2 <= len(marks) <= 7
    assert marks[0] <= low + slack and marks[-1] >= high - slack
