"""Convolutions drawn at random, run through `tatamu.nn.functional`, and what is right.

Right are float64 sums written here with NumPy's windows and slices, of which `gather` makes a
convolution and `scatter` what is transposed to it; they share nothing with the package. An error
is bounded by the same sums over absolute values, as in direct_cases; where a transform ran, by
what its norms allow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log2, prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tatamu
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.ops.op import Call, Event, Plan

Numpy = Any
Ints = tuple[int, ...]

FUNCTIONS: dict[tuple[int, bool], Callable[..., Any]] = {
    (1, False): F.conv1d, (2, False): F.conv2d, (3, False): F.conv3d,
    (1, True): F.conv_transpose1d, (2, True): F.conv_transpose2d, (3, True): F.conv_transpose3d,
}  # fmt: skip

# Channels of a group decide which kernels are compiled: few widths, or nightly a few of every one.
WIDTHS = (1, 5, 70)
EVERY_WIDTH = (1, 2, 3, 5, 8, 16, 19, 33, 64, 70)
KERNELS = {1: 9, 2: 9, 3: 4}
ROOM = {1: 40, 2: 14, 3: 4}
# Positions of the picture, or of the windows over it, times channels, that a case may have.
MOST = 3_000_000


@dataclass(frozen=True)
class Case:
    """A convolution as torch's users state it; ``inputs`` and ``outputs`` are of one group."""

    dims: int
    transposed: bool
    dtype: str
    images: int
    groups: int
    inputs: int
    outputs: int
    sizes: Ints
    kernel: Ints
    stride: Ints
    padding: Ints
    dilation: Ints
    same: bool
    output_padding: Ints
    orders: Ints
    bias: bool
    seed: int

    @property
    def pads(self) -> list[tuple[int, int]]:
        """Zeros before and after; of 'same', what is odd goes behind."""
        if not self.same:
            return [(p, p) for p in self.padding]
        missing = [d * (k - 1) for d, k in zip(self.dilation, self.kernel, strict=True)]
        return [(m // 2, m - m // 2) for m in missing]

    @property
    def reach(self) -> list[int]:
        """Positions from a window's first tap to its last."""
        return [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)]

    @property
    def out(self) -> Ints:
        """The output's sizes."""
        axes = zip(self.sizes, self.pads, self.reach, self.stride, strict=True)
        if self.transposed:
            full = [(n - 1) * s - sum(p) + r for n, p, r, s in axes]
            return tuple(n + more for n, more in zip(full, self.output_padding, strict=True))
        return tuple((n + sum(p) - r) // s + 1 for n, p, r, s in axes)

    @property
    def arguments(self) -> dict[str, Any]:
        """For the function; one number where all axes agree."""
        given = {"stride": self.stride, "dilation": self.dilation, "padding": self.padding}
        found: dict[str, Any] = {
            name: value[0] if len(set(value)) == 1 else value for name, value in given.items()
        }
        if self.same:
            found["padding"] = "same"
        if self.transposed:
            found["output_padding"] = self.output_padding
        return {**found, "groups": self.groups}

    def arrays(self) -> tuple[Numpy, Numpy, Numpy | None]:
        """Input, weights and bias, not yet in their order of memory."""
        random = np.random.default_rng(self.seed)
        channels = self.groups * self.inputs
        first = (channels, self.outputs) if self.transposed else (
            self.groups * self.outputs, self.inputs
        )  # fmt: skip
        x = random.standard_normal((self.images, channels, *self.sizes)).astype(self.dtype)
        w = random.standard_normal((*first, *self.kernel)).astype(self.dtype)
        b = random.standard_normal(self.groups * self.outputs).astype(self.dtype)
        return x, w, b if self.bias else None


@st.composite
def cases(draw: st.DrawFn, dims: int, transposed: bool = False, offered: Ints = WIDTHS) -> Case:
    """Any convolution over so many axes."""

    def axes(low: int, high: int) -> Ints:
        return tuple(draw(st.lists(st.integers(low, high), min_size=dims, max_size=dims)))

    kernel, dilation = axes(1, KERNELS[dims]), axes(1, 1 + draw(st.integers(0, 2)))
    if draw(st.booleans()):
        kernel = (draw(st.sampled_from([1, 3, 3, 3, 5])),) * dims
    kernel = tuple(min(k, KERNELS[dims]) for k in kernel)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    same = not transposed and draw(st.integers(0, 4)) == 0
    stride = (1,) * dims if same else axes(1, 1 + draw(st.integers(0, 2)))
    padding = (0,) * dims if same else axes(0, draw(st.integers(0, 4)))
    more = (0,) * dims
    if transposed:
        limits = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
        more = tuple(draw(st.integers(0, limit)) for limit in limits)
        least = [
            max(1, -(-(2 * p - r - m + s) // s))
            for p, r, m, s in zip(padding, reach, more, stride, strict=True)
        ]
        least = [n + (2 * p >= (n - 1) * s + r + m) for n, p, r, m, s in
                 zip(least, padding, reach, more, stride, strict=True)]  # fmt: skip
    else:
        least = [1 if same else max(1, r - 2 * p) for r, p in zip(reach, padding, strict=True)]
    sizes = tuple(n + extra for n, extra in zip(least, axes(0, ROOM[dims]), strict=True))
    images = draw(st.sampled_from([0, 1, 1, 1, 2, 3]))
    kind = draw(st.sampled_from(["dense", "dense", "dense", "grouped", "depthwise"]))
    room = MOST // (max(images, 1) * prod(kernel) * prod(n + 8 for n in sizes))
    widths = [n for n in offered if n <= max(1, room)] or [1]
    groups, inputs, outputs = 1, draw(st.sampled_from(widths)), draw(st.sampled_from(widths))
    if kind == "grouped":
        groups = draw(st.sampled_from([2, 3]))
        inputs, outputs = (draw(st.sampled_from([n for n in offered if n < 16])) for _ in range(2))
    elif kind == "depthwise":
        groups, inputs, outputs = draw(st.integers(2, 70)), 1, draw(st.sampled_from([1, 1, 2, 3]))
    return Case(
        dims, transposed, draw(st.sampled_from(["float32", "float64"])), images, groups, inputs,
        outputs, sizes, kernel, stride, padding, dilation, same, more,
        (draw(st.integers(0, 3)), draw(st.integers(0, 2))), draw(st.booleans()),
        draw(st.integers(0, 999)),
    )  # fmt: skip


def laid(array: Numpy, order: int) -> Any:
    """A tensor of these numbers: in C order, channels-last, cut out of a larger one, or turned."""
    if order == 1:
        last = tatamu.from_numpy(np.ascontiguousarray(np.moveaxis(array, 1, -1)))
        return last.permute(0, array.ndim - 1, *range(1, array.ndim - 1))
    if order == 2:
        wide = np.full([n + 2 for n in array.shape], np.nan, array.dtype)
        inside = (slice(1, -1),) * array.ndim
        wide[inside] = array
        return tatamu.from_numpy(wide)[inside]
    if order == 3:
        axes = tuple(reversed(range(array.ndim)))
        return tatamu.from_numpy(np.ascontiguousarray(array.transpose(axes))).permute(*axes)
    return tatamu.from_numpy(array.copy())


# ---- what is right ------------------------------------------------------------------------------


def windows(case: Case, x: Numpy) -> Numpy:
    """(n, c, positions..., taps...) of the wide operand, with its zeros."""
    axes = tuple(range(2, 2 + case.dims))
    wide = np.pad(x, [(0, 0), (0, 0), *case.pads])
    cut = np.lib.stride_tricks.sliding_window_view(wide, case.reach, axes)
    steps = [slice(None, None, s) for s in (*case.stride, *case.dilation)]
    return cut[(slice(None), slice(None), *steps)]


def gather(case: Case, x: Numpy, w: Numpy) -> Numpy:
    """Each group's windows times its weights (out, in, taps...)."""
    cut = windows(case, x)
    n, c, *sizes = cut.shape
    positions, count = tuple(sizes[: case.dims]), prod(sizes[: case.dims])
    each = c // case.groups
    found = []
    for group, weights in enumerate(np.split(w, case.groups)):
        mine = np.moveaxis(cut[:, group * each : (group + 1) * each], 1, 1 + case.dims)
        flat = mine.reshape(n * count, each * prod(case.kernel))
        found.append(
            (flat @ weights.reshape(len(weights), -1).T).reshape(n, *positions, len(weights))
        )
    return np.moveaxis(np.concatenate(found, -1), -1, 1)


def scatter(case: Case, g: Numpy, w: Numpy, sizes: Ints) -> Numpy:
    """Every number of g stamps its weights (of g, of the result, taps...) into the result."""
    n, channels = len(g), w.shape[1] * case.groups
    pads = case.pads
    steps = zip(g.shape[2:], case.stride, case.reach, sizes, pads, strict=True)
    wide = [max((m - 1) * s + r, size + sum(p)) for m, s, r, size, p in steps]
    y = np.zeros((n, channels, *wide))
    by_group = g.reshape(n, case.groups, w.shape[0] // case.groups, prod(g.shape[2:]))
    weights = w.reshape(case.groups, len(w) // case.groups, *w.shape[1:]).swapaxes(1, 2)
    for tap in np.ndindex(*case.kernel):
        at = [
            slice(t * d, t * d + (m - 1) * s + 1, s)
            for t, d, m, s in zip(tap, case.dilation, g.shape[2:], case.stride, strict=True)
        ]
        terms = weights[(..., *tap)] @ by_group
        y[(slice(None), slice(None), *at)] += terms.reshape(n, channels, *g.shape[2:])
    inside = [slice(p[0], p[0] + size) for p, size in zip(pads, sizes, strict=True)]
    return y[(slice(None), slice(None), *inside)]


def correlation(case: Case, x: Numpy, g: Numpy) -> Numpy:
    """The gradient of weights (of g, of x, taps...): every number of g times what it read."""
    cut = windows(case, x)[(slice(None), slice(None), *(slice(m) for m in g.shape[2:]))]
    each, of_g = x.shape[1] // case.groups, g.shape[1] // case.groups
    axes = (0, *range(2, 2 + case.dims))
    found = [
        np.tensordot(
            g[:, group * of_g : (group + 1) * of_g],
            cut[:, group * each : (group + 1) * each],
            (axes, axes),
        )
        for group in range(case.groups)
    ]
    return np.concatenate(found)


Sum = Callable[[Numpy, Numpy], Numpy]


def sums(case: Case) -> dict[str, tuple[Sum, int]]:
    """For each operation the sum it stands for, of its two operands, and how many terms it has."""
    taps = prod(case.kernel)
    there = case.sizes if case.transposed else case.out
    back = case.out if case.transposed else case.sizes
    read, written = (case.inputs, case.outputs)[:: 1 if not case.transposed else -1]
    convolve = lambda x, w: gather(case, x, w)  # noqa: E731
    transposed = lambda g, w: scatter(case, g, w, back)  # noqa: E731
    return {
        "convolution": (convolve, taps * read),
        "conv_transpose": (transposed, taps * written),
        "conv_input_grad": (transposed, taps * written),
        "conv_weight_grad": (lambda x, g: correlation(case, x, g), case.images * prod(there)),
    }


# ---- what is checked ----------------------------------------------------------------------------


def check(case: Case) -> None:
    """Output and gradients are right, whichever kernel makes them; and they are adjoint."""
    arrays = case.arrays()
    x, w = (laid(a, order) for a, order in zip(arrays[:2], case.orders, strict=True))
    b = None if arrays[2] is None else tatamu.from_numpy(arrays[2])
    given = [t for t in (x, w, b) if t is not None]
    for tensor in given:
        tensor.requires_grad = True
    events: list[Event] = []
    with watching(events.append):
        y = FUNCTIONS[case.dims, case.transposed](x, w, b, **case.arguments)
        assert tuple(y.shape) == (case.images, case.groups * case.outputs, *case.out)
        g = np.random.default_rng(case.seed + 1).standard_normal(y.shape).astype(case.dtype)
        gradients = tatamu.autograd.grad(y, given, laid(g, case.orders[0] % 3))
    for event in events:
        if event.op.name in sums(case):
            check_operation(case, event, event.output, event.ran.kernel)
            check_every_kernel(case, event)
    if case.images:
        check_adjoint(arrays, np.array(y.detach()), g, [np.array(d) for d in gradients])


def check_adjoint(arrays: Any, y: Numpy, g: Numpy, gradients: list[Numpy]) -> None:
    """<y - b, g> = <x, dx> = <w, dw>, and <b, db> is what the bias adds to <y, g>."""
    wide = [a.astype(np.float64) for a in arrays if a is not None]
    products = [float((a * d).sum()) for a, d in zip(wide, gradients, strict=True)]
    whole = float((y.astype(np.float64) * g).sum())
    size = float(np.linalg.norm(y.astype(np.float64)) * np.linalg.norm(g.astype(np.float64)))
    added = products[2] if len(products) == 3 else 0.0
    tolerance = (2e-5 if y.dtype == np.float32 else 1e-13) * (size + abs(added) + abs(whole))
    for product in products[:2]:
        assert abs(whole - added - product) <= tolerance, (whole, added, product, size)


def check_operation(case: Case, event: Event, output: Any, kernel: str) -> None:
    """One operation's output is the sum that it stands for."""
    function, terms = sums(case)[event.op.name]
    pair = [np.array(t.detach()) for t in event.inputs[:2] if t is not None]
    bias = event.inputs[2] if len(event.inputs) > 2 else None
    wide = [a.astype(np.float64) for a in pair]
    right, size = function(*wide), function(*map(abs, wide))
    if bias is not None:
        column = np.array(bias.detach()).astype(np.float64).reshape(-1, *(1,) * case.dims)
        right, size = right + column, size + abs(column)
    bound = allowed(kernel, case, terms, size, wide)
    found = np.array(output.detach())
    assert found.shape == right.shape
    error = abs(found - right)
    assert not error.size or (error <= bound).all(), (kernel, float((error / bound).max()))


def allowed(kernel: str, case: Case, terms: int, size: Numpy, operands: list[Numpy]) -> Numpy:
    """How far off each number may be."""
    facts = np.finfo(case.dtype)
    double = 1 if case.dtype == "float32" else 2
    if not size.size:
        return size
    if kernel.startswith("FFT"):
        norms = prod(float(np.linalg.norm(a)) for a in operands) + float(size.max())
        return np.full_like(size, facts.eps * (4 + log2(max(a.size for a in operands))) * norms)
    if kernel.startswith("Winograd"):
        return np.full_like(size, 2 * (4 + 2 * np.sqrt(terms)) * facts.eps * size.max() * double)
    c = min(terms + 1, 4 + 2 * np.sqrt(terms + 1)) * double
    return c * facts.eps * size + (terms + 1) * facts.tiny


def check_every_kernel(case: Case, event: Event) -> None:
    """All that would serve the call give the same, the transform even where it does not pay."""
    call = Call(event.op, event.attrs, event.inputs)
    for kernel in event.op.kernels:
        if event.output.numel() and runs(kernel, call):
            plan = Plan(call)
            plan.runner = kernel.prepare(call)
            (output,) = plan.run(event.inputs)
            check_operation(case, event, output, kernel.name)


def runs(kernel: Any, call: Call) -> bool:
    if kernel.name != "FFT":
        return kernel.accepts(call) is None
    from tatamu.kernels import fft

    return not isinstance(fft.plan(kernel.problem(call)), str)
