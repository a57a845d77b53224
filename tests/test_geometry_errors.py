"""What stands below torch's sentence: the arithmetic, and cures that really fit."""

from __future__ import annotations

import itertools
import pickle
import re
from ast import literal_eval

import pytest

from tatamu.errors import compose
from tatamu.geometry import ArgumentError, ConvSpec, GeometryError, PoolSpec
from tatamu.pitfalls import hint


def message(call: object, *arguments: object, **named: object) -> list[str]:
    with pytest.raises(GeometryError) as caught:
        call(*arguments, **named)  # type: ignore[operator]
    return str(caught.value).split("\n")


def lines(call: object, *arguments: object, **named: object) -> list[str]:
    _, *rest = message(call, *arguments, **named)
    assert all(line.startswith("  ") for line in rest)
    return [line.strip() for line in rest]


def test_parts_stand_in_order() -> None:
    text = compose("Sentence", arithmetic=["1 < 2"], where="features[4]", fits=["a", "b"])
    assert text == "Sentence\n  1 < 2\n  at features[4]\n  a\n  b"


def test_errors_are_torchs_types_and_survive_pickling() -> None:
    error = ArgumentError("Sentence", arithmetic=["1 < 2"], fits=["a"])
    assert isinstance(error, RuntimeError)
    assert isinstance(error, ValueError)
    error.where = "features[4]"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_wrong_channels() -> None:
    spec = ConvSpec.make(3)
    assert lines(spec.out_shape, (2, 6, 5, 5), (12, 5, 3, 3)) == [
        "the weight reads 5 channels; the input has 6",
        "in_channels=6 would accept this input; a 1x1 Conv2d(6, 5, 1) in front would adapt it",
    ]
    assert lines(spec.out_shape, (1, 224, 220, 3), (12, 3, 3, 3)) == [
        "the weight reads 3 channels; the input has 224",
        "its channels seem to come last: input.permute(0, 3, 1, 2) puts them first",
        hint("hwc"),
    ]
    assert lines(ConvSpec.make(3, groups=3).out_shape, (2, 7, 5, 5), (12, 3, 3, 3)) == [
        "the weight reads 3 groups · 3 = 9 channels; the input has 7"
    ]
    assert lines(ConvSpec.make(3, dims=1).out_shape, (2, 7, 5), (12, 4, 3))[1] == (
        "in_channels=7 would accept this input; a Conv1d(7, 4, 1) in front would adapt it"
    )


def test_wrong_rank() -> None:
    spec = ConvSpec.make(3)
    assert lines(spec.out_shape, (28, 28), (8, 1, 3, 3)) == [
        "(batch,) channels, height, width: the input has 2 dimensions",
        "input.reshape(1, 1, 28, 28) is one input of one channel",
        hint("no_batch"),
    ]
    assert len(lines(spec.out_shape, (1, 1, 1, 28, 28), (8, 1, 3, 3))) == 1
    first = message(spec.out_shape, (1, 28, 28), (8, 1, 3))[0]
    assert first == (
        "Expected 3-dimensional input for 3-dimensional weight [8, 1, 3], but got 4-dimensional "
        "input of size [1, 1, 28, 28] instead"
    )
    first = message(spec.out_shape, (1, 28, 28), (8, 1, 5, 5))[0]
    assert first == "weight of size [8, 1, 5, 5] does not have the kernel size (3, 3)"


def test_wrong_number_of_sizes() -> None:
    assert message(ConvSpec.make(3).out_size, (5,)) == [
        "conv2d needs 2 spatial sizes, but got 1: [5]"
    ]
    assert message(PoolSpec.make(3).out_size, (5, 5, 5)) == [
        "pooling over 2 axes needs 2 spatial sizes, but got 3: [5, 5, 5]"
    ]


def number(text: str, pattern: str) -> int | tuple[int, ...] | None:
    found = re.search(pattern, text)
    return literal_eval(found[1]) if found else None


def one_less(value: int | tuple[int, ...], axis: int) -> tuple[int, ...]:
    pair = (value, value) if isinstance(value, int) else value
    return tuple(each - (index == axis) for index, each in enumerate(pair))


