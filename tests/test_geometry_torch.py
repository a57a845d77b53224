"""Sizes, taps and error sentences against PyTorch's own (scripts/fixtures/geometry.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tatamu.geometry import (
    AdaptiveSpec,
    ConvSpec,
    GeometryError,
    PoolSpec,
    adaptive_bins,
    fold,
)

TORCH: dict[str, Any] = json.loads(
    (Path(__file__).parent / "fixtures" / "geometry.json").read_text(encoding="utf-8")
)


def test_convolution_sizes() -> None:
    for size, kernel, stride, dilation, padding, out in TORCH["conv"]:
        spec = ConvSpec.make(kernel, stride, padding, dilation, dims=1)
        if out:
            assert spec.out_size((size,)) == (out,)
        else:
            with pytest.raises(GeometryError, match="Kernel size can't be greater"):
                spec.out_size((size,))


def test_transposed_sizes_and_taps() -> None:
    for size, kernel, stride, dilation, padding, extra, reads in TORCH["transposed"]:
        spec = ConvSpec.make(
            kernel, stride, padding, dilation, transposed=True, output_padding=extra, dims=1
        )
        assert spec.out_size((size,)) == (len(reads),)
        for o, pairs in enumerate(reads):
            found = [list(p) for p in spec.windows[0].back_taps(o) if 0 <= p[0] < size]
            assert sorted(found) == sorted(pairs)


def test_pooling_sizes_and_divisors() -> None:
    dropped = 0
    for row in TORCH["pool"]:
        arguments = [row[name] for name in ("kernel", "stride", "padding", "dilation")]
        spec = PoolSpec.make(*arguments, ceil_mode=row["ceil_mode"], dims=1)
        size, out = row["size"], row["out"]
        if not out:
            with pytest.raises(GeometryError, match="Invalid computed output size"):
                spec.out_size((size,))
            continue
        assert spec.out_size((size,)) == (out,)
        dropped += row["ceil_mode"] and spec.windows[0].drops_last(size)
        for key, include in (("with_pad", True), ("without_pad", False)):
            for o, divisor in enumerate(row.get(key, [])):
                assert divisor in (None, spec.divisor((o,), (size,), include))
    assert dropped > 10


def test_adaptive_bins() -> None:
    for size, out, bins in TORCH["bins"]:
        assert [list(pair) for pair in adaptive_bins(size, out)] == bins
        assert AdaptiveSpec.make(out, dims=1).bins((size,))[0] == adaptive_bins(size, out)


def test_same_padding_puts_the_extra_position_after() -> None:
    for kernel, dilation, reads in TORCH["same"]:
        window = ConvSpec.make(kernel, padding="same", dilation=dilation, dims=1).windows[0]
        assert window.out(5) == 5
        for o, positions in enumerate(reads):
            assert [p if 0 <= p < 5 else -1 for p in window.taps(o)] == positions


def test_padding_modes() -> None:
    for mode, size, pad, values in TORCH["fold"]:
        assert [fold(p, size, mode) for p in range(-pad, size + pad)] == values


def test_output_size_ranges() -> None:
    for size, kernel, stride, dilation, padding, least, most in TORCH["output_size"]:
        spec = ConvSpec.make(kernel, stride, padding, dilation, transposed=True, dims=1)
        shape = (1, 1, size)
        for wanted in range(least, most + 1):
            assert spec.with_output_size(shape, (wanted,)).out_size((size,)) == (wanted,)
        for wanted in (least - 1, most + 1):
            with pytest.raises(ValueError, match=rf"valid sizes range from \[{least}\] to"):
                spec.with_output_size(shape, (wanted,))


@pytest.mark.parametrize("case", TORCH["shapes"], ids=lambda case: str(case["args"]))
def test_whole_layers(case: dict[str, Any]) -> None:
    spec = make_conv(case)
    assert list(spec.out_shape(case["input"], case["weight"])) == case["out"]
    channels = case["weight"][1] * spec.groups if spec.transposed else case["weight"][0]
    assert spec.out_shape(case["input"], case["weight"], [channels]) == tuple(case["out"])


def make_conv(case: dict[str, Any]) -> ConvSpec:
    return ConvSpec.make(case["weight"][2:], dims=case["dims"], **case["args"])


def refused(case: dict[str, Any]) -> object:
    kind = case["kind"]
    if kind == "conv":
        spec = make_conv(case)
        return spec.out_shape(case["input"], case["weight"], case.get("bias"))
    if kind == "pool":
        arguments = dict(case["args"])
        kernel = arguments.pop("kernel_size")
        return PoolSpec.make(kernel, dims=case["dims"], **arguments).out_shape(case["input"])
    if kind == "adaptive":
        return AdaptiveSpec.make(case["output_size"], case["dims"]).out_shape(case["input"])
    if kind == "output_size":
        spec = ConvSpec.make(3, 2, 1, transposed=True, dims=case["dims"])
        return spec.with_output_size(case["input"], case["output_size"])
    return ConvSpec.make(3, groups=case["groups"]).weight_shape(case["in"], case["out"])


@pytest.mark.parametrize("case", TORCH["errors"], ids=lambda case: case["sentence"][:60])
def test_errors_open_with_torchs_sentence(case: dict[str, Any]) -> None:
    with pytest.raises(GeometryError) as caught:
        refused(case)
    assert in_any_order(str(caught.value).split("\n")[0]) == in_any_order(case["sentence"])


def in_any_order(sentence: str) -> list[str]:
    """Torch prints some names as a set, in an order that differs from run to run."""
    before, brace, names = sentence.partition("{")
    return [before, *sorted(names.split("}")[0].split(", "))] if brace else [before]
