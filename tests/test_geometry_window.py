"""`Window` against walking over padded pictures position by position."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tatamu.geometry import ArgumentError, LeftOver, Window, adaptive_bins, fold, phases


def windows() -> st.SearchStrategy[Window]:
    pads = st.tuples(st.integers(0, 4), st.integers(0, 4))
    return st.builds(Window, st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), pads)


def all_windows() -> list[Window]:
    grid = itertools.product(range(1, 5), range(1, 5), range(1, 4), range(4), range(3))
    return [Window(k, s, d, (before, after)) for k, s, d, before, after in grid]


def walk(window: Window, size: int, ceil_mode: bool = False) -> list[list[int]]:
    """The positions read by each step of a window pushed over a padded picture.

    Under ceil_mode a step may hang over by less than a stride, if it starts in the picture.
    """
    before, after = window.pad
    end = size + after
    allowed = window.stride - 1 if ceil_mode else 0
    steps = []
    start = -before
    while True:
        taps = [start + j * window.dilation for j in range(window.kernel)]
        if taps[-1] >= end + allowed or (ceil_mode and start >= size):
            return steps
        steps.append(taps)
        start += window.stride


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13])
def test_out_and_taps_are_a_walk_over_the_padded_picture(size: int) -> None:
    for window in all_windows():
        steps = walk(window, size)
        assert max(0, window.out(size)) == len(steps)
        assert [list(window.taps(o)) for o in range(len(steps))] == steps


@pytest.mark.parametrize("size", [1, 4, 7, 12])
def test_ceil_mode_walks_on_while_the_window_starts_in_the_picture(size: int) -> None:
    # Torch's rule drops one window at most, which is enough while padding is below the extent.
    for window in (w for w in all_windows() if w.pad[1] < w.extent):
        steps = walk(window, size, ceil_mode=True)
        assert max(0, window.out(size, ceil_mode=True)) == len(steps)
        assert [list(window.taps(o)) for o in range(len(steps))] == steps
        floored = walk(window, size)
        if floored:
            unread = floored[-1][-1] + 1 < size + window.pad[1]
            assert window.drops_last(size) == (unread and len(steps) == len(floored))


@pytest.mark.parametrize("size", [1, 3, 9])
def test_inside_interior_and_counted(size: int) -> None:
    for window in all_windows():
        count = max(0, window.out(size))
        whole = []
        for o in range(count):
            taps = list(window.taps(o))
            inside = [j for j, tap in enumerate(taps) if 0 <= tap < size]
            assert list(window.inside(o, size)) == inside
            assert window.counted(o, size, include_pad=False) == len(inside)
            assert window.counted(o, size) == window.kernel
            if len(inside) == window.kernel:
                whole.append(o)
        assert list(window.interior(size)) == whole


def test_counted_leaves_out_what_hangs_over() -> None:
    for window in all_windows():
        for size in (3, 6, 7):
            end = size + window.pad[1]
            for o in range(max(0, window.out(size, ceil_mode=True))):
                within = [tap for tap in window.taps(o) if tap < end]
                assert window.counted(o, size) == len(within)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_left_over_skipped_and_overhang_are_what_no_tap_reads(ceil_mode: bool) -> None:
    for window in all_windows():
        for size in (1, 2, 6, 11):
            count = max(0, window.out(size, ceil_mode))
            read = {tap for o in range(count) for tap in window.taps(o)}
            last = max(read, default=-window.pad[0] - 1)
            behind = set(range(-window.pad[0], size + window.pad[1])) - set(range(-99, last + 1))
            picture = {position for position in behind if 0 <= position < size}
            left = window.left_over(size, ceil_mode)
            assert left == LeftOver(len(behind) - len(picture), len(picture))
            assert bool(left) == bool(behind)
            between = [p for p in range(min(size, last + 1)) if p not in read]
            assert window.skipped(size, ceil_mode) == between
            if ceil_mode:
                assert window.overhang(size) == max(0, last + 1 - size - window.pad[1])


def test_back_is_where_a_scatter_ends() -> None:
    for window in all_windows():
        before, after = window.pad
        for size, extra in itertools.product((1, 2, 5), (0, 1)):
            written = [
                i * window.stride + j * window.dilation
                for i in range(size)
                for j in range(window.kernel)
            ]
            full = max(written) + 1
            assert window.back(size, extra) == full - before - after + extra


def test_back_taps_are_the_scatter_read_backwards() -> None:
    rng = random.Random(1)
    for window in rng.sample(all_windows(), 200):
        size = rng.randint(1, 6)
        landed: dict[int, set[tuple[int, int]]] = {}
        for i, j in itertools.product(range(size), range(window.kernel)):
            o = i * window.stride + j * window.dilation - window.pad[0]
            landed.setdefault(o, set()).add((i, j))
        for o in range(max(0, window.back(size, 1))):
            pairs = {(i, j) for i, j in window.back_taps(o) if 0 <= i < size}
            assert pairs == landed.get(o, set())


@settings(deadline=None)
@given(windows(), st.integers(1, 40))
def test_back_undoes_out(window: Window, size: int) -> None:
    count = window.out(size)
    if count >= 1:
        assert window.back(count, (size - window.back(count)) % window.stride) == size
        assert 0 <= size - window.back(count) < window.stride


@settings(deadline=None)
@given(windows(), windows(), st.integers(1, 60))
def test_then_does_the_work_of_both(first: Window, second: Window, size: int) -> None:
    both = first.then(second)
    middle = first.out(size)
    assert both.out(size) == second.out(middle)
    for o in (0, 1, 7):
        read = {tap for at in second.taps(o) for tap in first.taps(at)}
        taps = set(both.taps(o))
        assert (min(taps), max(taps)) == (min(read), max(read))
        assert read <= taps


@settings(deadline=None)
@given(windows(), windows())
def test_then_keeps_even_taps_exact(first: Window, second: Window) -> None:
    read = sorted({tap for at in second.taps(0) for tap in first.taps(at)})
    gaps = {b - a for a, b in itertools.pairwise(read)}
    if len(gaps) == 1 and gaps != {1}:
        assert list(first.then(second).taps(0)) == read


@settings(deadline=None)
@given(windows(), windows(), windows())
def test_then_is_associative_in_reach(a: Window, b: Window, c: Window) -> None:
    left, right = a.then(b).then(c), a.then(b.then(c))
    assert (left.extent, left.stride, left.pad) == (right.extent, right.stride, right.pad)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "zeros"])
def test_fold_repeats_the_picture(mode: str) -> None:
    size = 5
    row = list(range(size))
    padded = {
        "reflect": [4, 3, 2, 1, *row, 3, 2, 1, 0],
        "replicate": [0] * 4 + row + [4] * 4,
        "circular": [1, 2, 3, 4, *row, 0, 1, 2, 3],
        "zeros": [None] * 4 + row + [None] * 4,
    }[mode]
    assert [fold(p, size, mode) for p in range(-4, size + 4)] == padded


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 60))
def test_adaptive_bins_cover_the_picture_evenly(size: int, out: int) -> None:
    bins = adaptive_bins(size, out)
    assert len(bins) == out
    assert (bins[0][0], bins[-1][1]) == (0, size)
    assert {p for start, stop in bins for p in range(start, stop)} == set(range(size))
    widths = {stop - start for start, stop in bins}
    assert min(widths) >= 1
    assert max(widths) - min(widths) <= (1 if out > size or size % out == 0 else 2)


@pytest.mark.parametrize(
    "window", [(0,), (3, 0), (3, 1, 0), (3, 1, 1, (-1, 0)), (3, 1, 1, (0, -1))]
)
def test_a_window_of_nothing_is_refused(window: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match="at least 1, and no negative padding\n  Window"):
        Window(*window)  # type: ignore[arg-type]


@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 4),
    st.tuples(st.integers(0, 7), st.integers(0, 7)),
    st.integers(1, 9),
    st.integers(0, 3),
)
def test_phases_are_the_transposed_axis_taken_apart(
    kernel: int, stride: int, dilation: int, pad: tuple[int, int], size: int, extra: int
) -> None:
    window = Window(kernel, stride, dilation, pad)
    out = window.back(size, extra)
    assume(out >= 1)
    stamped: dict[int, set[tuple[int, int]]] = {o: set() for o in range(out)}
    for i in range(size):
        for j in range(kernel):
            o = i * stride + j * dilation - pad[0]
            if o in stamped:
                stamped[o].add((i, j))
    found = {}
    for phase in phases(window, size, out):
        for q in range(phase.count):
            met = set()
            if phase.window is not None:
                inside = range(phase.stop - phase.start)
                reads = zip(phase.window.taps(q), phase.taps, strict=True)
                met = {(at + phase.start, j) for at, j in reads if at in inside}
            found[phase.first + q * phase.step] = met
        if phase.window is not None:
            assert phase.window.out(phase.stop - phase.start) == phase.count
            assert phase.window.stride == 1
    assert found == stamped


@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 3),
    st.tuples(st.integers(0, 6), st.integers(0, 6)),
    st.integers(1, 12),
)
def test_readers_are_those_whose_tap_is_in_the_picture(
    kernel: int, stride: int, dilation: int, pad: tuple[int, int], size: int
) -> None:
    window = Window(kernel, stride, dilation, pad)
    for tap in range(kernel):
        brute = [o for o in range(40) if 0 <= window.taps(o)[tap] < size]
        assert list(window.readers(tap, size)) == brute