def test_a_kernel_too_large() -> None:
    assert lines(ConvSpec.make((7, 3), dilation=2, padding=1).out_size, (5, 6)) == [
        "height 5 + 1 + 1 = 7 is less than 2·(7−1) + 1 = 13",
        "padding=(4, 1) is the smallest that fits",
        "kernel_size=(4, 3) is the largest that fits",
    ]


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "circular"])
def test_cures_for_a_large_kernel_fit_and_nothing_tighter_does(padding_mode: str) -> None:
    grid = itertools.product((2, 5, 9), (1, 4), (0, 1), (1, 2), (2, 4), (1, 3))
    for k1, k2, pad, dilation, height, width in grid:
        spec = ConvSpec.make((k1, k2), 1, pad, dilation, padding_mode=padding_mode)
        if pad >= min(height, width):
            continue
        padded = (height + 2 * pad, width + 2 * pad)
        if all(w.extent <= room for w, room in zip(spec.windows, padded, strict=True)):
            continue
        text = "\n".join(lines(spec.out_size, (height, width)))
        kernel = number(text, r"kernel_size=(.*) is the largest")
        assert kernel is not None
        pair = (kernel, kernel) if isinstance(kernel, int) else kernel
        ConvSpec.make(pair, 1, pad, dilation).out_size((height, width))
        for axis in range(2):
            if pair[axis] == spec.kernel[axis]:
                continue
            larger = tuple(each + (index == axis) for index, each in enumerate(pair))
            message(ConvSpec.make(larger, 1, pad, dilation).out_size, (height, width))
        padding = number(text, r"padding=(.*) is the smallest")
        if padding is None:
            assert padding_mode != "zeros"
            continue
        enough = ConvSpec.make((k1, k2), 1, padding, dilation, padding_mode=padding_mode)
        enough.out_size((height, width))
        for axis in range(2):
            less = one_less(padding, axis)
            if less[axis] >= pad:
                message(ConvSpec.make((k1, k2), 1, less, dilation).out_size, (height, width))


def test_cures_for_padding_that_cannot_be_filled() -> None:
    for mode, height, width in itertools.product(("reflect", "circular"), (2, 5), (3, 4)):
        spec = ConvSpec.make(3, padding=9, padding_mode=mode)
        text = "\n".join(lines(spec.out_size, (height, width)))
        padding = number(text, r"padding=(\S+|\(.*\)) is the largest")
        assert padding is not None
        shape = (height, width)
        ConvSpec.make(1, padding=padding, padding_mode=mode).out_size(shape)
        for axis in range(2):
            pair = (padding, padding) if isinstance(padding, int) else padding
            larger = tuple(each + (index == axis) for index, each in enumerate(pair))
            message(ConvSpec.make(1, padding=larger, padding_mode=mode).out_size, shape)
        ConvSpec.make(3, padding=9, padding_mode="replicate").out_size(shape)


def test_cures_for_a_transposed_layer_that_crops_everything() -> None:
    for kernel, size, stride in itertools.product((1, 2, 3), (1, 2, 3), (1, 2)):
        spec = ConvSpec.make(kernel, stride, 9, transposed=True, dims=1)
        rest = lines(spec.out_size, (size,))
        assert rest[0] == f"length {spec.axes[0].formula(size)}"
        padding = number("\n".join(rest), r"padding=(\d+) is the largest")
        assert isinstance(padding, int)
        fits = ConvSpec.make(kernel, stride, padding, transposed=True, dims=1)
        fits.out_size((size,))
        more = ConvSpec.make(kernel, stride, padding + 1, transposed=True, dims=1)
        message(more.out_size, (size,))


