"""Direct convolution called without the runtime: any target, also as a debug build."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stage_runner import Kernel

from tatamu.geometry import ConvSpec
from tatamu.kernels import direct, direct_emit
from tatamu.kernels.problem import ConvProblem
from tatamu.stage import Target

Array = NDArray[Any]


def problem(
    spec: ConvSpec, dtype: str, shape: tuple[int, int, int, int], outputs: int, planar: bool = False
) -> ConvProblem:
    """A problem on dense data, channels last or planar."""
    _, c, h, w = shape
    strides = (c * h * w, h * w, w, 1) if planar else (h * w * c, 1, w * c, c)
    return ConvProblem(spec, dtype, shape, strides, outputs)


class Direct:
    """The kernel that the plan of a problem asks for; runs every problem that needs its tile."""

    def __init__(self, tile: direct_emit.Tile, target: Target, *, debug: bool = False):
        self.target = target
        fields = direct_emit.fields(direct_emit.DTYPES[tile.dtype])
        self._kernel = Kernel(direct_emit.emit(tile, target, debug=debug), fields)

    def __call__(self, p: ConvProblem, x: Array, weight: Array, bias: Array | None) -> Array:
        """The output in NCHW; ``x`` is NCHW, too, and laid out as the problem says."""
        plan = direct.plan(p, self.target)
        order = (0, 1, 2, 3) if p.x_strides[3] == 1 and p.x_shape[1] > 1 else (0, 2, 3, 1)
        images, channels, height, width = plan.y_shape
        y = np.full((images, height, width, channels), np.nan, p.dtype)
        self._kernel(
            x=np.ascontiguousarray(x.transpose(order)),
            w=plan.pack_weight(weight),
            b=plan.pack_bias(bias),
            y=y,
            scratch=np.full(2 * plan.scratch, np.nan, p.dtype),
            rows=plan.rows,
            segments=plan.segments,
            end=plan.items,
            worker=1,
            **plan.numbers,
        )
        return y.transpose(0, 3, 1, 2)


def reference(p: ConvProblem, x: Array, weight: Array, bias: Array | None) -> Array:
    """The same by its definition, in double precision."""
    spec = p.spec
    pads = [w.pad for w in spec.windows]
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *pads])
    height, width = p.out_size
    groups, (inputs, outputs) = spec.groups, p.group_channels
    y = np.zeros((x.shape[0], p.out_channels, height, width))
    for kh in range(spec.kernel[0]):
        for kw in range(spec.kernel[1]):
            top, left = kh * spec.dilation[0], kw * spec.dilation[1]
            rows = slice(top, top + (height - 1) * spec.stride[0] + 1, spec.stride[0])
            columns = slice(left, left + (width - 1) * spec.stride[1] + 1, spec.stride[1])
            seen = padded[:, :, rows, columns].reshape(-1, groups, inputs, height, width)
            taps = weight[:, :, kh, kw].reshape(groups, outputs, inputs).astype(np.float64)
            y += np.einsum("ngihw,goi->ngohw", seen, taps).reshape(y.shape)
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def check(run: Direct, p: ConvProblem, seed: int = 0) -> None:
    """The kernel agrees with the definition on random numbers."""
    r = np.random.default_rng(seed)
    inputs = p.group_channels[0]
    x = r.normal(size=p.x_shape).astype(p.dtype)
    weight = r.normal(size=(p.out_channels, inputs, *p.spec.kernel)).astype(p.dtype)
    bias = r.normal(size=p.out_channels).astype(p.dtype)
    got = run(p, x, weight, bias)
    scale = np.sqrt(inputs * p.spec.kernel[0] * p.spec.kernel[1])
    bound = 20 * scale * np.finfo(p.dtype).eps
    np.testing.assert_allclose(got, reference(p, x, weight, bias), rtol=0, atol=bound)
