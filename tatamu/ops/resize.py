"""Resizing, along any of the last axes: nearest, linear, cubic, area, with antialiasing.

y = M x along each axis, M the matrix of weights that `geometry.Resampling` gives
dx = Mᵀ g along each axis                                                     resize_grad
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tatamu.geometry import Padded, Resampling
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, like_input, moved_bytes, one_each
from tatamu.ops.op import NOTHING, Call, Op, Out, Ran, Runner, Sample, apply
from tatamu.ops.pictures import pictures
from tatamu.ops.planned import PlannedRunner, refusal, target
from tatamu.runtime.capture import scratch

if TYPE_CHECKING:
    from tatamu.kernels.resize import ResizeProblem

# A kernel serves outputs of at least so many elements.
FEWEST = 1024

__all__ = ["Resize", "ResizeKernel", "resize", "resize_grad"]

Axes = tuple[Resampling | Padded, ...]


class Resize(NamedTuple):
    """One Resampling for each of the last axes."""

    axes: tuple[Resampling, ...]

    @property
    def node_title(self) -> str:
        """torch has an operation for each mode and number of axes."""
        first, dims = self.axes[0], len(self.axes)
        if first.mode == "area":
            return f"AdaptiveAvgPool{dims}D"
        name = {
            "nearest": "Nearest",
            "nearest-exact": "NearestExact",
            "cubic": "Bicubic",
            "linear": ("Linear", "Bilinear", "Trilinear")[dims - 1],
        }[first.mode]
        return f"Upsample{name}{dims}D{'Aa' * first.antialias}"


def _matrix(axis: Resampling, dtype: np.dtype[Any]) -> Numpy:
    found = np.zeros((axis.out, axis.size))
    for o, taps in enumerate(axis.taps()):
        for i, weight in taps:
            found[o, i] += weight
    return found.astype(dtype)


def _along(x: Numpy, axis: int, matrix: Numpy) -> Numpy:
    return np.moveaxis(np.tensordot(x, matrix, (axis, 1)), -1, axis)


def _reference(attrs: Resize, x: Numpy) -> Numpy:
    dtype = x.dtype
    y = x.astype(np.float32) if dtype.kind != "f" else x
    first = x.ndim - len(attrs.axes)
    for place, axis in enumerate(attrs.axes, first):
        if len(axis.taps()) == axis.out and all(len(taps) == 1 for taps in axis.taps()):
            y = np.take(y, [taps[0][0] for taps in axis.taps()], place)  # keeps inf and NaN apart
        else:
            y = _along(y, place, _matrix(axis, y.dtype))
    if dtype.kind != "f":
        y = np.clip(np.floor(y + 0.5), 0, np.iinfo(dtype).max)
    return y.astype(dtype)


def _grad_reference(attrs: Resize, g: Numpy) -> Numpy:
    first = g.ndim - len(attrs.axes)
    for place, axis in enumerate(attrs.axes, first):
        g = _along(g, place, _matrix(axis, g.dtype).T)
    return np.ascontiguousarray(g)


def _shape(call: Call) -> tuple[Out, ...]:
    shape, axes = call.shape(0), call.attrs.axes
    dtype = call.dtype(0)
    if not dtype.is_floating_point and dtype.name != "uint8":
        raise NotImplementedError(
            f"\"upsample_{axes[0].mode}{len(axes)}d\" not implemented for '{dtype.legacy_name}'\n"
            "  it resizes floating point numbers and uint8: x.float() makes the former"
        )
    out = (*shape[: -len(axes)], *(axis.out for axis in axes))
    return (Out(out, dtype, like_input(call, out)),)


def _grad_shape(call: Call) -> tuple[Out, ...]:
    axes = call.attrs.axes
    out = (*call.shape(0)[: -len(axes)], *(axis.size for axis in axes))
    return (Out(out, call.dtype(0), like_input(call, out)),)


def _vjp(node: Node, g: Array) -> tuple[Array]:
    return (apply(resize_grad, node.call.attrs, g),)


def _grad_vjp(node: Node, h: Array) -> tuple[Array]:
    return (apply(resize, node.call.attrs, h),)


class ResizeKernel:
    """The kernel, once for two axes; for three, the first of them is resized on its own.

    ``axes(call)`` gives up to three axes, or says why they are not for this kernel.
    """

    name = "resize"

    def __init__(self, axes: Callable[[Call], Axes | str], *, backwards: bool) -> None:
        self._axes = axes
        self._backwards = backwards

    def accepts(self, call: Call) -> str | None:
        """None, or why this kernel does not serve this call."""
        from tatamu.kernels import resize as kernel

        found = self._problems(call)
        return found if isinstance(found, str) else refusal(kernel, found[0])

    def prepare(self, call: Call) -> Runner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.kernels import resize as kernel

        found = self._problems(call)
        assert not isinstance(found, str), "it has been accepted"
        return _Passes([PlannedRunner(kernel.plan(p, target())) for p in found], found)

    def _problems(self, call: Call) -> list[ResizeProblem] | str:
        """One pass, or two for three axes."""
        from tatamu.kernels.resize import ResizeProblem

        axes = self._axes(call)
        if isinstance(axes, str):
            return axes
        if prod(call.op.shape(call)[0].shape) < FEWEST:
            return f"NumPy is as fast for fewer than {FEWEST} elements"
        found = pictures(call, len(axes))
        if isinstance(found, str):
            return found
        planes, channels = found
        dtype, backwards = call.dtype(0).name, self._backwards
        still = Resampling("nearest", 1, 1)
        if len(axes) < 3:
            rows, pixels = (still, *axes)[-2:]
            return [ResizeProblem(dtype, planes, channels, rows, pixels, backwards)]
        deep, rows, pixels = axes
        read = rows.out * pixels.out if backwards else rows.size * pixels.size
        first = ResizeProblem(dtype, planes, read * channels, deep, still, backwards)
        planes *= deep.size if backwards else deep.out
        return [first, ResizeProblem(dtype, planes, channels, rows, pixels, backwards)]


class _Passes:
    """One kernel after another."""

    native = True

    def __init__(self, runners: list[PlannedRunner], problems: list[ResizeProblem]) -> None:
        self._runners = runners
        self._bytes = []
        for p in problems[:-1]:
            written = p.planes * p.channels * prod(p.sizes(axis)[1] for axis in (p.rows, p.pixels))
            self._bytes.append(written * np.dtype(p.dtype).itemsize)

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        for runner, size in zip(self._runners, self._bytes, strict=False):
            between = Array(scratch(size), 0, outputs[0].shape, (), outputs[0].dtype)
            runner(inputs, (between,))
            inputs = (between,)
        self._runners[-1](inputs, outputs)

    def ran(self) -> Ran:
        """Which kernel ran."""
        return self._runners[-1].ran()


_CASES: tuple[tuple[tuple[int, ...], tuple[Resampling, ...]], ...] = (
    ((2, 3, 5), (Resampling("linear", 5, 8),)),
    ((1, 2, 4, 3), (Resampling("nearest", 4, 7), Resampling("nearest-exact", 3, 5))),
    ((1, 2, 4, 3), (Resampling("cubic", 4, 9), Resampling("cubic", 3, 2))),
    ((1, 2, 6, 5), (Resampling("linear", 6, 2, antialias=True), Resampling("area", 5, 3))),
    ((1, 2, 6, 5), (Resampling("cubic", 6, 3, antialias=True), Resampling("linear", 5, 5))),
    (
        (2, 1, 2, 3, 4),
        tuple(Resampling("linear", n, m, None, True) for n, m in ((2, 3), (3, 5), (4, 2))),
    ),
)


def _sampled(backwards: bool) -> Callable[[np.random.Generator], Iterable[Sample]]:
    def draw(random: np.random.Generator) -> Iterable[Sample]:
        for shape, axes in _CASES:
            sizes = tuple(axis.out for axis in axes) if backwards else shape[-len(axes) :]
            x = random.uniform(-1, 1, (*shape[: -len(axes)], *sizes))
            yield Sample(interned(Resize(axes)), (x,))

    return draw


resize = Op(
    name="resize",
    title="Upsample",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_sampled(False),
    kernels=(ResizeKernel(lambda call: call.attrs.axes, backwards=False),),
)

resize_grad = Op(
    name="resize_grad",
    title="UpsampleBackward",
    shape=_grad_shape,
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_sampled(True),
    kernels=(ResizeKernel(lambda call: call.attrs.axes, backwards=True),),
)