def test_cures_for_pooling() -> None:
    seen = set()
    for kernel, dilation, pad, size in itertools.product((2, 3, 6), (1, 2, 3), (0, 1), (1, 2, 4)):
        for stride in (1, 4):
            spec = PoolSpec.make(kernel, stride, pad, dilation)
            if spec.windows[0].extent <= size + 2 * pad:
                continue
            text = "\n".join(lines(spec.out_size, (size, 20)))
            largest = number(text, r"kernel_size=(.*) is the largest")
            seen.add(largest is None)
            if largest is not None:
                PoolSpec.make(largest, stride, pad, dilation).out_size((size, 20))
                pair = (largest, largest) if isinstance(largest, int) else largest
                larger = (pair[0] + 1, pair[1])
                message(PoolSpec.make(larger, stride, pad, dilation).out_size, (size, 20))
            ceiled = PoolSpec.make(kernel, stride, pad, dilation, ceil_mode=True)
            seen.add("ceil" if "ceil_mode" in text else "")
            if "ceil_mode" in text:
                ceiled.out_size((size, 20))
            else:
                message(ceiled.out_size, (size, 20))
    assert seen == {True, False, "ceil", ""}


def test_output_padding_and_output_size() -> None:
    assert lines(ConvSpec.make, 3, (2, 1), transposed=True, output_padding=1) == [
        "output_padding=(1, 1), max(stride, dilation) − 1 = (1, 0)",
        "output_padding=(1, 0) is the largest that fits",
    ]
    spec = ConvSpec.make(3, 2, 1, transposed=True, dims=1)
    assert lines(spec.with_output_size, (1, 1, 5), (15,)) == [
        "length (5 − 1)·2 − 2·1 + 1·(3−1) + 0 + 1 = 9",
        "output_padding makes up for what the stride floors, at most stride − 1 = 1",
        hint("floored"),
    ]


def test_arguments() -> None:
    assert lines(ConvSpec.make, 3, 2, "same")[0].startswith("stride=(2, 2): the output would be")
    assert lines(ConvSpec.make, 3, groups=0) == ["groups=0", "groups=1 is the smallest"]
    assert lines(ConvSpec.make, 3, padding=((0, 0), (1, -1)))[0] == (
        "padding (before, after) (0, 0), (1, -1)"
    )
    assert message(ConvSpec.make, 3, padding="same", transposed=True)[0] == (
        "conv_transpose2d(): argument 'padding' must be tuple of ints, not str"
    )
    assert message(ConvSpec.make, (3, 3, 3))[0].startswith("expected kernel_size to be a single")
    assert lines(ConvSpec.make(3, groups=4).weight_shape, 6, 8) == [
        "in_channels=6, groups=4: 6 = 4·1 + 2",
        "6 channels can be split into 1, 2, 3, 6 groups",
    ]
    with pytest.raises(ValueError, match=re.escape("should be one of {'same', 'valid'}")):
        ConvSpec.make(3, padding="full")


@pytest.mark.parametrize("argument", [2.5, "3", (1, 2.5), None])
def test_arguments_that_are_no_integers(argument: object) -> None:
    with pytest.raises(TypeError):
        ConvSpec.make(argument)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        PoolSpec.make(argument)  # type: ignore[arg-type]


def test_one_bad_axis_is_enough() -> None:
    assert message(ConvSpec.make, 3, (1, 2), "same")[0].startswith("padding='same' is not")
    assert message(PoolSpec.make, 3, (1, -1))[0] == (
        "stride should be greater than zero, but got dH: 1 dW: -1"
    )
    assert lines(PoolSpec.make(2).out_size, (1, 2)) == [
        "height ⌊(1 + 2·0 − 1·(2−1) − 1) / 2⌋ + 1 = 0",
        "kernel_size=(1, 2) is the largest that fits",
        "ceil_mode=True would keep the window that does not fill up",
    ]


def test_empty_volumes() -> None:
    assert message(PoolSpec.make(1, dims=3).out_shape, (2, 3, 4, 0, 4)) == [
        "max_pool3d_with_indices_out_cpu_template(): Expected input's non-batch dimensions to have "
        "positive length, but input has a shape of [2, 3, 4, 0, 4] and non-batch dimension 0 has "
        "length zero!",
        "  it is dimension 3 of the input that has length 0",
    ]
