"""Convolution over one to three axes, its two gradients, and transposed convolution.

With taps i, j of the window, at output position p, q (s: stride, d: dilation, a: padding before):

    y[n,o,p,q]   = b[o] + sum over c, i, j of  w[o,c,i,j] x[n, c, s p + d i - a, s q + d j - a]
    dx[n,c,...] += w[o,c,i,j] g[n,o,p,q]         conv_input_grad, a transposed convolution
    dw[o,c,i,j]  = sum over n, p, q of  g[n,o,p,q] x[n,c,...]        conv_weight_grad
    db[o]        = sum over n, p, q of  g[n,o,p,q]

All three are bilinear in two of the three tensors x, w and g; so the gradient of each is made of
the other two, and derivatives of every order exist. ``attrs`` of the first is the ``ConvSpec``; of
the gradients the spec and the shape of what they give, which stride and padding alone do not tell.
Transposed convolution is the input's gradient as a layer of its own, with a bias.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu.dtypes import int64
from tatamu.geometry import ConvSpec
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, moved_bytes
from tatamu.ops.conv_fft import FFTKernel
from tatamu.ops.convolution_kernels import ConvKernel, Role, WeightGradKernel
from tatamu.ops.expand import sum_
from tatamu.ops.folding import reduction
from tatamu.ops.grouped_grad import GroupedGradKernel
from tatamu.ops.index import cropped
from tatamu.ops.layout import Ints, channels_innermost_strides
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply, registry
from tatamu.ops.pad import Pad, pad_op
from tatamu.ops.winograd_grad_runner import WinogradGradKernel
from tatamu.pitfalls import of_numbers

__all__ = [
    "ConvGrad",
    "conv_input_grad",
    "conv_kernels",
    "conv_transpose",
    "conv_weight_grad",
    "convolution",
    "gradient_of",
    "set_winograd",
]


class ConvGrad(NamedTuple):
    """The spec of a convolution, and the shape of the operand whose gradient is meant."""

    spec: ConvSpec
    shape: Ints


def gradient_of(spec: ConvSpec, shape: Ints) -> ConvGrad:
    """The one ConvGrad of these two."""
    return interned(ConvGrad(spec, shape))


# ---- shape rules --------------------------------------------------------------------------------


def _channels_last(shape: Ints, call: Call) -> tuple[Out, ...]:
    return (Out(shape, call.dtype(0), channels_innermost_strides(shape)),)


def _shape(call: Call) -> tuple[Out, ...]:
    x, w = call.dtype(0), call.dtype(1)
    bias = call.shapes[2] if len(call.shapes) == 3 else None
    transposed = call.attrs.transposed
    if transposed and not (x.is_floating_point or x is int64):
        flat = max(call.attrs.dims, 2)  # torch runs one axis as a picture of height 1
        raise NotImplementedError(
            f"\"slow_conv_transpose{flat}d_out_cpu\" not implemented for '{x.legacy_name}'\n"
            f"  input.to({w}) makes it fit the weight{of_numbers(x.name, w.name)}"
        )
    if not transposed and bias is not None and call.dtype(2) is not x:
        raise RuntimeError(
            f"Input type ({x.c_name}) and bias type ({call.dtype(2).c_name}) should be the same\n"
            f"  input.to({call.dtype(2)}) makes them so{of_numbers(x.name, w.name)}"
        )
    if x is not w:
        raise RuntimeError(
            f"expected scalar type {x.legacy_name} but found {w.legacy_name}\n"
            f"  the input is {x}, the weight {w}: input.to({w}) makes them alike"
            + of_numbers(x.name, w.name)
        )
    shape = call.attrs.out_shape(call.shape(0), call.shape(1), bias)
    return _channels_last(shape, call)


def _input_grad_shape(call: Call) -> tuple[Out, ...]:
    return _channels_last(call.attrs.shape, call)


def _weight_grad_shape(call: Call) -> tuple[Out, ...]:
    return (Out(call.attrs.shape, call.dtype(0)),)


# ---- references: one tap of the window after the other, all positions at once --------------------


def _split(last: Numpy, groups: int) -> Numpy:
    """(n, pixels..., c) as (n, pixels..., groups, c / groups)."""
    return last.reshape(*last.shape[:-1], groups, last.shape[-1] // groups)


def _padded(spec: ConvSpec, x: Numpy) -> Numpy:
    """``x`` with its zeros around it, channels last and split by group: (n, ..., groups, c)."""
    pads = [window.pad for window in spec.windows]
    wide = np.pad(np.moveaxis(x, 1, -1), [(0, 0), *pads, (0, 0)])
    return _split(wide, spec.groups)


def _taps(spec: ConvSpec, out: Ints) -> Iterator[tuple[Ints, tuple[slice, ...]]]:
    """Each tap of the window, with the positions of the padded input that it reads."""
    for tap in np.ndindex(*spec.kernel):
        read = []
        for window, count, i in zip(spec.windows, out, tap, strict=True):
            first, last = window.taps(0)[i], window.taps(count - 1)[i]
            before = window.pad[0]
            read.append(slice(first + before, last + before + 1, window.stride))
        yield tap, (slice(None), *read)


def _grouped(spec: ConvSpec, w: Numpy) -> Numpy:
    """Weights as (taps..., groups, c, o)."""
    split = w.reshape(spec.groups, w.shape[0] // spec.groups, *w.shape[1:])
    return split.transpose(*range(3, split.ndim), 0, 2, 1)


def _by_group(spec: ConvSpec, g: Numpy) -> Numpy:
    """Outputs as (n, pixels..., groups, o)."""
    return _split(np.moveaxis(g, 1, -1), spec.groups)


def _times(spec: ConvSpec, values: Numpy, matrix: Numpy) -> Numpy:
    """Each position's channels times the tap's matrix, group by group."""
    if spec.groups == 1:
        return np.asarray((values[..., 0, :] @ matrix[0])[..., None, :])
    product: Numpy = np.einsum("...gc,gco->...go", values, matrix)
    return product


def _reference(spec: ConvSpec, x: Numpy, w: Numpy, bias: Numpy | None = None) -> Numpy:
    batch, channels, *out = spec.out_shape(x.shape, w.shape)
    wide, weights = _padded(spec, x), _grouped(spec, w)
    y = np.zeros((batch, *out, spec.groups, channels // spec.groups), x.dtype)
    for tap, read in _taps(spec, tuple(out)):
        y += _times(spec, wide[read], weights[tap])
    y = y.reshape(batch, *out, channels)
    if bias is not None:
        y += bias
    return np.moveaxis(y, -1, 1)


def _input_grad_reference(attrs: ConvGrad, g: Numpy, w: Numpy) -> Numpy:
    spec, shape = attrs
    wide, weights = _padded(spec, np.zeros(shape, g.dtype)), _grouped(spec, w)
    by_group = _by_group(spec, g)
    for tap, read in _taps(spec, g.shape[2:]):
        wide[read] += _times(spec, by_group, weights[tap].swapaxes(-1, -2))
    sides = zip(spec.windows, shape[2:], strict=True)
    inside = [slice(window.pad[0], window.pad[0] + size) for window, size in sides]
    last = wide.reshape(*wide.shape[:-2], shape[1])[(slice(None), *inside)]
    return np.moveaxis(np.ascontiguousarray(last), -1, 1)


def _transpose_reference(spec: ConvSpec, x: Numpy, w: Numpy, bias: Numpy | None = None) -> Numpy:
    shape = spec.out_shape(x.shape, w.shape)
    y = _input_grad_reference(ConvGrad(spec.forwards(), shape), x, w)
    return y if bias is None else y + bias.reshape(-1, *(1,) * spec.dims)


def _weight_grad_reference(attrs: ConvGrad, x: Numpy, g: Numpy) -> Numpy:
    spec, shape = attrs
    wide, by_group = _padded(spec, x), _by_group(spec, g)
    grad = np.empty((spec.groups, shape[0] // spec.groups, *shape[1:]), x.dtype)
    axes = tuple(range(spec.dims + 1))
    for tap, read in _taps(spec, g.shape[2:]):
        patch = wide[read]
        for group in range(spec.groups):
            outputs, inputs = by_group[..., group, :], patch[..., group, :]
            at: Any = (group, slice(None), slice(None), *tap)
            grad[at] = np.tensordot(outputs, inputs, (axes, axes))
    return grad.reshape(shape)


# ---- gradients ----------------------------------------------------------------------------------


def _vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    w, x = node.recall()
    call = node.call
    spec: ConvSpec = call.attrs
    dx = None if w is None else apply(conv_input_grad, gradient_of(spec, call.shape(0)), g, w)
    dw = None if x is None else apply(conv_weight_grad, gradient_of(spec, call.shape(1)), x, g)
    if len(node.edges) == 2 or node.edges[2] is None:
        return dx, dw, None
    return dx, dw, _bias_grad(g)


def _bias_grad(g: Array) -> Array:
    total: Array = apply(sum_, reduction((0, *range(2, len(g.shape)))), g)
    return total


def _transpose_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    w, x = node.recall()
    call = node.call
    spec: ConvSpec = call.attrs
    forwards = spec.forwards()
    shape = call.shape(0)
    dx = None if w is None else cropped(apply(convolution, forwards, g, w, None), shape)
    weights = gradient_of(forwards, call.shape(1))
    dw = None if x is None else apply(conv_weight_grad, weights, g, _grown(spec, x, g.shape))
    if len(node.edges) == 2 or node.edges[2] is None:
        return dx, dw, None
    return dx, dw, _bias_grad(g)


def _grown(spec: ConvSpec, x: Array, out: Ints) -> Array:
    """``x`` with the zeros that would reach outputs which whole strides of output_padding added."""
    sizes = spec.forwards().out_size(out[2:])
    if sizes == x.shape[2:]:
        return x
    widths = tuple([(0, want - have) for want, have in zip(sizes, x.shape[2:], strict=True)])
    wide: Array = apply(pad_op, interned(Pad(widths, "constant", 0.0)), x)
    return wide


def _input_grad_vjp(node: Node, h: Array) -> tuple[Array | None, ...]:
    w, g = node.recall()
    spec: ConvSpec = node.call.attrs.spec
    dg = None if w is None else apply(convolution, spec, h, w, None)
    weights = gradient_of(spec, node.call.shape(1))
    return dg, None if g is None else apply(conv_weight_grad, weights, h, g)


def _weight_grad_vjp(node: Node, h: Array) -> tuple[Array | None, ...]:
    g, x = node.recall()
    spec: ConvSpec = node.call.attrs.spec
    inputs = gradient_of(spec, node.call.shape(0))
    dx = None if g is None else apply(conv_input_grad, inputs, g, h)
    return dx, None if x is None else apply(convolution, spec, x, h, None)


# ---- cost and samples ---------------------------------------------------------------------------


def _flops(call: Call) -> int:
    """Two for each multiply-add; those with padding are counted too, as everybody does."""
    out = prod(_shape(call)[0].shape)
    bias = out if len(call.shapes) == 3 and call.shapes[2] is not None else 0
    return 2 * out * prod(call.shape(1)[1:]) + bias


def _transpose_flops(call: Call) -> int:
    bias = len(call.shapes) == 3 and call.shapes[2] is not None
    extra = prod(call.op.shape(call)[0].shape) if bias else 0
    return 2 * prod(call.shape(0)) * prod(call.shape(1)[1:]) + extra


def _input_grad_flops(call: Call) -> int:
    return 2 * prod(call.shape(0)) * prod(call.shape(1)[1:])


def _weight_grad_flops(call: Call) -> int:
    grad: ConvGrad = call.attrs
    return 2 * prod(call.shape(1)) * prod(grad.shape[1:])


_CASES: tuple[tuple[dict[str, Any], Ints, Ints], ...] = (
    ({"kernel": 3, "padding": 1}, (2, 3, 5, 6), (4, 3, 3, 3)),
    ({"kernel": (3, 2), "stride": (2, 1)}, (1, 2, 6, 5), (3, 2, 3, 2)),
    ({"kernel": 3, "padding": 2, "dilation": 2, "groups": 2}, (2, 4, 5, 5), (6, 2, 3, 3)),
    ({"kernel": 2, "padding": "same", "groups": 3}, (1, 3, 4, 4), (3, 1, 2, 2)),
    ({"kernel": 3, "stride": 3, "padding": (0, 1)}, (1, 2, 7, 8), (2, 2, 3, 3)),
    ({"kernel": 1}, (1, 3, 2, 2), (2, 3, 1, 1)),
    ({"kernel": 3, "stride": 2, "padding": 1, "dims": 1}, (2, 4, 9), (6, 4, 3)),
    ({"kernel": 4, "dilation": 2, "groups": 2, "dims": 1}, (1, 4, 9), (6, 2, 4)),
    ({"kernel": 2, "stride": (1, 2, 1), "padding": 1, "dims": 3}, (2, 2, 3, 4, 3), (3, 2, 2, 2, 2)),
)
_TRANSPOSED: tuple[tuple[dict[str, Any], Ints, Ints], ...] = (
    ({"kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}, (2, 4, 3, 4), (4, 3, 3, 3)),
    ({"kernel": 4, "stride": 2, "padding": 1}, (1, 3, 3, 2), (3, 2, 4, 4)),
    ({"kernel": (2, 3), "stride": (3, 1), "groups": 2}, (1, 4, 2, 3), (4, 3, 2, 3)),
    ({"kernel": 2, "stride": 2, "dilation": 3, "output_padding": 2}, (1, 2, 3, 3), (2, 2, 2, 2)),
    ({"kernel": 3, "padding": 1, "dims": 1}, (2, 3, 5), (3, 2, 3)),
    ({"kernel": 2, "stride": 2, "dims": 3}, (1, 2, 2, 2, 3), (2, 3, 2, 2, 2)),
)


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for arguments, x, w in _CASES:
        spec = ConvSpec.make(**arguments)
        bias = None if spec.groups == 3 else random.uniform(-1, 1, w[0])
        yield Sample(spec, (random.uniform(-1, 1, x), random.uniform(-1, 1, w), bias))


def _transpose_samples(random: np.random.Generator) -> Iterable[Sample]:
    for arguments, x, w in _TRANSPOSED:
        spec = ConvSpec.make(**arguments, transposed=True)
        bias = random.uniform(-1, 1, w[1] * spec.groups) if spec.groups == 1 else None
        yield Sample(spec, (random.uniform(-1, 1, x), random.uniform(-1, 1, w), bias))


def _input_grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for arguments, x, w in _CASES:
        spec = ConvSpec.make(**arguments)
        g = random.uniform(-1, 1, spec.out_shape(x, w))
        yield Sample(ConvGrad(spec, x), (g, random.uniform(-1, 1, w)))


def _weight_grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for arguments, x, w in _CASES:
        spec = ConvSpec.make(**arguments)
        g = random.uniform(-1, 1, spec.out_shape(x, w))
        yield Sample(ConvGrad(spec, w), (random.uniform(-1, 1, x), g))


def conv_kernels(role: Role) -> tuple[ConvKernel | FFTKernel, ...]:
    """The algorithms that can play a role, each an object of its own for each operation."""
    names = ("Winograd", "depthwise", "grouped", "direct")
    compiled = tuple(ConvKernel(name, role) for name in names)
    return (*compiled, FFTKernel(role))


def set_winograd(enabled: bool) -> None:
    """Let small windows of stride 1 use Winograd's algorithm (the default), or not.

    Those are 2x2 to 5x5, above all 3x3. It is two to four times as fast as adding up the products
    in order. The size of its tiles is chosen so that the float32 error (root mean square) of
    outputs and input gradients is no larger than that of a plain sum, nor that of weight gradients
    than that of a plain sum over all pixels. (3x3 windows: no larger than PyTorch's in its
    channels-last format, and for weight gradients in its contiguous one; where PyTorch adds in
    blocks, as it does in the other format, it is two to four times as exact.) float64 is accurate
    to a few units in the last place. A NaN or an infinity in the input spreads over its tile of up
    to 4x4 outputs (in weight gradients over all nine taps of its channel), numbers near the end of
    float32's range may overflow, and results differ in the last bits between shapes. The same goes
    for large kernels, which are done by fast Fourier transform in tiles of any size. Switched off,
    every sum is taken in plain order.

    >>> import tatamu
    >>> tatamu.set_winograd(False)
    >>> tatamu.set_winograd(True)
    """
    for op in registry().values():
        for kernel in op.kernels:
            if isinstance(kernel, ConvKernel | FFTKernel | WinogradGradKernel) and (
                kernel.name in ("Winograd", "FFT")
            ):
                kernel.enabled = enabled
                op.plans.clear()


# ---- records ------------------------------------------------------------------------------------

convolution = Op(
    name="convolution",
    title="Convolution",
    shape=_shape,
    reorders=True,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(inputs=((1, 0), (0, 1)), outputs=()),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_samples,
    kernels=conv_kernels("forward"),
)

conv_transpose = Op(
    name="conv_transpose",
    title="Convolution",
    shape=_shape,
    reorders=True,
    reference=_transpose_reference,
    vjp=_transpose_vjp,
    saves=Saves(inputs=((1, 0), (0, 1)), outputs=()),
    aliases=False,
    flops=_transpose_flops,
    bytes=moved_bytes,
    samples=_transpose_samples,
    kernels=conv_kernels("transposed"),
)

conv_input_grad = Op(
    name="conv_input_grad",
    title="ConvolutionInputGrad",
    shape=_input_grad_shape,
    reorders=True,
    reference=_input_grad_reference,
    vjp=_input_grad_vjp,
    saves=Saves(inputs=((1, 0), (0, 1)), outputs=()),
    aliases=False,
    flops=_input_grad_flops,
    bytes=moved_bytes,
    samples=_input_grad_samples,
    kernels=conv_kernels("input gradient"),
)

conv_weight_grad = Op(
    name="conv_weight_grad",
    title="ConvolutionWeightGrad",
    shape=_weight_grad_shape,
    reference=_weight_grad_reference,
    vjp=_weight_grad_vjp,
    saves=Saves(inputs=((1, 0), (0, 1)), outputs=()),
    aliases=False,
    flops=_weight_grad_flops,
    bytes=moved_bytes,
    samples=_weight_grad_samples,
    kernels=(
        FFTKernel("weight gradient"),
        WinogradGradKernel(),
        GroupedGradKernel(),
        WeightGradKernel(),
    ),
)
