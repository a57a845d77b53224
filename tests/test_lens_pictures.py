"""Maps and kernels as pictures, against a mapping of our own and models of colour vision."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tatamu.lens import filters, maps, show
from tatamu.lens.statistics import describe, edge_strength

Floats = npt.NDArray[np.float64]

# The scale's colours in words: pale blue, blue, deep blue, black, rust, sand, cream.
COLOURS = ["e1f2ff", "5fa8dc", "1d5788", "0e1116", "8a4420", "df955a", "fff0da"]


def colour_of(value: float, end: float) -> tuple[int, ...]:
    """One value's colour, worked out value by value: an independent twin of the palette."""
    if not np.isfinite(value):
        return (0x3F, 0xAE, 0x49)
    level = round(max(-1.0, min(1.0, value / end)) * 127)
    place = (level + 127) / 254 * 6
    low = min(int(place), 5)
    part = place - low
    first, second = (bytes.fromhex(COLOURS[low + i]) for i in (0, 1))
    return tuple(int(np.rint(a + (b - a) * part)) for a, b in zip(first, second, strict=True))


def test_every_pixel_has_the_colour_of_its_value() -> None:
    values = np.random.default_rng(0).normal(0, 1, (23, 31)).astype(np.float32)
    values[0, :3] = np.nan, np.inf, 0.0
    picture = Image.open(io.BytesIO(maps.png(maps.map_picture(values, 1.5))))
    assert picture.mode == "P"
    assert "transparency" not in picture.info
    pixels = np.asarray(picture.convert("RGB"))
    for y, x in np.ndindex(values.shape):
        assert tuple(pixels[y, x]) == colour_of(float(values[y, x]), 1.5), (y, x, values[y, x])


def test_a_picture_can_be_read_back_as_numbers() -> None:
    values = np.linspace(-2, 2, 401, dtype=np.float32).reshape(1, -1)
    picture = Image.open(io.BytesIO(maps.png(maps.map_picture(values, 2.0))))
    read = (np.asarray(picture).astype(float) - 127) / 127 * 2.0
    assert np.abs(read - values).max() <= 2.0 / 127 / 2 + 1e-6


def lightness(rgb: Floats) -> Floats:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.asarray(np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y))


def test_lightness_tells_the_distance_from_zero_on_either_side() -> None:
    light = lightness(maps.palette()[:255] / 255.0)
    assert (np.diff(light[127:]) > 0).all()
    assert (np.diff(light[:128]) < 0).all()
    assert np.abs(light[127:] - light[127::-1]).max() < 8


# Machado, Oliveira & Fernandes 2009, severity 1.0.
BLINDNESS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_sign_survives_colour_blindness(kind: str) -> None:
    rgb = maps.palette()[:255] / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(BLINDNESS[kind]).T, 0, 1)
    srgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    third = 127 // 3
    apart = np.abs(srgb[127 + third : 240] - srgb[127 - third : 14 : -1]).max(axis=1)
    assert apart.min() > 0.1


def test_at_most_half_a_percent_lies_beyond_the_scale() -> None:
    values = np.concatenate([np.linspace(-1, 1, 996), np.full(4, -50.0)]).reshape(10, 100)
    assert maps.scale_end(values) == 1.0
    assert maps.scale_end(np.array([[3.0, -4.0]])) == 4.0
    assert maps.scale_end(np.zeros((3, 3))) == 1.0
    sparse = np.zeros((100, 100))
    sparse[0, 0] = -7.0
    assert maps.scale_end(sparse) == 7.0
    assert maps.scale_end(np.full((2, 2), np.nan)) == 1.0


