"""Convolution that ends in a residual and an activation, in one pass over its outputs.

    y = activation(conv(x, w) + b + r)

It has no gradient: it is what a compiled program puts in place of a convolution and what follows
it. Eager code runs the operations one by one; both write their numbers through one emitter
(`tatamu.kernels.epilogue`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tatamu.geometry import ConvSpec
from tatamu.ops.array import Numpy
from tatamu.ops.common import interned, moved_bytes
from tatamu.ops.convolution import conv_kernels, convolution
from tatamu.ops.layout import channels_innermost_strides
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample

if TYPE_CHECKING:
    from tatamu.kernels.epilogue import Epilogue

__all__ = ["FusedConv", "conv_fused", "fused"]


class FusedConv(NamedTuple):
    """A convolution, the name of an activation ('' for none), and whether a residual is added."""

    spec: ConvSpec
    activation: str
    residual: bool
    slope: float

    @property
    def epilogue(self) -> Epilogue:
        """The same in the kernels' terms."""
        from tatamu.kernels.epilogue import Epilogue

        return Epilogue(self.activation, self.residual, self.slope)


def fused(
    spec: ConvSpec, activation: str = "", residual: bool = False, slope: float = 0.01
) -> FusedConv:
    """The one FusedConv of these; ValueError for an activation that no kernel ends in.

    >>> fused(ConvSpec.make(3), "relu").activation
    'relu'
    """
    if activation and activation not in _ACTIVATIONS:
        known = ", ".join(sorted(_ACTIVATIONS))
        raise ValueError(f"no convolution ends in {activation!r}\n  those that do: {known}")
    return interned(FusedConv(spec, activation, residual, slope))


def _shape(call: Call) -> tuple[Out, ...]:
    attrs: FusedConv = call.attrs
    plain = Call.__new__(Call)
    plain.op, plain.attrs = convolution, attrs.spec
    plain.shapes, plain.strides = call.shapes[:3], call.strides[:3]
    plain.dtypes = call.dtypes[:3]
    (out,) = convolution.shape(plain)
    if attrs.residual and call.shape(3) != out.shape:
        raise RuntimeError(
            f"The size of the residual {list(call.shape(3))} must match that of the convolution's "
            f"output {list(out.shape)}"
        )
    return (Out(out.shape, out.dtype, channels_innermost_strides(out.shape)),)


def _erf(x: Numpy) -> Numpy:
    return np.asarray(np.vectorize(math.erf, otypes=[x.dtype])(x)) if x.size else x


def _within(x: Numpy) -> Numpy:
    return np.asarray(np.clip(x + 3, 0, 6))


_ACTIVATIONS: dict[str, Callable[[Numpy, float], Any]] = {
    "relu": lambda x, _: np.where(x < 0, 0, x),
    "relu6": lambda x, _: np.clip(x, 0, 6),
    "leaky_relu": lambda x, slope: np.where(x < 0, x * slope, x),
    "hard_sigmoid": lambda x, _: _within(x) / 6,
    "hard_swish": lambda x, _: x * _within(x) / 6,
    "silu": lambda x, _: x / (1 + np.exp(-x)),
    "sigmoid": lambda x, _: 1 / (1 + np.exp(-x)),
    "tanh": lambda x, _: np.tanh(x),
    "gelu": lambda x, _: x * (1 + _erf(x * math.sqrt(0.5))) / 2,
}


def _reference(
    attrs: FusedConv, x: Numpy, w: Numpy, bias: Numpy | None = None, r: Numpy | None = None
) -> Numpy:
    y: Numpy = convolution.reference(attrs.spec, x, w, bias)
    if r is not None:
        y = y + r
    if attrs.activation:
        y = _ACTIVATIONS[attrs.activation](y, attrs.slope).astype(x.dtype)
    return y


def _flops(call: Call) -> int:
    outputs = prod(_shape(call)[0].shape)
    return 2 * outputs * prod(call.shape(1)[1:]) + 3 * outputs


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for place, activation in enumerate(("", *_ACTIVATIONS)):
        spec = ConvSpec.make(3, stride=1 + place % 2, padding=1)
        x, w = random.uniform(-2, 2, (2, 3, 6, 5)), random.uniform(-2, 2, (5, 3, 3, 3))
        r = random.uniform(-2, 2, spec.out_shape(x.shape, w.shape))
        yield Sample(fused(spec, activation, True, 0.2), (x, w, random.uniform(-1, 1, 5), r))
        if place < 3:  # without a residual an activation is the same code
            yield Sample(fused(spec, activation), (x, w, None, None))


conv_fused = Op(
    name="conv_fused",
    title="ConvolutionFused",
    shape=_shape,
    reorders=True,
    reference=_reference,
    vjp=None,
    saves=NOTHING,
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_samples,
    kernels=conv_kernels("forward"),
)
