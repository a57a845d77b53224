"""ConvSpec, PoolSpec, AdaptiveSpec and ReceptiveField beyond what torch's fixtures pin."""

from __future__ import annotations

import itertools
import math
import pickle
import random
import timeit
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatamu.geometry import (
    AdaptiveSpec,
    Axis,
    ConvSpec,
    PoolSpec,
    ReceptiveField,
    Window,
    fold,
    receptive_field,
    receptive_words,
)


def axes(transposed: bool = True) -> st.SearchStrategy[Axis]:
    pads = st.tuples(st.integers(0, 2), st.integers(0, 2))
    windows = st.builds(Window, st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), pads)
    return st.builds(
        Axis,
        windows,
        transposed=st.booleans() if transposed else st.just(False),
        padding_mode=st.sampled_from(["zeros", "replicate"])
        if not transposed
        else st.just("zeros"),
    )


def dependencies(stack: list[Axis], size: int) -> list[set[int]]:
    """Which inputs each output depends on, by pushing sets forwards through every layer."""
    signal = [{position} for position in range(size)]
    for axis in stack:
        window, (before, after) = axis.window, axis.window.pad
        if axis.transposed:
            length = (len(signal) - 1) * window.stride + window.extent + axis.output_padding
            full: list[set[int]] = [set() for _ in range(length)]
            for i, j in itertools.product(range(len(signal)), range(window.kernel)):
                full[i * window.stride + j * window.dilation] |= signal[i]
            signal = full[before : length - after]
            continue
        padded = []
        for at in range(-before, len(signal) + after):
            source = fold(at, len(signal), axis.padding_mode)
            padded.append(set() if source is None else signal[source])
        signal = [
            set().union(*padded[start : start + window.extent : window.dilation])
            for start in range(0, len(padded) - window.extent + 1, window.stride)
        ]
    return signal


@settings(deadline=None)
@given(st.lists(axes(), max_size=4), st.integers(1, 14))
def test_positions_are_what_each_output_depends_on(stack: list[Axis], size: int) -> None:
    field = ReceptiveField()
    width = size
    for axis in stack:
        width = axis.out(width)
        if width < 1:
            return
        field = field.through(axis)
    found = dependencies(stack, size)
    assert field.out(size) == len(found)
    for o, positions in enumerate(found):
        assert field.positions(o, size) == sorted(positions)
        interval = field.interval(o, size)
        assert (len(interval) > 0) == bool(positions)
        if positions:
            assert (interval[0], interval[-1]) == (min(positions), max(positions))


@settings(deadline=None)
@given(st.lists(axes(transposed=False), min_size=1, max_size=3), st.integers(4, 14))
def test_padding_that_repeats_the_picture_reads_what_it_repeats(
    stack: list[Axis], size: int
) -> None:
    field = ReceptiveField()
    width = size
    for axis in stack:
        width = axis.out(width)
        if width < 1:
            return
        field = field.through(axis)
    found = dependencies(stack, size)
    assert [field.positions(o, size) for o in range(len(found))] == [sorted(s) for s in found]


@settings(deadline=None)
@given(st.lists(axes(), max_size=4), st.integers(0, 9))
def test_size_step_and_start_bound_every_output(stack: list[Axis], o: int) -> None:
    field = ReceptiveField()
    for axis in stack:
        field = field.through(axis)
    first = field.start + o * field.step
    seen = field.positions(o)
    assert all(first <= position <= first + field.size - 1 for position in seen)
    if not any(axis.transposed for axis in stack):
        assert field.interval(o) == range(int(first), int(first + field.size))
        assert field.centre(o) == Fraction(seen[0] + seen[-1], 2)


@settings(deadline=None)
@given(st.lists(axes(), max_size=3), st.lists(axes(), max_size=3))
def test_fields_compose(first: list[Axis], second: list[Axis]) -> None:
    def through(stack: list[Axis]) -> ReceptiveField:
        field = ReceptiveField()
        for axis in stack:
            field = field.through(axis)
        return field

    assert through(first).then(through(second)) == through(first + second)


def test_a_field_of_plain_windows_is_their_composition() -> None:
    rng = random.Random(2)
    for _ in range(200):
        stack = [
            Window(rng.randint(1, 5), rng.randint(1, 3), 1, (rng.randint(0, 2), 0))
            for _ in range(3)
        ]
        window = stack[0].then(stack[1]).then(stack[2])
        field = ReceptiveField().through(stack[0]).through(stack[1]).through(stack[2])
        assert (field.size, field.step, field.start) == (
            window.extent,
            window.stride,
            -window.pad[0],
        )


def test_vgg16_sees_212_pixels() -> None:
    conv, pool = ConvSpec.make(3, padding=1), PoolSpec.make(2)
    layers: list[ConvSpec | PoolSpec] = []
    for count in (2, 2, 3, 3, 3):
        layers += [conv] * count + [pool]
    fields = receptive_field(layers)
    assert [(field.size, field.step) for field in fields] == [(212, 32)] * 2
    assert receptive_words(fields) == "each pixel sees 212×212, step 32"
    assert fields[0].out(224) == 7


