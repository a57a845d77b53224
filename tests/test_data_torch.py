"""Datasets, samplers and loaders against real PyTorch: what they print, and in which order.

The fixtures are made by scripts/fixtures/data.py.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from scripts_of_fixtures import script

import tatamu
from tatamu.utils.data import DataLoader, Subset, TensorDataset, default_collate

FACTS = json.loads((Path(__file__).parent / "fixtures" / "data.json").read_text(encoding="utf-8"))
CASES = script("data_cases")


def value(code: str) -> Any:
    tatamu.manual_seed(0)
    return eval(code, CASES.names(tatamu))


def plain(text: str) -> str:
    """Text with torch's name in it and without addresses."""
    text = text.replace("tatamu.", "torch.")
    return re.sub(r"<\S+ object at 0x\w+>", "<object>", text)


@pytest.mark.parametrize("code", FACTS["results"])
def test_results(code: str) -> None:
    assert plain(repr(value(code))) == plain(FACTS["results"][code])


@pytest.mark.parametrize("case", FACTS["errors"], ids=[c["code"] for c in FACTS["errors"]])
def test_errors(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:  # its kind is compared below
        value(case["code"])
    assert plain(str(caught.value)).split("\n")[0] == plain(case["text"])
    assert case["kind"] in [kind.__name__ for kind in type(caught.value).__mro__]


@pytest.mark.parametrize("case", FACTS["warnings"], ids=[c["code"] for c in FACTS["warnings"]])
def test_warnings(case: dict[str, str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value(case["code"])
    (warning,) = caught
    assert warning.category.__name__ == case["kind"]
    assert plain(str(warning.message)) == plain(case["text"])


def test_workers_that_persist_serve_every_sample_once_a_pass() -> None:
    loader = DataLoader(
        TensorDataset(tatamu.arange(5)), 2, num_workers=2, persistent_workers=True, timeout=60
    )
    assert (loader.prefetch_factor, loader.num_workers) == (2, 2)
    for _ in range(2):
        assert [x.tolist() for (x,) in loader] == [[0, 1], [2, 3], [4]]


def test_a_batch_of_what_wants_gradients_has_a_history() -> None:
    x, y = (tatamu.ones(2, requires_grad=True) for _ in range(2))
    batch = default_collate([x, y * 2])
    (batch * tatamu.tensor([[1.0], [3.0]])).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([1.0, 1.0], [6.0, 6.0])  # type: ignore[union-attr]


def test_a_subset_that_overrides_one_of_two_methods() -> None:
    class Loud(Subset[Any]):
        def __getitem__(self, idx: Any) -> Any:
            return str(self.dataset[self.indices[idx]])

    with pytest.raises(NotImplementedError, match="Loud overrides __getitem__ but not"):
        Loud([1], [0])


def test_the_order_does_not_depend_on_how_a_dataset_is_read() -> None:
    data = TensorDataset(tatamu.arange(6))
    tatamu.manual_seed(1)
    direct = [x.tolist() for (x,) in DataLoader(data, 2, True)]
    tatamu.manual_seed(1)
    subset = [x.tolist() for (x,) in DataLoader(Subset(data, range(6)), 2, True)]
    assert direct == subset


def test_batches_that_are_gathered_at_once_are_those_that_are_stacked() -> None:
    class Plain(TensorDataset):
        """Asked for sample by sample."""

    x = tatamu.arange(24.0).reshape(6, 4).t().contiguous().t()
    for kind in (TensorDataset, Plain):
        data = kind(x, tatamu.arange(6).bool())
        batches = list(DataLoader(Subset(data, [5, -1, 0]), 2))
        assert [[part.tolist() for part in batch] for batch in batches] == [
            [[x[5].tolist()] * 2, [True, True]],
            [[x[0].tolist()], [False]],
        ]
        assert batches[0][0].is_contiguous()
        with pytest.raises(IndexError, match="index 6 is out of bounds for dimension 0 with size"):
            list(DataLoader(data, 2, sampler=[0, 6]))