@pytest.mark.parametrize("kind", ["normal", "ties", "sparse", "holes", "rough"])
def test_the_scale_of_a_large_map_is_exact(kind: str) -> None:
    random = np.random.default_rng(4)
    values = random.normal(size=(700, 301)).astype(np.float32)
    if kind == "ties":
        values = np.rint(values)
    elif kind == "sparse":
        values[random.random(values.shape) < 0.997] = 0
    elif kind == "holes":
        values[random.random(values.shape) < 0.2] = np.nan
        values[::50, ::50] = np.inf
    elif kind == "rough":
        values.reshape(-1)[:: values.size // maps.SAMPLE] = 99  # what a sample of it would see
    magnitudes = np.sort(np.abs(values[np.isfinite(values)]))
    expected = magnitudes[int(np.ceil(0.995 * (magnitudes.size - 1)))] or magnitudes[-1]
    assert maps.scale_end(values) == expected
    assert (maps.to_indices(values, float(expected)) == 255).sum() == (~np.isfinite(values)).sum()


def test_kernel_pictures_show_every_weight_in_its_place() -> None:
    weight = np.arange(-13, 14, dtype=np.float32).reshape(3, 3, 3)
    pixels = np.asarray(maps.kernel_picture(weight, 13.0, cell=6).convert("RGB"))
    assert pixels.shape == (18, 3 * 18 + 2 * 2, 3)
    for c, i, j in np.ndindex(weight.shape):
        block = pixels[i * 6 : i * 6 + 6, c * 20 + j * 6 : c * 20 + j * 6 + 6].reshape(-1, 3)
        assert (block == colour_of(float(weight[c, i, j]), 13.0)).all()
    assert (pixels[:, 18:20] == (0x8F, 0x91, 0x97)).all()  # no colour of the scale
    upright = maps.kernel_picture(weight, 13.0, cell=6, across=1)
    assert upright.size == (18, 3 * 18 + 2 * 2)


def test_kernel_pictures_of_many_channels_stay_handy() -> None:
    picture = maps.kernel_picture(np.ones((512, 7, 7), dtype=np.float32), 1.0)
    assert max(picture.size) < 2500


def test_shrink_takes_means() -> None:
    values = np.random.default_rng(1).normal(size=(8, 12)).astype(np.float32)
    expected = values.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    assert np.allclose(maps.shrink(values, 6), expected, atol=1e-6)
    assert maps.shrink(values, 12) is values
    uneven = maps.shrink(values, 5)
    assert uneven.shape == (3, 5)
    assert uneven[0, 0] == pytest.approx(values[:2, :2].mean())
    assert uneven[2, 4] == pytest.approx(values[5:, 9:].mean())


# ---- statistics ---------------------------------------------------------------------------------


def test_statistics_against_numpy() -> None:
    output = np.random.default_rng(2).normal(0.2, 1, (1, 3, 17, 19)).astype(np.float32)
    for channel, values in zip(describe(output, ("a", "b")), output[0], strict=True):
        exact = values.astype(np.float64)
        assert channel.low == exact.min()
        assert channel.high == exact.max()
        assert channel.mean == pytest.approx(exact.mean(), abs=1e-7)
        assert channel.negative == np.count_nonzero(exact < 0) / exact.size
        assert channel.above == np.count_nonzero(exact > 1) / exact.size
        assert channel.clipped == np.count_nonzero(np.abs(exact) > channel.end) / exact.size
        assert sum(channel.histogram) == values.size
        middle = len(channel.histogram) // 2
        assert sum(channel.histogram[:middle]) == np.count_nonzero(exact < 0)
        shown = np.clip(exact, -channel.end, channel.end)
        expected, _ = np.histogram(shown, len(channel.histogram), (-channel.end, channel.end))
        assert list(channel.histogram) == expected.tolist()
        steps = np.abs(exact[1:] - exact[:-1]).mean(), np.abs(exact[:, 1:] - exact[:, :-1]).mean()
        assert channel.edges == pytest.approx(sum(steps) / 2, rel=1e-5)
    assert [c.name for c in describe(output, ("a", "b"))] == ["a", "b", ""]


def test_statistics_of_many_blocks() -> None:
    plane = np.random.default_rng(5).normal(size=(300, 1000)).astype(np.float32)
    (channel,) = describe(plane[None, None], ())
    exact = plane.astype(np.float64)
    assert sum(channel.histogram) == plane.size
    assert channel.negative == np.mean(exact < 0)
    steps = np.abs(np.diff(exact, axis=0)).mean(), np.abs(np.diff(exact, axis=1)).mean()
    assert channel.edges == pytest.approx(sum(steps) / 2, rel=1e-5)


def test_zeros_are_not_negative() -> None:
    (channel,) = describe(np.array([[[[0.0, -1.0, 0.0, 2.0]]]], dtype=np.float32), ())
    assert channel.negative == 0.25


def test_statistics_of_one_pixel_and_of_no_numbers() -> None:
    assert edge_strength(np.ones((1, 1), dtype=np.float32)) == 0.0
    nothing = describe(np.full((1, 1, 2, 2), np.nan, dtype=np.float32), ())[0]
    assert (nothing.low, nothing.high, nothing.negative, nothing.edges) == (0.0, 0.0, 0.0, 0.0)


# ---- named kernels ------------------------------------------------------------------------------


def test_named_kernels_are_the_ones_everybody_knows() -> None:
    kernels = {name: filters.kernel(name) for name in filters.NAMES}
    assert list(kernels) == [
        "identity", "box", "gaussian", "sharpen", "sobel-x", "sobel-y", "laplacian", "emboss",
    ]  # fmt: skip
    sums = {name: float(kernel.sum()) for name, kernel in kernels.items()}
    ones = {"identity", "box", "gaussian", "sharpen", "emboss"}
    assert all(
        total == pytest.approx(float(name in ones), abs=1e-6) for name, total in sums.items()
    )
    smooth = np.outer([1, 2, 1], [1, 2, 1])
    assert np.allclose(kernels["gaussian"], smooth / 16)
    assert np.array_equal(kernels["sobel-x"], np.outer([1, 2, 1], [-1, 0, 1]))
    assert np.array_equal(kernels["sobel-y"], kernels["sobel-x"].T)
    assert np.array_equal(kernels["sharpen"], kernels["identity"] - kernels["laplacian"])


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_spread_kernels_see_the_grey_picture(channels: int) -> None:
    weight = filters.spread([filters.kernel("sobel-x"), filters.kernel("box")], channels)
    shares = {3: [0.299, 0.587, 0.114], 4: [0.299, 0.587, 0.114, 0.0]}.get(
        channels, [1 / channels] * channels
    )
    assert weight.shape == (2, channels, 3, 3)
    for c, share in enumerate(shares):
        assert np.allclose(weight[0, c], filters.kernel("sobel-x") * share)


def test_luma_is_that_of_pillows_grey_pictures() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    grey = np.asarray(Image.fromarray(rgb).convert("L")).astype(float)
    assert np.abs(rgb @ np.array(filters.LUMA) - grey).max() <= 1


# ---- numbers ------------------------------------------------------------------------------------


@given(st.floats(-1e6, 1e6, allow_nan=False), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_signed_numbers(value: float, places: int) -> None:
    text = show.signed(value, places)
    assert "-" not in text
    assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.5001 * 10**-places)
    assert (text[0] in "+−") == (float(text.replace("−", "-")) != 0)


def test_durations_sizes_and_shares() -> None:
    assert [show.duration(s) for s in (2e-6, 9e-5, 1.234e-3, 0.041, 0.9994, 1.25)] == [
        "2.0 µs", "0.09 ms", "1.2 ms", "41 ms", "999 ms", "1.2 s",
    ]  # fmt: skip
    assert [show.size(n) for n in (7, 1500, 2_000_000, 3e9)] == [
        "7 B",
        "1.5 kB",
        "2.0 MB",
        "3.0 GB",
    ]
    assert [show.percent(p) for p in (0, 1e-9, 0.004, 0.31, 0.996, 1)] == [
        "0 %", "<1 %", "<1 %", "31 %", ">99 %", "100 %",
    ]  # fmt: skip


def test_bars_stand_for_counts() -> None:
    assert show.bars([0, 0, 4, 4, 8, 8, 2, 2], 4) == "▁▅█▃"
    assert show.bars([0] * 48, 6) == "▁" * 6
