"""What the direct kernel reads and writes, what is compiled for it, and the plans it follows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from direct_cases import (
    GRID,
    HOST,
    LAYERS,
    NHWC,
    RUNNABLE,
    TILES,
    Layer,
    Numpy,
    channels_last,
    check_layer,
    embed,
    every_dtype,
    exact,
    name_of,
    problem_of,
    square,
    weights_for,
)
from direct_runner import Direct
from hypothesis import given
from hypothesis import strategies as st

from tatamu.geometry import Window
from tatamu.kernels import direct
from tatamu.kernels.direct_emit import DTYPES, Tile, pixels_by_vectors
from tatamu.runtime import compiled, threads
from tatamu.stage import TARGETS, StagingError, Target

pytestmark = pytest.mark.skipif(HOST is None, reason="no kernel can run here")


# ---- what is read and written --------------------------------------------------------------------


def run_checked(run: Direct, layer: Layer, x: Numpy, outputs: int, short: str = "") -> None:
    """Run a debug build on the layer; for the array ``short`` with one element too few."""
    w, bias = weights_for(layer, x, outputs)
    y = run(problem_of(layer.spec(), x, outputs), x, w, bias, short)
    right, bound = exact(layer, x, w, bias)
    assert (abs(y - right) <= bound).all()


@cache
def debug_kernel(isa: str, tile: Tile) -> Direct:
    return Direct(tile, RUNNABLE[isa], debug=True)


CHECKED = [
    (isa, tile)
    for isa, tile in TILES
    if tile.dtype == "float32" and (tile.vectors == 2 or tile.lanes == 2)
]
every_checked = pytest.mark.parametrize(
    ("isa", "tile"), CHECKED, ids=[name_of(isa, tile) for isa, tile in CHECKED]
)


@pytest.mark.slow
@every_checked
def test_nothing_outside_is_read_or_written(isa: str, tile: Tile) -> None:
    kernel = debug_kernel(isa, tile)
    full = tile.channels
    for turn, layer in enumerate([*GRID[::2], *LAYERS]):
        x = channels_last("float32", 1 + turn % 2, 1 + turn % 4, 9 + turn % 5, 7 + turn % 17)
        if turn % 3 == 2:
            x = np.ascontiguousarray(x)
        elif turn % 3 == 1:
            x = embed(x, NHWC, (0, 1, 2, 3))
        problem = problem_of(layer.spec(), x, full - turn % 2)
        if layer.fits(*x.shape[2:]) and direct.readable(problem):
            run_checked(kernel, layer, x, full - turn % 2)
    run_checked(kernel, square(3, pad=1), channels_last("float32", 1, 1030, 3, 4), full - 1)
    grouped = Layer(pads=((1, 1), (1, 1)), groups=3)
    run_checked(kernel, grouped, channels_last("float32", 1, 9, 5, 5), 3 * full)


@every_checked
@pytest.mark.parametrize("short", ["x", "w", "b", "y", "rows", "segments"])
def test_the_check_sees_one_element_too_few(isa: str, tile: Tile, short: str) -> None:
    kernel = debug_kernel(isa, tile)
    x = channels_last("float32", 1, 3, 8, 9)
    with pytest.raises(StagingError, match=r"direct_emit\.py|copying\.py"):
        run_checked(kernel, square(3), x, tile.channels, short)


# ---- what is compiled ----------------------------------------------------------------------------


def test_another_size_compiles_nothing() -> None:
    isa = next(iter(RUNNABLE))
    check_layer(isa, square(3, pad=1), channels_last("float32", 1, 16, 20, 30), 64)
    before = compiled.counts.compiled, compiled.counts.from_disk
    check_layer(isa, square(3, pad=1), channels_last("float32", 2, 16, 33, 17), 64)
    check_layer(isa, square(3, pad=1), channels_last("float32", 1, 7, 20, 30), 128)
    check_layer(isa, square(5, 2, 1, 2), channels_last("float32", 1, 3, 20, 30), 64)
    check_layer(isa, square(1), np.ascontiguousarray(channels_last("float32", 1, 4, 9, 9)), 192)
    assert (compiled.counts.compiled, compiled.counts.from_disk) == before


def test_symbols_are_unlike() -> None:
    symbols = {tile.symbol(RUNNABLE[isa]) for isa, tile in TILES}
    assert len(symbols) == len(TILES)
    assert HOST is not None
    tile = Tile("float32", 6, 4, 16)
    assert len({tile.symbol(target) for target in (HOST, *TARGETS.values())}) >= len(TARGETS)


# ---- plans ---------------------------------------------------------------------------------------

SHAPES = sorted({(p, v) for t in TARGETS.values() for v, p in pixels_by_vectors(t).items()})


@pytest.mark.parametrize(("pixels", "vectors"), SHAPES)
def test_cover_is_whole_and_no_dearer_than_taking_the_tallest(pixels: int, vectors: int) -> None:
    tile = Tile("float32", pixels, vectors, 4)

    def cost(sizes: tuple[int, ...]) -> int:
        return sum(max(s * vectors, 8) + 1 for s in sizes)

    for length in [*range(1, 200), 1000, 12_345]:
        sizes = direct.cover(length, tile)
        assert sum(sizes) == length
        assert set(sizes) <= set(tile.sizes)
        assert list(sizes) == sorted(sizes, reverse=True)
        rest, greedy = length, []
        while rest:
            greedy.append(max(s for s in tile.sizes if s <= rest))
            rest -= greedy[-1]
        assert cost(sizes) <= cost(tuple(greedy))


WINDOWS = st.builds(
    Window,
    st.integers(1, 7),
    st.integers(1, 5),
    st.integers(1, 3),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)


@given(WINDOWS, st.integers(1, 40), st.sampled_from(SHAPES))
def test_tables_say_what_the_windows_say(window: Window, size: int, shape: tuple[int, int]) -> None:
    out = window.out(size)
    if out < 1:
        return
    picture = range(size)
    rows = direct.row_table(window, size, out)
    assert len(rows) == out
    for o, (first, kernel_row, count) in enumerate(rows.tolist()):
        inside = [i for i, position in enumerate(window.taps(o)) if position in picture]
        assert inside == list(range(kernel_row, kernel_row + count))
        if inside:
            assert first == window.taps(o)[kernel_row]
    at = 0
    for first, pixels, out_pixel, width, start, stop in direct.segment_table(
        window, size, out, Tile("float32", *shape, 4)
    ).tolist():
        assert out_pixel == at
        assert first == window.taps(at)[0]
        read = [p for o in range(at, at + pixels) for p in window.taps(o)]
        if width:
            assert width == max(read) - min(read) + 1
            assert list(range(first, first + width))[start:stop] == [
                p for p in range(first, first + width) if p in picture
            ]
        else:
            assert set(read) <= set(picture), "a tile that reads padding needs a patch"
        at += pixels
    assert at == out


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@every_dtype
def test_the_tile_wastes_the_fewest_lanes(target: Target, dtype: str) -> None:
    full = target.lanes(DTYPES[dtype])
    for outputs in range(1, 200):
        x = np.zeros((1, 2, 4, 4), dtype)
        tile = direct.choose_tile(problem_of(square(1).spec(), x, outputs), target)
        shapes = pixels_by_vectors(target)
        assert tile.pixels == shapes[tile.vectors]
        if outputs > full // 2:
            assert tile.lanes == full
        else:
            assert tile.lanes == 2 or tile.lanes // 2 < outputs <= tile.lanes
        lanes = {v: -(-outputs // (v * tile.lanes)) * v * tile.lanes for v in shapes}
        assert lanes[tile.vectors] == min(lanes.values())


def test_work_is_cut_by_shape_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HOST is not None
    x = channels_last("float32", 1, 64, 56, 56)
    spec = square(3, pad=1).spec()
    numbers = []
    for count in (1, 2, 5):
        monkeypatch.setattr(threads, "_threads", count)
        direct.plan.cache_clear()
        numbers.append(direct.plan(problem_of(spec, x, 64), HOST).numbers)
    assert numbers[0] == numbers[1] == numbers[2]