def test_words_of_uneven_fields() -> None:
    up = ConvSpec.make((4, 2), (2, 1), transposed=True)
    assert receptive_words(receptive_field([up])) == "each pixel sees 2×2, step 1/2×1"
    assert receptive_words(receptive_field([up]), "ja") == "1 画素が見る範囲は 2×2、間隔は 1/2×1"


def test_equal_arguments_give_the_same_spec() -> None:
    assert ConvSpec.make(3, padding=[1, 1]) is ConvSpec.make(3, padding=[1, 1])
    assert ConvSpec.make([3, 3], [1, 1], [1, 1]) == ConvSpec.make(3, 1, 1)
    assert ConvSpec.make(3, padding=[[0, 1], [0, 1]]).windows[1].pad == (0, 1)
    assert PoolSpec.make(2) is PoolSpec.make(2)
    assert PoolSpec.make([2, 2], []) == PoolSpec.make(2)
    assert PoolSpec.make(2).stride == (2, 2)


def test_specs_compare_by_meaning_and_keep_the_spelling() -> None:
    same, plain = ConvSpec.make(3, padding="same"), ConvSpec.make(3, padding=1)
    assert same == plain
    assert hash(same) == hash(plain)
    assert (same.padding, plain.padding) == ("same", (1, 1))
    assert same != ConvSpec.make(3, padding=1, padding_mode="reflect")
    assert ConvSpec.make(3, padding="valid").padding == "valid"
    assert ConvSpec.make(3, padding=((1, 2), (0, 1))).padding == ((1, 2), (0, 1))


@pytest.mark.parametrize(
    "spec", [ConvSpec.make(3, padding_mode="reflect"), PoolSpec.make(2), AdaptiveSpec.make(3)]
)
def test_specs_survive_pickling(spec: object) -> None:
    again = pickle.loads(pickle.dumps(spec))
    assert again == spec
    assert hash(again) == hash(spec)


def test_specs_are_cheap() -> None:
    spec = ConvSpec.make(3, 2, 1)

    def microseconds(call: object) -> float:
        return min(timeit.repeat(call, number=2000, repeat=5)) / 2000 * 1e6  # type: ignore

    # Five times the bar: the machine may be busy, and this is to catch a lost cache.
    assert microseconds(lambda: ConvSpec.make(3, 2, 1)) < 5
    assert microseconds(lambda: spec.out_shape((1, 3, 9, 9), (8, 3, 3, 3))) < 5
    assert microseconds(lambda: spec.out_size((400, 600))) < 10


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_macs_count_every_meeting_of_a_weight_and_a_value(transposed: bool, groups: int) -> None:
    spec = ConvSpec.make((2, 3), (2, 1), (0, 1), groups=groups, transposed=transposed)
    weight = spec.weight_shape(4, 6)
    out = spec.out_shape((3, 4, 5, 6), weight)
    positions = (5, 6) if transposed else out[2:]
    channels = 4 if transposed else 6
    partners = 6 // groups if transposed else 4 // groups
    count = 0
    for _ in itertools.product(range(3), range(channels), *map(range, positions)):
        count += partners * 2 * 3
    assert spec.macs((3, 4, 5, 6), weight) == count
    assert spec.macs((4, 5, 6), weight) == count // 3


def test_weight_shapes() -> None:
    assert ConvSpec.make(3, groups=4).weight_shape(8, 12) == (12, 2, 3, 3)
    assert ConvSpec.make(3, groups=4, transposed=True).weight_shape(8, 12) == (8, 3, 3, 3)
    assert math.prod(ConvSpec.make((1, 2, 3), dims=3).weight_shape(2, 5)) == 60


def test_output_size_of_none_changes_nothing() -> None:
    spec = ConvSpec.make(3, 2, transposed=True, output_padding=1)
    assert spec.with_output_size((1, 1, 5, 5), None) is spec


def test_adaptive_sizes() -> None:
    spec = AdaptiveSpec.make([None, 3])
    assert spec.out_shape((8, 7, 9)) == (8, 7, 3)
    assert spec.bins((2, 6)) == ([(0, 1), (1, 2)], [(0, 2), (2, 4), (4, 6)])


def test_an_empty_batch_is_no_error() -> None:
    assert ConvSpec.make(3).out_shape((0, 2, 5, 5), (4, 2, 3, 3)) == (0, 4, 3, 3)
    assert PoolSpec.make(2).out_shape((0, 2, 4, 4)) == (0, 2, 2, 2)
    assert AdaptiveSpec.make(2).out_shape((0, 2, 5, 5)) == (0, 2, 2, 2)


def test_a_spec_made_by_hand_has_one_group() -> None:
    spec = ConvSpec((Window(3),), output_padding=(0,))
    assert spec.out_shape((2, 9), (4, 2, 3)) == (4, 7)
