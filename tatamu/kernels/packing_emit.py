"""Weights laid out as kernels read them, at the speed of memory.

Training changes weights at every step, so packing is part of every call. Both kernels read weights
(out, in, kernel) with any strides, so turned and exchanged ones, too, and take some input channels
of one panel of outputs at a time. What a panel or a vector lacks is filled with zeros.
"""

from __future__ import annotations

from tatamu.kernels.copying import copy_function, zero_function
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.winograd_sides import combined, weight_side
from tatamu.stage import (
    F64,
    I64,
    Arguments,
    Function,
    Module,
    Pointer,
    PointerTo,
    Target,
    Type,
    Value,
)

# Input channels of a work item.
CHANNELS = 16

# Elements of the weights from one to the next; a kernel has three axes, of which some are 1 long.
STRIDES = ("w_o", "w_i", "w_0", "w_1", "w_2")
DIRECT_NUMBERS = (
    # work item i is (group * panels + panel) * chunks + chunk of input channels
    "panels", "chunks", "width", "outputs", "inputs", "block", "planar", "k_0", "k_1", "k_2",
)  # fmt: skip
WINOGRAD_NUMBERS = (
    # work item i is panel * chunks + chunk of input channels
    "chunks", "width", "outputs", "channels", "inputs", "u_panel", "u_point",
)  # fmt: skip


def direct_symbol(dtype: str, target: Target) -> str:
    """The name of the kernel that packs for direct convolution."""
    return f"direct_packing_{dtype}_{target.tag}"


def winograd_symbol(dtype: str, outputs: int, kernel: int, target: Target) -> str:
    """The name of the kernel that packs for Winograd's algorithm."""
    return f"winograd_packing_{dtype}_{outputs}_{kernel}_{target.tag}"


def fields(t: Type, numbers: tuple[str, ...]) -> dict[str, Type | PointerTo]:
    """Either kernel's arguments; addresses and strides are for the call to fill."""
    pointers: dict[str, Type | PointerTo] = {"w": PointerTo(t), "packed": PointerTo(t)}
    return {**pointers, **dict.fromkeys((*STRIDES, *numbers), I64)}


def emit_direct(dtype: str, target: Target, *, debug: bool = False) -> Module:
    """[group][panel][block of inputs][taps][in][out of the panel], or taps' last axis behind in."""
    t = DTYPES[dtype]
    m = Module(direct_symbol(dtype, target), target, debug=debug)
    copy, zero = copy_function(m, t), zero_function(m, t)
    f, a = m.task(fields(t, DIRECT_NUMBERS))
    planar = a.planar != 0
    taps = a.k_0 * a.k_1 * a.k_2
    for item in f.loop(f.args.end, start=f.args.begin):
        chunk, place = item % a.chunks, item // a.chunks
        panel, group = place % a.panels, place // a.panels
        count = f.min(a.outputs - panel * a.width, a.width)
        w = a.pointer("w").at((group * a.outputs + panel * a.width) * a.w_o)
        to = a.pointer("packed").at(place * taps * a.inputs * a.width)
        first = chunk * CHANNELS
        for i in f.loop(f.min(first + CHANNELS, a.inputs), start=first):
            begin = i // a.block * a.block
            size = f.min(a.block, a.inputs - begin)
            start = f.select(planar, i * a.k_2, begin * taps + (i - begin))
            step = f.select(planar, f.constant(1, I64), size) * a.width
            row = f.select(planar, a.inputs * a.k_2, size * a.k_2) * a.width
            for k_0 in f.loop(a.k_0):
                for k_1 in f.loop(a.k_1):
                    source = w.at(i * a.w_i + k_0 * a.w_0 + k_1 * a.w_1)
                    out = to.at(start * a.width + (k_0 * a.k_1 + k_1) * row)
                    for k_2 in f.loop(a.k_2):
                        f.call(zero, out.at(k_2 * step + count), a.width - count)
                    with f.when(a.w_o == 1) as side_by_side:
                        for k_2 in f.loop(a.k_2):
                            f.call(copy, source.at(k_2 * a.w_2), out.at(k_2 * step), count)
                    with side_by_side.otherwise():
                        for o in f.loop(count):
                            for k_2 in f.loop(a.k_2):
                                value = source.load(o * a.w_o + k_2 * a.w_2)
                                out.store(k_2 * step + o, value)
    return m


def emit_winograd(
    dtype: str, outputs: int, kernel: int, target: Target, *, debug: bool = False
) -> Module:
    """G w G^T as [panel][point][in][out of the panel], computed in float64."""
    t = DTYPES[dtype]
    m = Module(winograd_symbol(dtype, outputs, kernel, target), target, debug=debug)
    lanes = target.lanes(F64)
    transform = _transform(m, t, outputs, kernel, lanes)
    f, a = m.task(fields(t, WINOGRAD_NUMBERS))
    points = (outputs + kernel - 1) ** 2
    zero = f.constant(0.0, t.vector(lanes))
    for item in f.loop(f.args.end, start=f.args.begin):
        chunk, panel = item % a.chunks, item // a.chunks
        begin = panel * a.width
        first = chunk * CHANNELS
        for i in f.loop(f.min(first + CHANNELS, a.inputs), start=first):
            u = a.pointer("packed").at(panel * a.u_panel + i * a.width)
            w = a.pointer("w").at(begin * a.w_o + i * a.w_i)
            for o in f.loop(a.width, step=lanes):
                count = f.min(a.outputs - begin - o, lanes)
                with f.when((i < a.channels) & (count > 0)) as some:
                    strides = (a.w_o, a.w_1, a.w_2)
                    f.call(transform, w.at(o * a.w_o), u.at(o), *strides, count, a.u_point)
                with some.otherwise():
                    for point in f.loop(points):
                        u.store(point * a.u_point + o, zero)
    return m


def _transform(m: Module, t: Type, outputs: int, kernel: int, lanes: int) -> Function:
    """One input channel, and as many output channels as a vector of float64 has lanes."""
    f = m.function("transform", {
        "w": PointerTo(t), "u": PointerTo(t), "w_o": I64, "w_1": I64, "w_2": I64, "count": I64,
        "u_point": I64,
    })  # fmt: skip
    a = f.args
    taps = f.stack(F64, kernel * kernel * lanes)
    _filled(f, a, taps, kernel, lanes)
    matrix = weight_side(outputs, kernel)
    columns = [
        combined(f, matrix, [taps.vec((kernel * i + j) * lanes, lanes) for i in range(kernel)])
        for j in range(kernel)
    ]
    side = outputs + kernel - 1
    for i in range(side):
        for j, value in enumerate(combined(f, matrix, [column[i] for column in columns])):
            single = value if t == F64 else f.convert("fptrunc", value, t.vector(lanes))
            a.pointer("u").at(a.u_point * (i * side + j)).store(0, single)
    return f


def _filled(f: Function, a: Arguments, taps: Pointer, kernel: int, lanes: int) -> None:
    """The taps of ``count`` output channels as [tap][lane], in float64, zeros behind them."""

    def lane(o: Value, read: bool) -> None:
        for tap in range(kernel * kernel):
            i, j = divmod(tap, kernel)
            value = f.constant(0.0, F64)
            if read:
                source = a.pointer("w").at(o * a.w_o + a.w_1 * i + a.w_2 * j)
                value = source.load()
                if value.type != F64:
                    value = f.convert("fpext", value, F64)
            taps.at(o).store(tap * lanes, value)

    for o in f.loop(a.count):
        lane(o, read=True)
    for o in f.loop(f.constant(lanes, I64), start=a.count):
        lane(o, read=False)
