"""What is recorded about a look, checked against NumPy and written-out arithmetic."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import tatamu
from tatamu.geometry import ReceptiveField
from tatamu.lens.numbers import number_lines
from tatamu.lens.observe import steady_seconds
from tatamu.lens.records import LayerRecord, Look
from tatamu.lens.report import report_html
from tatamu.lens.request import MAX_SEED, Request, look, sample_photo
from tatamu.lens.snippet import torch_code
from tatamu.lens.terminal import speed_text
from tatamu.lens.words import LookError, Words
from tatamu.lens.worked import work_out

RNG = np.random.default_rng(11)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = RNG.integers(0, 256, (14, 19, 3), dtype=np.uint8)
    path = tmp_path / "small.png"
    Image.fromarray(pixels).save(path)
    return path


def convolve(
    x: npt.NDArray[Any],
    weight: npt.NDArray[Any],
    bias: npt.NDArray[Any] | None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    mode: str = "zeros",
) -> npt.NDArray[np.float64]:
    """A convolution in float64 over sliding views; shares no code with tatamu."""
    how: Any = {"zeros": "constant", "circular": "wrap", "replicate": "edge"}.get(mode, mode)
    padded = np.pad(x.astype(np.float64), [(0, 0)] + [(padding, padding)] * 2, mode=how)
    reach = [(k - 1) * dilation + 1 for k in weight.shape[2:]]
    views = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
    views = views[:, ::stride, ::stride, ::dilation, ::dilation]
    out = np.einsum("chwij,ocij->ohw", views, weight.astype(np.float64))
    return out if bias is None else out + bias[:, None, None]


@pytest.mark.parametrize(
    ("layer", "settings"),
    [
        ("Conv2d(3, 8, 3)", {}),
        ("Conv2d(_, 5, 3, stride=2, padding=1)", {"stride": 2, "padding": 1}),
        ("Conv2d(3, 4, 3, dilation=2)", {"dilation": 2}),
        ("Conv2d(3, 4, 3, padding=1, padding_mode=reflect)", {"padding": 1, "mode": "reflect"}),
        ("Conv2d(3, 2, 5, padding=2, bias=False)", {"padding": 2}),
    ],
)
def test_outputs_are_the_convolution(photo: Path, layer: str, settings: dict[str, Any]) -> None:
    (record,) = look(Request(photo=photo, layers=layer, seed=4)).layers
    x = np.asarray(Image.open(photo)).transpose(2, 0, 1) / 255
    assert np.allclose(record.input[0], x, atol=1e-7)
    assert record.weight is not None
    expected = convolve(x, record.weight, record.bias, **settings)
    assert record.output_shape == (1, *expected.shape)
    assert np.abs(record.output[0] - expected).max() < 1e-5
    assert record.cost.mult_adds == record.weight[0].size * expected.size
    count = record.weight.size + (0 if record.bias is None else record.bias.size)
    assert record.cost.parameters == count
    assert record.cost.parameters_text.endswith(f"= {count}")
    assert record.cost.bytes_moved == 4 * (x.size + expected.size + count)


def test_weights_are_those_of_the_seed(photo: Path) -> None:
    first, again, other = (
        look(Request(photo=photo, layers="Conv2d(3, 2, 3)", seed=seed)).layers[0].weight
        for seed in (3, 3, 4)
    )
    tatamu.manual_seed(3)
    expected = tatamu.nn.Conv2d(3, 2, 3).weight.detach().numpy()
    assert np.array_equal(first, again)  # type: ignore[arg-type]
    assert np.array_equal(first, expected)  # type: ignore[arg-type]
    assert not np.array_equal(first, other)  # type: ignore[arg-type]


def test_records_are_frozen_copies(photo: Path) -> None:
    conv, relu = look(Request(photo=photo, layers="Conv2d(3, 4, 3) > ReLU(inplace=True)")).layers
    assert (conv.output < 0).any()  # ReLU wrote into the tensor, not into the record
    assert np.array_equal(relu.input, conv.output)
    assert np.array_equal(relu.output, np.maximum(conv.output, 0))
    for array in (conv.input, conv.output, conv.weight, conv.bias):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0  # type: ignore[index]
    with pytest.raises(AttributeError):
        conv.text = "other"  # type: ignore[misc]


CHAIN = (
    "Conv2d(_, 4, 3, stride=2, padding=1) > ReLU > MaxPool2d(2) > AvgPool2d(2, stride=1) > Flatten"
)


def test_a_chain(photo: Path) -> None:
    seen = look(Request(photo=photo, layers=CHAIN))
    conv, relu, largest, mean, flat = seen.layers
    assert seen.layers[0].text == "Conv2d(3, 4, 3, stride=2, padding=1)"
    assert conv.output_shape == (1, 4, 7, 10)
    assert largest.output_shape == (1, 4, 3, 5)
    blocks = relu.output[0, :, :6].reshape(4, 3, 2, 5, 2)
    assert np.array_equal(largest.output[0], blocks.max(axis=(2, 4)))
    x = largest.output[0].astype(np.float64)
    means = (x[:, 1:, 1:] + x[:, 1:, :-1] + x[:, :-1, 1:] + x[:, :-1, :-1]) / 4
    assert np.allclose(mean.output[0], means, atol=1e-6)
    assert flat.output_shape == (1, 4 * 2 * 4)
    assert not flat.has_maps
    assert flat.spot is None
    assert [record.field for record in seen.layers] == [
        ((size, step), (size, step)) for size, step in ((3, 2), (3, 2), (5, 4), (9, 4), (9, 4))
    ]


def depends_on(seen: Look, layer: int, y: int, x: int) -> tuple[int, int, int, int]:
    """The photo's pixels that change an output value: found by asking each axis's taps."""
    box = []
    for axis, at in enumerate((y, x)):
        field = ReceptiveField()
        for record in seen.layers[: layer + 1]:
            if record.spec:
                field = field.through(record.spec.axes[axis])
        box.append(field.interval(at))
    return box[0].start, box[1].start, len(box[0]), len(box[1])


def test_the_spot_is_the_farthest_from_the_mean_among_whole_windows(photo: Path) -> None:
    seen = look(Request(photo=photo, layers="Conv2d(_, 4, 3, padding=1) > MaxPool2d(2)", seed=2))
    for index, record in enumerate(seen.layers):
        spot = record.spot
        assert spot is not None
        assert spot.channel == record.order[0]
        assert spot.box == depends_on(seen, index, spot.row, spot.column)
        plane = record.output[0, spot.channel]
        far = np.abs(plane - plane.mean())
        for y, x in np.ndindex(plane.shape):
            top, left, tall, wide = depends_on(seen, index, y, x)
            if top >= 0 and left >= 0 and top + tall <= 14 and left + wide <= 19:
                assert far[y, x] <= far[spot.row, spot.column]


def test_maps_are_ordered_by_the_strength_of_their_edges(photo: Path) -> None:
    (record,) = look(Request(photo=photo)).layers

    def strength(plane: npt.NDArray[Any]) -> float:
        return float(np.abs(np.diff(plane, axis=0)).mean() + np.abs(np.diff(plane, axis=1)).mean())

    strengths = [strength(record.output[0, i]) for i in record.order]
    assert strengths == sorted(strengths, reverse=True)


WORKED = [
    "Conv2d(3, 4, 3, padding=1)",
    "Conv2d(3, 4, (2, 3), stride=(2, 3), padding=(1, 2), dilation=2)",
    "Conv2d(3, 6, 3, groups=3, padding=1)",
    "Conv2d(3, 2, 3, padding=2, padding_mode=reflect)",
    "Conv2d(3, 2, 3, padding=2, padding_mode=circular)",
    "Conv2d(3, 2, 4, padding=same, padding_mode=replicate)",
    "ReLU",
    "MaxPool2d(3, stride=2, padding=1, ceil_mode=True)",
    "AvgPool2d(3, stride=2, padding=1)",
    "AvgPool2d(3, stride=2, padding=1, count_include_pad=False, ceil_mode=True)",
    "AvgPool2d(2, divisor_override=3)",
    "AdaptiveAvgPool2d((7, None))",
    "AdaptiveMaxPool2d(1)",
    "LPPool2d(2, 3, ceil_mode=True)",
    "ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1)",
    "ConvTranspose2d(3, 6, (2, 3), stride=(3, 1), dilation=(1, 2), groups=3)",
]


@pytest.mark.parametrize("layer", WORKED)
def test_every_value_can_be_worked_by_hand(photo: Path, layer: str) -> None:
    (record,) = look(Request(photo=photo, layers=layer)).layers
    for place in itertools.product(*(range(size) for size in record.output_shape[1:])):
        worked = work_out(record, *place)
        assert worked is not None
        assert worked.result == pytest.approx(worked.output, abs=1e-5)
        assert worked.output == record.output[(0, *place)]
        assert worked.agrees
        if worked.kind in ("sum", "scatter"):
            total = sum(worked.sums) + (worked.bias or 0.0)
            assert total == pytest.approx(worked.result, abs=1e-12)


def test_layers_without_an_account(photo: Path) -> None:
    same, flat = look(Request(photo=photo, layers="Identity > Flatten")).layers
    assert work_out(same, 0, 0, 0) is None
    assert work_out(flat, 0, 0, 0) is None
    assert same.cost.kernel == ""
    assert np.array_equal(same.output, same.input)


# ---- weights of one's own -----------------------------------------------------------------------


def test_named_kernels_on_the_grey_picture(photo: Path) -> None:
    seen = look(Request(photo=photo, kernels=("sobel-y", "identity")))
    (record,) = seen.layers
    assert record.text == "Conv2d(3, 2, 3, padding=1, bias=False)"
    assert record.names == ("sobel-y", "identity")
    grey = np.asarray(Image.open(photo)) / 255 @ [0.299, 0.587, 0.114]
    padded = np.pad(grey, 1)
    sobel = np.zeros_like(grey)
    for i, factor in ((0, -1), (2, 1)):
        for j, weight in enumerate((1, 2, 1)):
            sobel += factor * weight * padded[i : i + 14, j : j + 19]
    assert np.abs(record.output[0, 0] - sobel).max() < 1e-5
    assert np.abs(record.output[0, 1] - grey).max() < 1e-5


def test_own_numbers() -> None:
    seen = look(Request(input="1 2; 3 4", weights=("1 0; 0 1",), bias="0.5"))
    assert seen.layers[0].output.tolist() == [[[[5.5]]]]
    assert seen.source.pixels is None


def test_own_numbers_in_full_width_with_channels_and_several_kernels() -> None:
    seen = look(
        Request(
            input="１ ２；３ ４ ｜ 5 6; 7 8", weights=("1 0; 0 1 | 0 1; 1 0", "0 0; 0 1 | 0 0; 0 0")
        )
    )
    assert seen.layers[0].text == "Conv2d(2, 2, 2, bias=False)"
    assert seen.layers[0].output.tolist() == [[[[1 + 4 + 6 + 7]], [[4]]]]


def test_own_weights_in_a_layer_of_ones_choice(photo: Path) -> None:
    seen = look(
        Request(photo=photo, weights=("1 2; 3 4",), layers="Conv2d(_, 1, 2, stride=2) > ReLU")
    )
    record = seen.layers[0]
    assert record.weight is not None and record.bias is not None
    assert np.allclose(record.weight[0, 1], np.array([[1, 2], [3, 4]]) * 0.587)
    assert record.bias.tolist() == [0]


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (Request(input="1 2; 3"), "--input: the rows differ in length (2, 1)"),
        (Request(input="1 2; ; 3 4"), "--input: a row is empty"),
        (Request(input="1 x"), "--input: 'x' is not a number"),
        (Request(input="1 nan"), "--input: 'nan' is not a number"),
        (Request(input="1 1e999"), "--input: '1e999' is not a number"),
        (Request(input="1 2|3"), "--input: the rows differ in length"),
        (Request(input="0 " * 1_000_001), "--input has more than 1,000,000 numbers"),
        (Request(weights=("1 2|3 4",)), "--weight has 2 channels but the input has 3 channels"),
        (Request(weights=("1 2", "1 2 3")), "differ in size (1×1×2, 1×1×3)"),
        (Request(weights=("1",), bias="1 2"), "--bias has 2 numbers, but there are 1 output ch"),
        (Request(bias="1"), "--bias belongs to --weight or --kernel"),
        (Request(weights=("1",), kernels=("box",)), "--kernel and --weight both set the weights"),
        (Request(input="1", photo=Path("a.jpg")), "Both a photo and --input were given"),
        (Request(kernels=("sobel",)), "There is no kernel named sobel: use one of identity, box"),
        (Request(seed=-1), f"--seed -1 is out of range: use a whole number from 0 to {MAX_SEED}"),
        (Request(seed=2**63), "is out of range"),
        (Request(max_pixels=0), "--max-pixels 0 leaves nothing to look at"),
        (Request(kernels=("box",), layers="ReLU"), "Weights were given but ReLU() has none"),
        (Request(kernels=("box",), layers="Conv2d(_, 2, 3)"), "cannot hold the named kernels"),
        (Request(weights=("1 2",), layers="Conv2d(_, 1, 3)"), 'as in "Conv2d(_, 1, (1, 2))"'),
        (Request(layers="Conv2d(1, 8, 3)"), "expects 1 channel, but cat.jpg has 3 channels (RGB)"),
        (Request(layers="ReLU > Conv2d(8, 3, 3)"), "but ReLU() gives 3 channels"),
        (Request(layers="Conv2d(3, 1, 301)"), "The 301×301 window of Conv2d(3, 1, 301) does not"),
        (Request(layers="MaxPool2d(400, padding=9)"), "does not fit into 318×469"),
        (Request(layers="Conv2d(3, 0, 3)"), "use out_channels=1 or more"),
        (Request(layers="Flatten > Conv2d(3, 1, 1)"), "put it before Flatten"),
        (Request(layers="Conv2d(3, 99, 1, padding=9999)"), "more than the limit of 536,870,912"),
        (Request(layers="MaxPool2d(2, padding=2)"), "pad should be at most half"),
        (Request(layers="Conv2d(3, 1, 3, 1, 300, padding_mode=reflect)"), "does not fit an input"),
        (Request(layers="AvgPool2d(2, divisor_override=0)"), "divisor must be not zero"),
        (Request(layers="AdaptiveAvgPool2d(7)"), "makes bins of different sizes"),
        (Request(layers="Flatten > AdaptiveAvgPool2d(1)"), "put it before Flatten"),
        (Request(layers="LPPool2d(0, 2)"), "float division by zero"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_at(request_: Request, sentence: str) -> None:
    with pytest.raises(LookError) as caught:
        look(request_)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


ODD = st.sampled_from(
    ["0", "1", "2", "3", "-1", "9", "1.5", "True", "None", "'a'", "same", "_", "()", "(1, 2)",
     "(2, 1, 3)", "(1, 'b')", "10**9", "4000000000"]
)  # fmt: skip
OPTIONS = st.sampled_from(
    ["stride", "padding", "dilation", "groups", "bias", "padding_mode", "ceil_mode", "inplace",
     "count_include_pad", "divisor_override", "return_indices", "start_dim", "end_dim", "dtype"]
)  # fmt: skip
LAYER = st.builds(
    lambda name, args, option, value: f"{name}({', '.join([*args, f'{option}={value}'][:9])})",
    st.sampled_from(
        [
            "Conv2d",
            "MaxPool2d",
            "AvgPool2d",
            "LPPool2d",
            "AdaptiveAvgPool2d",
            "AdaptiveMaxPool2d",
            "ReLU",
            "Flatten",
            "Identity",
        ]
    ),
    st.lists(ODD, max_size=4),
    OPTIONS,
    ODD,
)


@given(st.lists(LAYER, min_size=1, max_size=2))
@settings(max_examples=250, deadline=None)
def test_any_arguments_are_taken_or_refused_in_one_sentence(layers: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            seen = look(Request(input="1 2 3; 4 5 6; 7 8 9", layers=" > ".join(layers)))
        except LookError as error:
            assert "\n" not in str(error)
        else:
            assert report_html(seen, Words("en"))
            assert number_lines(seen, Words("ja"))


def test_a_layer_faster_than_the_peak_has_no_share_of_it(photo: Path) -> None:
    seen = look(Request(photo=photo, layers="Conv2d(3, 4, 3)"))
    (record,) = seen.layers
    for peak, shared in ((1e9, True), (record.cost.gflops / 2, False), (0.0, False)):
        cost = dataclasses.replace(record.cost, peak=peak)
        text = speed_text(dataclasses.replace(record, cost=cost), Words("en"))
        assert ("of the measured peak" in text) == shared
        assert "GFLOP/s" in text


def test_winograd_s_speed_is_no_share_of_the_peak(photo: Path) -> None:
    seen = look(Request(photo=photo, layers="Conv2d(3, 32, 3) > Conv2d(32, 32, 3)"))
    plain, fast = seen.layers
    assert not plain.cost.shortcut
    fast = dataclasses.replace(
        fast, cost=dataclasses.replace(fast.cost, kernel="Winograd F(4×4, 3×3)", peak=1e9)
    )
    text = speed_text(fast, Words("en"))
    assert "counted as plain sums; Winograd multiplies less" in text
    assert "of the measured peak" not in text
    assert "ふつうの積和に換算" in speed_text(fast, Words("ja"))
    shown = report_html(dataclasses.replace(seen, layers=(plain, fast)), Words("en"))
    assert "counted as plain sums" in shown
    assert shown.count('<svg class="bar"') == (plain.cost.peak >= plain.cost.gflops)


# ---- where it came from -------------------------------------------------------------------------


def test_hashes(photo: Path) -> None:
    seen = look(Request(photo=photo, layers="Conv2d(3, 2, 3)"))
    (record,) = seen.layers
    assert seen.source.sha256 == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert record.weight is not None and record.bias is not None
    content = record.weight.tobytes() + record.bias.tobytes()
    assert seen.weights_sha256 == hashlib.sha256(content).hexdigest()


def test_the_photo_that_comes_with_tatamu() -> None:
    assert sample_photo().is_file()
    assert sample_photo().stat().st_size < 100_000
    licence = (sample_photo().parent / "README.md").read_text("utf-8")
    assert "CC0" in licence and "cat.jpg" in licence


def run_with_tatamu(code: str) -> npt.NDArray[Any]:
    """Run code written for PyTorch with tatamu in its place."""
    code = code.replace("import torch\n", "import tatamu as torch\n")
    code = code.replace("from torch import nn", "from tatamu import nn")
    code = code.replace("torchvision.transforms", "tatamu.vision.transforms")
    names: dict[str, Any] = {}
    exec(code, names)
    return np.asarray(names["y"].detach().numpy())


def test_the_code_in_the_report_gives_the_same_maps(photo: Path) -> None:
    requests = [
        Request(photo=photo),
        Request(photo=photo, kernels=("gaussian",), bias="0.5"),
        Request(photo=photo, layers="Conv2d(_, 8, 3, stride=2) > ReLU > MaxPool2d(2)", seed=9),
        Request(photo=photo, weights=("0 1; -1 0.3333333",)),
        Request(photo=photo, kernels=("box",), layers="Conv2d(_, 1, 3, stride=2) > ReLU"),
        Request(input="1 2; 3 4", weights=("1 0; 0 1",), bias="2"),
        Request(input="1 2; 3 4 | 5 6; 7 8", kernels=("box",)),
    ]
    for request in requests:
        seen = look(request)
        y = run_with_tatamu(torch_code(seen, str(photo)))
        assert np.abs(y - seen.layers[-1].output).max() < 1e-6


def test_the_code_opens_turned_and_wide_files_as_tatamu_does(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = tmp_path / 'with "quotes".png'
    Image.fromarray(RNG.integers(0, 256, (5, 8, 3), dtype=np.uint8)).save(turned, exif=exif)
    wide = tmp_path / "wide.png"
    Image.fromarray(RNG.integers(0, 65536, (5, 8), dtype=np.uint16)).save(wide)
    for path in (turned, wide):
        seen = look(Request(photo=path, kernels=("identity",)))
        y = run_with_tatamu(torch_code(seen, str(path)))
        assert np.abs(y - seen.layers[0].output).max() < 1e-6


# ---- time ---------------------------------------------------------------------------------------


def test_a_slow_layer_is_not_run_again() -> None:
    calls: list[None] = []
    assert steady_seconds(lambda: calls.append(None), first=2.5) == (2.5, 1)
    assert not calls


def test_a_fast_layer_is_run_several_times() -> None:
    calls: list[None] = []
    seconds, runs = steady_seconds(lambda: calls.append(None), first=0.001)
    assert runs + 1 == len(calls) > 4  # one to warm up
    assert 0 <= seconds < 0.1


def test_every_layer_says_how_it_ran(photo: Path) -> None:
    records: tuple[LayerRecord, ...] = look(Request(photo=photo, layers="Conv2d(3, 4, 3)")).layers
    cost = records[0].cost
    assert cost.kernel and cost.isa
    assert cost.seconds > 0 and cost.compile_seconds >= 0
    assert cost.gflops == pytest.approx(2 * cost.mult_adds / cost.seconds / 1e9)
