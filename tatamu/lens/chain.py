"""A chain of layers, made and measured up before anything runs.

Everything that can be refused is refused here, in the reader's language: unknown layers, wrong
arguments, channels that do not match, windows that do not fit, outputs that would fill the memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tatamu.errors import GeometryError
from tatamu.geometry import AdaptiveSpec, ConvSpec, PoolSpec, UnpoolSpec
from tatamu.lens import show
from tatamu.lens.layer_text import LayerCall, build, fill_in
from tatamu.lens.words import Count, LookError, Phrase

if TYPE_CHECKING:
    from tatamu.nn import Module

MAX_VALUES = 2**29
UNPOOL = "MaxUnpool2d"


@dataclass(frozen=True)
class Step:
    """One layer of a chain: its text, its module, its size rule and the shapes around it.

    `takes` is the place in the chain of the pooling whose indices it puts values back by.
    """

    call: LayerCall
    module: Module
    spec: ConvSpec | PoolSpec | UnpoolSpec | None
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    takes: int | None = None


def make_chain(
    calls: Sequence[LayerCall],
    shape: tuple[int, ...],
    name: str,
    kind: str,
    most_values: int = MAX_VALUES,
) -> list[Step]:
    """The steps from an input (1, channels, height, width) to the last layer's output.

    `name` and `kind` say what the input is, for the messages. Raises `LookError`, also where an
    output would have more than `most_values` values.
    """
    steps: list[Step] = []
    pooled: list[int] = []
    for call in calls:
        filled = fill_in(call, shape[1] if len(shape) > 1 else 1)
        module = build(filled)
        before = steps[-1].call if steps else None
        source = _source(filled, steps, pooled, shape) if filled.name == UNPOOL else None
        try:
            spec = module_spec(filled, module, shape, source)
            _check_channels(filled, module, shape, before, name, kind)
            output_shape = _output_shape(filled, module, spec, shape)
        except (GeometryError, TypeError) as error:
            why = str(error).splitlines()[0]
            raise LookError("layers.refused", layer=filled, why=why) from error
        if math.prod(output_shape) > most_values:
            raise LookError(
                "fit.huge",
                layer=filled,
                shape=show.times(output_shape),
                values=f"{math.prod(output_shape):,}",
                limit=f"{most_values:,}",
            )
        if vars(module).get("return_indices"):
            pooled.append(len(steps))
        takes = steps.index(source) if source else None
        steps.append(Step(filled, module, spec, shape, output_shape, takes))
        shape = output_shape
    return steps


def _source(
    call: LayerCall, steps: Sequence[Step], pooled: list[int], shape: tuple[int, ...]
) -> Step:
    """The pooling whose indices an unpooling takes: the last one that none has taken yet."""
    if not pooled:
        silent = [step for step in steps if "return_indices" in vars(step.module)]
        if silent:
            raise LookError("unpool.silent", layer=call, pool=silent[-1].call)
        raise LookError("unpool.alone", layer=call)
    source = steps[pooled.pop()]
    if source.output_shape != shape:
        raise LookError(
            "unpool.shape",
            layer=call,
            pool=source.call,
            pooled=show.times(source.output_shape),
            got=show.times(shape),
        )
    return source


def module_spec(
    call: LayerCall, module: Module, shape: tuple[int, ...], source: Step | None = None
) -> ConvSpec | PoolSpec | UnpoolSpec | None:
    """The size rule of a layer that moves a window; None for the others.

    `source` is the pooling that an unpooling undoes, whose input's size comes back. Bins of one
    width are windows too. Where their widths differ, no rule tells what a value saw.
    """
    settings = vars(module)
    if "output_size" in settings:
        if len(shape) != 4:
            raise LookError("fit.flat", layer=call, shape=show.times(shape))
        bins = AdaptiveSpec.make(settings["output_size"])
        found = bins.windows(shape[-2:])
        if found is None:
            raise LookError("fit.bins", layer=call, shape=show.times(shape[-2:]))
        return found
    if not all(name in settings for name in ("kernel_size", "stride")):
        return None
    if isinstance(settings.get("spec"), ConvSpec):
        made: ConvSpec = settings["spec"]
        return made
    kernel, stride, padding = (settings.get(n, 0) for n in ("kernel_size", "stride", "padding"))
    dilation = settings.get("dilation", 1)
    if source is not None:
        pool = PoolSpec.make(kernel, stride).padded(padding)
        return UnpoolSpec.make(pool, shape[-2:], source.input_shape[-2:])
    return PoolSpec.make(kernel, stride, padding, dilation, settings.get("ceil_mode", False))


def _check_channels(
    call: LayerCall,
    module: Module,
    shape: tuple[int, ...],
    before: LayerCall | None,
    name: str,
    kind: str,
) -> None:
    expected = getattr(module, "in_channels", None)
    if expected is None or len(shape) != 4 or expected == shape[1]:
        return
    values = {
        "layer": call,
        "expected": Count("channel", expected),
        "got": Count("channel", shape[1]),
        "number": shape[1],
    }
    if before is None:
        raise LookError("fit.channels_photo", name=name, kind=Phrase(f"kind.{kind}"), **values)
    raise LookError("fit.channels_layer", before=before, **values)


def _output_shape(
    call: LayerCall,
    module: Module,
    spec: ConvSpec | PoolSpec | UnpoolSpec | None,
    shape: tuple[int, ...],
) -> tuple[int, ...]:
    if call.name == "Flatten":
        return _flattened(module, shape)
    if spec is None:
        return shape
    if len(shape) != 4:
        raise LookError("fit.flat", layer=call, shape=show.times(shape))
    sizes = shape[-2:]
    if any(axis.transposed for axis in spec.axes):
        return _grown(call, module, spec, shape)
    room = [axis.window.padded(size) for axis, size in zip(spec.axes, sizes, strict=True)]
    extent = [axis.window.extent for axis in spec.axes]
    if any(reach > space for reach, space in zip(extent, room, strict=True)):
        raise LookError("fit.window", layer=call, extent=show.times(extent), room=show.times(room))
    try:
        outs = spec.out_size(sizes)
    except GeometryError as error:
        raise LookError(
            "fit.refused", layer=call, shape=show.times(shape), why=error.sentence
        ) from error
    channels = getattr(module, "out_channels", shape[1])
    if channels < 1:
        raise LookError("fit.empty", layer=call)
    return (shape[0], channels, *outs)


def _grown(
    call: LayerCall, module: Module, spec: ConvSpec | PoolSpec | UnpoolSpec, shape: tuple[int, ...]
) -> tuple[int, ...]:
    """What a layer gives that works backwards: a transposed convolution or an unpooling."""
    outs = tuple(axis.out(size) for axis, size in zip(spec.axes, shape[-2:], strict=True))
    channels = getattr(module, "out_channels", shape[1])
    if min(outs) < 1:
        raise LookError("fit.nothing", layer=call, out=show.times(outs))
    if channels < 1:
        raise LookError("fit.empty", layer=call)
    return (shape[0], channels, *outs)


def _flattened(module: Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    axes = range(len(shape))
    start, end = (vars(module)[name] for name in ("start_dim", "end_dim"))
    if start not in axes and start + len(shape) not in axes:
        start = 0
    first, last = start % len(shape), end % len(shape)
    return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
