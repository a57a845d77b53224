"""From what was typed to what was seen: photo or numbers, layers, weights, then the run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tatamu.lens import filters
from tatamu.lens.aim import aim, parse_place
from tatamu.lens.chain import Step, make_chain
from tatamu.lens.layer_text import LayerCall, parse_layers
from tatamu.lens.machine import cpu_name
from tatamu.lens.matrices import parse_matrix
from tatamu.lens.observe import observe
from tatamu.lens.progress import Tell, silence
from tatamu.lens.records import Array, Look, Source
from tatamu.lens.view import View, arranged, checked
from tatamu.lens.words import Count, LookError, Phrase
from tatamu.vision.images import MAX_PIXELS, Photo, read_photo

if TYPE_CHECKING:
    from tatamu.nn import Module

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Request:
    """The options of `tatamu look`, as typed."""

    photo: Path | None = None
    layers: str | None = None
    kernels: tuple[str, ...] = ()
    seed: int = 0
    input: str | None = None
    weights: tuple[str, ...] = ()
    bias: str | None = None
    max_pixels: int = MAX_PIXELS
    command: str = "tatamu look"
    at: str | None = None
    channel: int | None = None
    view: View = field(default_factory=View)


@dataclass(frozen=True)
class _Given:
    """Weights that were named or typed: (outputs, channels, rows, columns), and their names."""

    weight: Array
    bias: Array | None
    names: tuple[str, ...]
    origin: str


def sample_photo() -> Path:
    """The photo that comes with tatamu."""
    return Path(str(files("tatamu") / "data" / "cat.jpg"))


def look(request: Request, tell: Tell = silence) -> Look:
    """Run what was asked for and record it. Raises `LookError` or `PhotoError`."""
    import tatamu

    _check_options(request)
    calls = parse_layers(request.layers) if request.layers is not None else None
    place = None if request.at is None else parse_place(request.at)
    source = read_source(request, tell)
    channels = source.values.shape[0]
    given = _given_weights(request, channels, calls is None)
    tatamu.manual_seed(request.seed)
    if calls is None:
        assert given is not None
        calls = [_fitting_layer(given)]
    steps = make_chain(calls, (1, *source.values.shape), source.name, source.kind)
    if given is not None:
        _set_weights(steps[0], given)
    records = observe(
        steps,
        source.values,
        given.names if given else (),
        given.origin if given else "random",
        measured_peak(),
        tell,
    )
    return Look(
        source=source,
        layers=arranged(
            aim(records, place, request.channel, source.values.shape[1:]), request.view
        ),
        seed=request.seed,
        command=request.command,
        version=tatamu.__version__,
        cpu=cpu_name(),
        weights_sha256=hash_weights([step.module for step in steps]),
    )


def _check_options(request: Request) -> None:
    if not 0 <= request.seed <= MAX_SEED:
        raise LookError("options.seed", seed=request.seed, limit=MAX_SEED)
    checked(request.view)
    if request.max_pixels < 1:
        raise LookError("options.max_pixels", value=request.max_pixels)
    if request.photo is not None and request.input is not None:
        raise LookError("options.input_photo")
    if request.kernels and request.weights:
        raise LookError("filters.both")
    if request.bias is not None and not request.weights and not request.kernels:
        raise LookError("options.bias")


def read_source(request: Request, tell: Tell) -> Source:
    """What goes in: the photo, or the typed numbers."""
    if request.input is not None:
        values = parse_matrix(request.input, "--input")
        digest = hashlib.sha256(values.tobytes()).hexdigest()
        return Source("--input", "numbers", values, None, digest)
    path = request.photo or sample_photo()
    tell("progress.reading", name=path.name)
    return photo_source(read_photo(path, request.max_pixels), request.photo is None)


def photo_source(photo: Photo, sample: bool) -> Source:
    """An opened photo as what goes in; `sample` says that it is the one that comes with tatamu."""
    values, pixels = _photo_values(photo)
    notes = _photo_notes(photo)
    if sample:
        notes = [("note.sample", ()), *notes]
    return Source(photo.name, photo.image.mode, values, pixels, photo.sha256, tuple(notes))


def _photo_values(photo: Photo) -> tuple[Array, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    from tatamu.vision.transforms.functional import to_tensor

    pixels = np.array(photo.image)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return np.asarray(to_tensor(pixels).numpy(), dtype=np.float32), pixels


def _photo_notes(photo: Photo) -> list[tuple[str, tuple[tuple[str, object], ...]]]:
    notes: list[tuple[str, tuple[tuple[str, object], ...]]] = []
    if photo.mode != photo.image.mode:
        kind = Phrase(f"kind.{photo.image.mode}")
        notes.append(("note.mode", (("mode", photo.mode), ("kind", kind))))
    if photo.frames > 1:
        notes.append(("note.frames", (("frames", photo.frames),)))
    if photo.turned:
        notes.append(("note.turned", ()))
    return notes


def _given_weights(request: Request, channels: int, no_layers: bool) -> _Given | None:
    names: Sequence[str] = request.kernels
    if no_layers and not names and not request.weights:
        names = filters.NAMES
    if names:
        for name in names:
            if name not in filters.NAMES:
                raise LookError("filters.unknown", name=name, names=", ".join(filters.NAMES))
        weight = filters.spread([filters.kernel(name) for name in names], channels)
        return _Given(weight, _bias(request, len(names)), tuple(names), "named+spread")
    if request.weights:
        return _own_weights(request, channels)
    return None


def _own_weights(request: Request, channels: int) -> _Given:
    matrices = [parse_matrix(text, "--weight") for text in request.weights]
    sizes = [matrix.shape for matrix in matrices]
    if len(set(sizes)) > 1:
        shown = ", ".join("×".join(map(str, size)) for size in sizes)
        raise LookError("matrix.sizes", sizes=shown)
    bias = _bias(request, len(matrices))
    if sizes[0][0] == channels:
        return _Given(np.stack(matrices), bias, (), "own")
    if sizes[0][0] != 1:
        raise LookError(
            "matrix.channels",
            got=Count("channel", sizes[0][0]),
            expected=Count("channel", channels),
        )
    weight = filters.spread([matrix[0] for matrix in matrices], channels)
    return _Given(weight, bias, (), "own+spread")


def _bias(request: Request, outputs: int) -> Array | None:
    if request.bias is None:
        return None
    numbers = parse_matrix(request.bias, "--bias").reshape(-1)
    if numbers.size not in (1, outputs):
        raise LookError(
            "matrix.bias", got=Count("number", numbers.size), expected=Count("output", outputs)
        )
    return np.broadcast_to(numbers, (outputs,)).astype(np.float32)


def _fitting_layer(given: _Given) -> LayerCall:
    """The Conv2d that holds given weights; 3×3 named kernels keep the photo's size."""
    outputs, channels, rows, columns = given.weight.shape
    kernel = rows if rows == columns else (rows, columns)
    settings: list[tuple[str, object]] = []
    if given.origin.startswith("named"):
        settings.append(("padding", 1))
    if given.bias is None:
        settings.append(("bias", False))
    return LayerCall("Conv2d", (channels, outputs, kernel), tuple(settings))


