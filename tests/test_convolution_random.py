"""Convolution of every kind at random: right by every kernel, adjoint, and true to its algebra."""

from __future__ import annotations

import pytest
from convolution_cases import FUNCTIONS, Case, cases, check
from hypothesis import given, settings
from hypothesis import strategies as st

FEW = settings(max_examples=60)
MANY = settings(max_examples=1500)


# ---- everything ---------------------------------------------------------------------------------


@FEW
@given(cases(2))
def test_convolution(case: Case) -> None:
    check(case)


@FEW
@given(cases(1) | cases(3))
def test_convolution_over_one_and_three_axes(case: Case) -> None:
    check(case)


@FEW
@given(cases(2, True))
def test_transposed_convolution(case: Case) -> None:
    check(case)


@FEW
@given(cases(1, True) | cases(3, True))
def test_transposed_convolution_over_one_and_three_axes(case: Case) -> None:
    check(case)


@pytest.mark.nightly
@MANY
@given(st.one_of(*(cases(*kind) for kind in FUNCTIONS)))
def test_thousands_of_convolutions(case: Case) -> None:
    check(case)
