"""From what was typed to an animation: layer, numbers, scenes, and what is still readable."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.errors import GeometryError
from tatamu.geometry import AdaptiveSpec, ConvSpec, PoolSpec, UnpoolSpec
from tatamu.lens import show
from tatamu.lens.animation import Animation, Scene
from tatamu.lens.animation_stage import cell_size
from tatamu.lens.animation_steps import Numbers, Subject, grouped, slide, spans, unfold
from tatamu.lens.animation_transposed import insert, insertions, scatter
from tatamu.lens.chain import make_chain
from tatamu.lens.layer_text import LayerCall, build, fill_in, infers, parse_layers
from tatamu.lens.matrices import parse_matrix
from tatamu.lens.probe import KINDS
from tatamu.lens.records import axes_seen
from tatamu.lens.sizes import parse_size
from tatamu.lens.words import Count, LookError, Phrase

if TYPE_CHECKING:
    from tatamu.nn import Module

LAYERS = tuple(name for name, kind in KINDS.items() if kind != "value")
READINGS = ("scatter", "insert")
MOST_CHANNELS = 4
MOST_SIDE = 24
MOST_COLUMN = 36
ONE_BY_ONE = 40
MOST_FRAMES = 120
SPEEDS = (0.1, 10.0)
SIDE, SMALL_SIDE = 5, 3
"""Of a matrix that was not given: for windows, and for pixels that are stamped."""


@dataclass(frozen=True)
class Wanted:
    """The options of `tatamu animate`, as typed."""

    layer: str
    size: str | None = None
    input: str | None = None
    weights: tuple[str, ...] = ()
    bias: str | None = None
    im2col: bool = False
    reading: str | None = None
    speed: float = 1.0
    seed: int = 0


def animate(wanted: Wanted) -> Animation:
    """The animation that was asked for. Raises `LookError` where it cannot be, or cannot be read.

    >>> made = animate(Wanted("MaxPool2d(2)", input="1 2; 3 4"))
    >>> step = made.scenes[0].steps[0]
    >>> [product.value for product in step.products], step.winner, step.result
    ([1.0, 2.0, 3.0, 4.0], 3, 4.0)
    """
    call = _layer(wanted)
    numbers = None if wanted.input is None else parse_matrix(wanted.input, "--input")
    size = None if wanted.size is None else parse_size(wanted.size)
    if numbers is not None and size is not None:
        raise LookError("animate.size_input")
    channels = 1 if numbers is None else len(numbers)
    call = fill_in(call, channels)
    module = build(call)
    channels = getattr(module, "in_channels", channels)
    if numbers is not None and len(numbers) != channels:
        got, expected = Count("channel", len(numbers)), Count("channel", channels)
        raise LookError("animate.channels", got=got, layer=call, expected=expected)
    side = SMALL_SIDE if call.name == "ConvTranspose2d" else SIDE
    height, width = numbers.shape[1:] if numbers is not None else size or (side, side)
    _set_numbers(call, module, wanted)
    try:
        return _made(call, module, numbers, (channels, height, width), wanted)
    except LookError as error:
        if error.key not in ("animate.large", "animate.long"):
            raise
        hint = _smaller(call, module, channels, (height, width), wanted)
        raise LookError(error.key, **{**error.values, **hint}) from None


def _layer(wanted: Wanted) -> LayerCall:
    """The one layer that was named, where the other options suit it."""
    calls = parse_layers(wanted.layer)
    if len(calls) > 1:
        raise LookError("animate.several", layers=" > ".join(map(str, calls)))
    call = calls[0]
    if not infers(call):
        build(call)  # unknown names and wrong arguments come first
    if call.name not in LAYERS:
        raise LookError("animate.layer", layer=call.name, names=", ".join(LAYERS))
    if wanted.reading not in (None, *READINGS):
        raise LookError("animate.reading", value=wanted.reading)
    if wanted.reading is not None and call.name != "ConvTranspose2d":
        raise LookError("animate.reading_layer", layer=call.name)
    if not SPEEDS[0] <= wanted.speed <= SPEEDS[1]:
        least, most = (show.plain(speed) for speed in SPEEDS)
        raise LookError("animate.speed", value=wanted.speed, least=least, most=most)
    return call


def _set_numbers(call: LayerCall, module: Module, wanted: Wanted) -> None:
    """Put the weights and the bias that were typed into the module, small whole ones otherwise."""
    import tatamu

    weight: Any = getattr(module, "weight", None)
    if weight is None:
        option = "--weight" if wanted.weights else "--bias" if wanted.bias is not None else ""
        if option:
            raise LookError("animate.unweighted", layer=call, option=option)
        return
    spec: ConvSpec = vars(module)["spec"]
    outs = vars(module)["out_channels"]
    if wanted.weights:
        values = _own_weights(call, wanted, spec, weight.shape, outs)
    else:
        chosen = np.random.default_rng(wanted.seed + 1)
        values = chosen.integers(-1, 3, tuple(weight.shape)).astype(np.float32)
    bias = None
    if wanted.bias is not None:
        given = parse_matrix(wanted.bias, "--bias").reshape(-1)
        if given.size not in (1, outs):
            got, expected = Count("number", given.size), Count("output", outs)
            raise LookError("matrix.bias", got=got, expected=expected)
        bias = tatamu.nn.Parameter(tatamu.tensor(np.broadcast_to(given, (outs,)).copy()))
    with tatamu.no_grad():
        weight.copy_(tatamu.tensor(values))
    module.bias = bias


def _own_weights(
    call: LayerCall, wanted: Wanted, spec: ConvSpec, shape: tuple[int, ...], outs: int
) -> Numbers:
    """The typed kernels, one for each output channel, in the layer's order."""
    matrices = [parse_matrix(text, "--weight") for text in wanted.weights]
    reads = shape[0] // spec.groups if spec.transposed else shape[1]
    each = (reads, *spec.kernel)
    if len(matrices) != outs or any(matrix.shape != each for matrix in matrices):
        got = ", ".join(show.times(matrix.shape) for matrix in matrices)
        count = Count("matrix", outs)
        raise LookError("animate.weights", layer=call, count=count, shape=show.times(each), got=got)
    stacked = np.stack(matrices)
    if not spec.transposed:
        return stacked
    # (out, in / groups, ...) becomes (in, out / groups, ...), group by group.
    parts = stacked.reshape(spec.groups, outs // spec.groups, *each).swapaxes(1, 2)
    found: Numbers = parts.reshape(shape)
    return found


def _made(
    call: LayerCall,
    module: Module,
    numbers: Numbers | None,
    shape: tuple[int, int, int],
    wanted: Wanted,
) -> Animation:
    _check_channels(call, module, shape[0])
    spec = _spec(call, module, shape)
    if numbers is None:
        numbers = np.random.default_rng(wanted.seed).integers(0, 10, shape).astype(np.float32)
    # A first look at the sizes alone: what is far too large need not be run.
    outs = _outs(call, spec, shape)
    _check_side(call, shape, (max(*outs, shape[1]), max(*outs, shape[2])), MOST_SIDE)
    subject = Subject(str(call), module, spec, numbers, _run(call, module, numbers))
    if wanted.im2col and (not isinstance(spec, ConvSpec) or spec.transposed or spec.groups > 1):
        raise LookError("animate.im2col", layer=call)
    _check_boards(call, subject, wanted.im2col)
    scenes = tuple(grouped(scene, ONE_BY_ONE) for scene in _scenes(subject, wanted))
    for scene in scenes:
        if not cell_size(scene):
            board = max(scene.boards, key=lambda one: one.height * one.width)
            _refuse_large(call, shape, (board.height, board.width), MOST_SIDE)
    made = Animation(str(call), _sizes(subject), scenes, wanted.speed)
    if made.steps > MOST_FRAMES:
        frames, size = Count("frame", made.steps), show.times(shape[1:])
        raise LookError(
            "animate.long", layer=call, size=size, frames=frames, limit=MOST_FRAMES, hint=""
        )
    return made


def _scenes(subject: Subject, wanted: Wanted) -> list[Scene]:
    if isinstance(subject.spec, ConvSpec) and subject.spec.transposed:
        if wanted.reading == "scatter":
            return [scatter(subject)]
        if wanted.reading == "insert":
            return [insert(subject, overlap=True)]
        return [scatter(subject), insert(subject, overlap=False)]
    return [unfold(subject) if wanted.im2col else slide(subject)]


def _spec(
    call: LayerCall, module: Module, shape: tuple[int, int, int]
) -> ConvSpec | PoolSpec | AdaptiveSpec:
    if "output_size" in vars(module):
        return AdaptiveSpec.make(vars(module)["output_size"])
    (step,) = make_chain([call], (1, *shape), "--input", "numbers")
    assert step.spec is not None and not isinstance(step.spec, UnpoolSpec)
    return step.spec


def _outs(
    call: LayerCall, spec: ConvSpec | PoolSpec | AdaptiveSpec, shape: tuple[int, int, int]
) -> tuple[int, ...]:
    try:
        return spec.out_size(shape[1:])
    except GeometryError as error:
        why = error.sentence
        size = show.times(shape)
        raise LookError("fit.refused", layer=call, shape=size, why=why) from error


def _run(call: LayerCall, module: Module, numbers: Numbers) -> Numbers:
    import tatamu

    with tatamu.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            given = module(tatamu.tensor(numbers[None]))
        except (RuntimeError, ValueError) as error:
            why, shape = str(error).splitlines()[0], show.times(numbers.shape)
            raise LookError("fit.refused", layer=call, shape=shape, why=why) from error
    values: Numbers = (given[0] if isinstance(given, tuple) else given).numpy()[0]
    return values


def _check_channels(call: LayerCall, module: Module, channels: int) -> None:
    outs = getattr(module, "out_channels", channels)
    if max(channels, outs) > MOST_CHANNELS:
        got = Count("channel", max(channels, outs))
        kernel = vars(module).get("kernel_size", 2)
        example = f"{call.name}(1, 1, {kernel})" if outs != channels else "--size 5x5"
        raise LookError("animate.many", layer=call, got=got, limit=MOST_CHANNELS, example=example)


def _check_boards(call: LayerCall, subject: Subject, im2col: bool) -> None:
    """Refuse a board with too many cells to read."""
    shape = subject.input.shape
    if isinstance(subject.spec, ConvSpec) and subject.spec.transposed:
        boards = [tuple(len(way.board) for way in insertions(subject))]
    else:
        boards = [tuple(map(len, spans(subject)))]
    for height, width in boards:
        _check_side(call, shape, (height, width), MOST_SIDE)
    weight = subject.weight
    if im2col and weight is not None:
        outs = subject.output[0].size
        _check_side(call, shape, (weight[0].size, outs), MOST_COLUMN)


def _check_side(
    call: LayerCall, shape: tuple[int, ...], board: tuple[int, int], limit: int
) -> None:
    if max(board) > limit:
        _refuse_large(call, shape, board, limit)


def _refuse_large(
    call: LayerCall, shape: tuple[int, ...], board: tuple[int, int], limit: int
) -> None:
    height, width = board
    raise LookError(
        "animate.large",
        layer=call,
        size=show.times(shape[1:]),
        height=height,
        width=width,
        limit=limit,
        hint="",
    )


def _smaller(
    call: LayerCall, module: Module, channels: int, size: tuple[int, int], wanted: Wanted
) -> dict[str, object]:
    """The hint of a refusal: a size that has been tried and can be shown."""
    for side in range(min(8, max(size)), 0, -1):
        tried = (channels, min(side, size[0]), min(side, size[1]))
        try:
            _made(call, module, None, tried, replace(wanted, input=None))
        except LookError:
            continue
        return {"hint": f"--size {tried[1]}x{tried[2]}"}
    return {"hint": Phrase("animate.hint.smaller")}


def _sizes(subject: Subject) -> tuple[tuple[str, str, str], ...]:
    """The size arithmetic, once where both axes agree; Conv2d leads back from a transposed one."""
    name = type(subject.module).__name__
    before, after = subject.input.shape[1:], subject.output.shape[1:]
    if isinstance(subject.spec, AdaptiveSpec):
        pairs = sorted(set(zip(before, after, strict=True)), reverse=True)
        return tuple((name, f"{size} → {out}", "") for size, out in pairs)
    lines = _lines(name, subject.spec, before)
    if isinstance(subject.spec, ConvSpec) and subject.spec.transposed:
        lines += _lines("Conv2d", subject.spec.forwards(), after)
    return tuple(lines)


def _lines(
    name: str, spec: ConvSpec | PoolSpec, sizes: tuple[int, ...]
) -> list[tuple[str, str, str]]:
    found = [
        (name, f"{axis.size} → {axis.out}", axis.rule.formula(axis.size))
        for axis in axes_seen(spec, sizes)
    ]
    return list(dict.fromkeys(found))


def check_suffix(path: Path) -> str:
    """The kind of file that a path asks for: gif, webp or svg."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in ("gif", "webp", "svg"):
        raise LookError("animate.suffix", path=path)
    return suffix
