"""Sampling a picture at places that a grid names, between its pixels.

y[n, c, o] = sum over taps t of  x[n, c, t] w(t, grid[n, o])

A coordinate goes from -1 to 1: the centres of the first and the last pixel (align_corners), or
their outer edges. Bilinear weights are those of the two nearest pixels on each axis, bicubic ones
those of four (Keys, 1981, with a = -3/4), nearest takes one. What lies outside is 0, the border, or
the picture mirrored.

dx = sum of g w at each tap          dgrid = sum of g x dw/dgrid
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, moved_bytes
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, Saves, apply

__all__ = ["Sampling", "grid_sample", "grid_sample3d"]

_OUTSIDE = -100


class Sampling(NamedTuple):
    """How; ``sizes`` of the picture are known to the gradients alone."""

    mode: str
    padding: str
    align: bool
    sizes: Ints = ()


class _Taps(NamedTuple):
    """Along one axis: positions, weights and slopes of the weights, a list entry for each tap."""

    places: list[Numpy]
    weights: list[Numpy]
    slopes: list[Numpy]


def _mirrored(at: Numpy, size: int, align: bool) -> tuple[Numpy, Numpy]:
    """Coordinates reflected until they lie inside, and the sign that their slope has then."""
    low, span = (0.0, float(size - 1)) if align else (-0.5, float(size))
    if not span:
        return np.zeros_like(at), np.zeros_like(at)
    away = at - low
    sign = np.where(away < 0, -1.0, 1.0)
    turns, rest = np.divmod(np.abs(away), span)
    even = turns % 2 == 0
    return np.where(even, rest, span - rest) + low, np.where(even, sign, -sign)


def _inside(at: Numpy, size: int, attrs: Sampling) -> tuple[Numpy, Numpy]:
    """Coordinates as the padding has them, and how much they follow the grid's."""
    slope = np.ones_like(at)
    if attrs.padding == "zeros":
        return at, slope
    if attrs.padding == "reflection":
        at, slope = _mirrored(at, size, attrs.align)
    held = (at <= 0) | (at >= size - 1)
    return np.clip(at, 0, size - 1), np.where(held, 0.0, slope)


def _cubic(d: Numpy) -> tuple[Numpy, Numpy]:
    """Keys' kernel and its derivative at a distance of 0 to 2."""
    a = -0.75
    near = ((a + 2) * d - (a + 3)) * d * d + 1, (3 * (a + 2) * d - 2 * (a + 3)) * d
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a, (3 * a * d - 10 * a) * d + 8 * a
    return np.where(d <= 1, near[0], far[0]), np.where(d <= 1, near[1], far[1])


def _fused(a: Numpy, b: Any, c: Any) -> Numpy:
    """a b + c, of single precision rounded once, as torch's compiled loops do it."""
    if a.dtype != np.float32:
        return np.asarray(a * b + c)
    return np.asarray((a.astype(np.float64) * b + c).astype(np.float32))


def _taps(coordinate: Numpy, size: int, attrs: Sampling) -> _Taps:
    kind = coordinate.dtype.type
    scale = kind((size - 1) / 2 if attrs.align else size / 2)
    at = _fused(coordinate + 1, scale, 0 if attrs.align else -0.5)
    if attrs.mode == "bicubic":
        first = np.floor(at)
        places, weights, slopes = [], [], []
        for step in range(-1, 3):
            d = at - (first + step)
            weight, slope = _cubic(np.abs(d))
            place, _ = _inside(first + step, size, attrs)
            places.append(place)
            weights.append(weight)
            slopes.append(slope * np.sign(d) * scale)
    else:
        at, follows = _inside(at, size, attrs)
        if attrs.mode == "nearest":
            places, weights = [np.rint(at)], [np.ones_like(at)]
            slopes = [np.zeros_like(at)]
        else:
            first = np.floor(at)
            part = at - first
            places, weights = [first, first + 1], [1 - part, part]
            slopes = [-follows * scale, follows * scale]
    whole = [np.where(np.isfinite(p), p, _OUTSIDE).astype(np.int64) for p in places]
    return _Taps(whole, weights, slopes)


def _walk(
    attrs: Sampling, sizes: Ints, grid: Numpy
) -> Iterator[tuple[tuple[Numpy, ...], Numpy, Numpy, list[Numpy]]]:
    """For each combination of taps: positions, whether they lie inside, weight, and its slopes.

    The grid names the last axis first.
    """
    taps = [_taps(grid[..., -1 - axis], size, attrs) for axis, size in enumerate(sizes)]
    for chosen in itertools.product(*[range(len(each.places)) for each in taps]):
        pairs = list(zip(taps, chosen, strict=True))
        places = [each.places[i] for each, i in pairs]
        weights = [each.weights[i] for each, i in pairs]
        there = np.logical_and.reduce(
            [(p >= 0) & (p < size) for p, size in zip(places, sizes, strict=True)]
        )
        weight = np.prod(weights, axis=0)
        slopes = []
        for axis, (each, i) in enumerate(pairs):
            others = [w for k, w in enumerate(weights) if k != axis]
            slopes.append(each.slopes[i] * np.prod(others, axis=0))
        safe = tuple(np.where(there, p, 0) for p in places)
        yield safe, there, weight, slopes


def _batch(x: Any) -> Numpy:
    return np.arange(x.shape[0]).reshape(-1, *[1] * (x.ndim - 2))


def _values(x: Numpy, places: tuple[Numpy, ...]) -> Numpy:
    """The channels of each batch's picture at these places; channels come last."""
    where: tuple[Any, ...] = (_batch(x), slice(None), *places)
    return np.asarray(x[where])