def _set_weights(step: Step, given: _Given) -> None:
    import tatamu

    module = step.module
    weight = getattr(module, "weight", None)
    if weight is None or len(weight.shape) != 4:
        raise LookError("filters.first", layer=step.call)
    if tuple(weight.shape) != given.weight.shape:
        outputs, _, rows, columns = given.weight.shape
        named = given.origin.startswith("named")
        raise LookError(
            "filters.layer",
            layer=step.call,
            what=Phrase("filters.named" if named else "filters.own"),
            kernel=rows if rows == columns else (rows, columns),
            out=outputs,
            example=f"Conv2d(_, {outputs}, {rows if rows == columns else (rows, columns)})",
        )
    with tatamu.no_grad():
        weight.copy_(tatamu.tensor(given.weight))
        bias = getattr(module, "bias", None)
        if bias is not None:
            wanted = (
                np.zeros(given.weight.shape[0], np.float32) if given.bias is None else given.bias
            )
            bias.copy_(tatamu.tensor(wanted))


def hash_weights(modules: Sequence[Module]) -> str:
    """A digest of all parameters, by which two looks' weights are told apart."""
    digest = hashlib.sha256()
    for module in modules:
        for parameter in module.parameters():
            array = np.ascontiguousarray(parameter.detach().numpy(), dtype="<f4")
            digest.update(array.tobytes())
    return digest.hexdigest()


def measured_peak() -> float:
    """Measured GFLOP/s of this machine with the threads in use, 0 where nothing can be compiled.

    The better of two measurements, since other work on the machine can only slow one down.
    """
    import tatamu
    from tatamu.errors import CompileError
    from tatamu.runtime import machine

    try:
        threads = tatamu.get_num_threads()
        return max(machine.fma_peak(threads), machine.fma_peak(threads, again=True))
    except (CompileError, ImportError):
        return 0.0
