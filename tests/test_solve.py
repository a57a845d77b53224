"""Sizes backwards: every setting within the limits, found exactly and none beside."""

from __future__ import annotations

import pytest

from tatamu.geometry import Limits, Setting, settings
from tatamu.geometry.solve import Doer, nearest, needed_kernel

LIMITS = Limits(kernel=4, dilation=3)
STRIDES = 16


def tried(size: int, doer: Doer) -> dict[int, set[Setting]]:
    """Every setting there is, by the size it gives: nothing but `Axis.out` of each in turn."""
    found: dict[int, set[Setting]] = {}
    for kernel in range(1, LIMITS.kernel + 1):
        for dilation in range(1, LIMITS.dilation + 1 if kernel > 1 else 2):
            most = kernel // 2 if doer == "pool" else dilation * (kernel - 1)
            for padding in range(most + 1):
                for stride in range(1, STRIDES):
                    plain = Setting(kernel, stride, padding, dilation)
                    floored = plain.axis(doer).out(size)
                    if doer == "transposed":
                        for extra in range(max(stride, dilation)):
                            more = Setting(kernel, stride, padding, dilation, extra)
                            found.setdefault(floored + extra, set()).add(more)
                        continue
                    if floored >= 1:
                        found.setdefault(floored, set()).add(plain)
                    rounded = Setting(kernel, stride, padding, dilation, ceil_mode=True)
                    up = rounded.axis(doer).out(size)
                    if doer == "pool" and floored >= 1 and up != floored:
                        found.setdefault(up, set()).add(rounded)
    return found


def smallest_strides(found: set[Setting]) -> set[Setting]:
    """Of those that differ in nothing but the stride, the one with the smallest."""
    least: dict[tuple[int, int, int], Setting] = {}
    for setting in sorted(found, key=lambda s: s.stride):
        least.setdefault((setting.kernel, setting.padding, setting.dilation), setting)
    return set(least.values())


@pytest.mark.parametrize("doer", ["conv", "transposed", "pool"])
@pytest.mark.parametrize("size", range(1, 9))
def test_all_settings_and_no_others(size: int, doer: Doer) -> None:
    every = tried(size, doer)
    for out in range(1, 12):
        expected = every.get(out, set())
        if (size if doer == "transposed" else out) == 1:
            expected = smallest_strides(expected)
        found = settings(size, out, doer, LIMITS)
        assert len(found) == len(set(found))
        # A stride beyond those tried can only be one that the size does not bound.
        assert {s for s in found if s.stride < STRIDES} == expected, (size, out)
        assert all(s.axis(doer).out(size) == out for s in found)


def test_usual_choices_come_first() -> None:
    first = settings(224, 112)[0]
    assert (first.kernel, first.stride, first.padding) == (3, 2, 1)
    assert (settings(224, 224)[0].kernel, settings(224, 224)[0].padding) == (3, 1)
    assert settings(7, 1)[0].kernel == 7
    ranks = [s.rank for s in settings(224, 56)]
    assert ranks == sorted(ranks)
    assert all(s.dilation == 1 and s.reads_all for s in settings(224, 56)[:6])


@pytest.mark.parametrize(("size", "out"), [(224, 150), (224, 300), (100, 3), (5, 4000)])
def test_what_is_nearest_can_be_reached_and_nothing_nearer(size: int, out: int) -> None:
    assert settings(size, out) == [] or (size, out) == (100, 3)
    below, above = nearest(size, out, "conv")[:1], nearest(size, out, "conv")[1:]
    for near in (*below, *above):
        assert settings(size, near)
        between = range(min(near, out) + 1, max(near, out))
        assert not any(settings(size, other) for other in list(between)[:200])


def test_the_kernel_that_would_do_it() -> None:
    found = needed_kernel(224, 150, "conv")
    assert found is not None and found.kernel == 75 and found.axis("conv").out(224) == 150
    for kernel in range(12, 75):
        assert not settings(224, 150, "conv", Limits(kernel, 1))
    assert needed_kernel(4, 3000, "conv") is None or needed_kernel(4, 3000, "conv").kernel > 1000  # type: ignore[union-attr]