def _reference(attrs: Sampling, x: Numpy, grid: Numpy) -> Numpy:
    out = np.zeros((*grid.shape[:-1], x.shape[1]), x.dtype)
    batch, last = _batch(x), np.ascontiguousarray(np.moveaxis(x, 1, -1))
    for places, there, weight, _ in _walk(attrs, x.shape[2:], grid):
        values = last[(batch, *places)]
        share = weight[..., None].astype(x.dtype)
        out = _fused(np.where(there[..., None], values, 0), share, out)
    return np.ascontiguousarray(np.moveaxis(out, -1, 1))


def _picture_reference(attrs: Sampling, g: Numpy, grid: Numpy) -> Numpy:
    out = np.zeros((g.shape[0], *attrs.sizes, g.shape[1]), g.dtype)
    rows, last = _batch(g), np.moveaxis(g, 1, -1)
    for places, there, weight, _ in _walk(attrs, attrs.sizes, grid):
        share = np.where(there, weight, 0)[..., None].astype(g.dtype)
        np.add.at(out, (rows, *places), last * share)
    return np.ascontiguousarray(np.moveaxis(out, -1, 1))


def _grid_reference(attrs: Sampling, g: Numpy, x: Numpy, grid: Numpy) -> Numpy:
    out = np.zeros(grid.shape, grid.dtype)
    last = np.moveaxis(g, 1, -1)
    for places, there, _, slopes in _walk(attrs, x.shape[2:], grid):
        along = (_values(x, places) * last).sum(axis=-1)
        for axis, slope in enumerate(slopes):
            out[..., -1 - axis] += np.where(there, along * slope, 0)
    return out


def _shape(call: Call) -> tuple[Out, ...]:
    x, grid = call.shape(0), call.shape(1)
    return (Out((x[0], x[1], *grid[1:-1]), call.dtype(0)),)


def _picture_shape(call: Call) -> tuple[Out, ...]:
    g = call.shape(0)
    return (Out((g[0], g[1], *call.attrs.sizes), call.dtype(0)),)


def _samples(sizes: Ints, outs: Ints, order: str) -> Any:
    """``order`` says which arrays an operation takes: of the output (g), picture (x), grid (p)."""
    modes = [("bilinear", "zeros"), ("bilinear", "reflection"), ("nearest", "border")]
    modes += [("bicubic", "border"), ("bicubic", "zeros")] if len(sizes) == 2 else []

    def generate(random: np.random.Generator) -> Iterable[Sample]:
        for (mode, padding), align in itertools.product(modes, (False, True)):
            known = sizes if "x" not in order else ()
            arrays = {
                "x": random.uniform(-1, 1, (2, 3, *sizes)),
                "g": random.uniform(-1, 1, (2, 3, *outs)),
                "p": random.uniform(-1.4, 1.4, (2, *outs, len(sizes))),
            }
            attrs = Sampling(mode, padding, align, known)
            yield Sample(attrs, tuple(arrays[name] for name in order))

    return generate


def _refused(node: Node, *places: int) -> None:
    """torch has no derivatives of these gradients by the picture or the grid."""
    if any(node.edges[place] is not None for place in places):
        dimensions = len(node.call.shape(0)) - 2
        raise RuntimeError(
            f"derivative for aten::grid_sampler_{dimensions}d_backward is not implemented\n"
            "  the gradient of grid_sample cannot be differentiated again: leave out create_graph"
        )


def _sampler(name: str, title: str, sizes: Ints, outs: Ints) -> Op:
    def vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
        x, grid, own = node.recall()
        attrs: Sampling = node.call.attrs
        dx = dgrid = None
        if node.edges[0] is not None:
            sized = attrs._replace(sizes=tuple(node.call.shape(0)[2:]))
            dx = apply(by_picture, interned(sized), g, own if grid is None else grid)
        if node.edges[1] is not None:
            dgrid = apply(by_grid, attrs, g, x, own)
        return dx, dgrid

    def picture_vjp(node: Node, h: Array) -> tuple[Array | None, ...]:
        _refused(node, 1)
        (grid,) = node.recall()
        return apply(op, interned(node.call.attrs._replace(sizes=())), h, grid), None

    def grid_vjp(node: Node, h: Array) -> tuple[Array | None, ...]:
        _refused(node, 0, 1, 2)
        return None, None, None

    op = Op(
        name=name,
        title=title,
        shape=_shape,
        reference=_reference,
        vjp=vjp,
        saves=Saves(((0, 1), (1, 0), (1, 1)), ()),
        aliases=False,
        flops=lambda call: 8 * call.shape(0)[1] * call.shape(1).numel(),
        bytes=moved_bytes,
        samples=_samples(sizes, outs, "xp"),
        kernels=(),
    )
    by_picture = Op(
        name=f"{name}_grad",
        title=f"{title}Backward",
        shape=_picture_shape,
        reference=_picture_reference,
        vjp=picture_vjp,
        saves=Saves(((1, 0),), ()),
        aliases=False,
        flops=lambda call: 8 * call.shape(0).numel(),
        bytes=moved_bytes,
        samples=_samples(sizes, outs, "gp"),
        kernels=(),
    )
    by_grid = Op(
        name=f"{name}_grid_grad",
        title=f"{title}Backward",
        shape=lambda call: (Out(call.shape(2), call.dtype(2)),),
        reference=_grid_reference,
        vjp=grid_vjp,
        saves=NOTHING,
        aliases=False,
        flops=lambda call: 8 * call.shape(0).numel(),
        bytes=moved_bytes,
        samples=_samples(sizes, outs, "gxp"),
        kernels=(),
    )
    return op


grid_sample = _sampler("grid_sample", "GridSampler2D", (4, 5), (3, 2))
grid_sample3d = _sampler("grid_sample3d", "GridSampler3D", (3, 4, 2), (2, 1, 3))
