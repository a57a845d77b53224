"""What a convolution kernel is asked to do, free of tensors: sizes, strides and a spec."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from tatamu.geometry import ConvSpec
from tatamu.kernels.epilogue import PLAIN, Epilogue
from tatamu.stage import F32, F64

DTYPES = {"float32": F32, "float64": F64}


@dataclass(frozen=True, slots=True)
class ConvProblem:
    """One forward convolution over the last axes of arrays (image, channel, row, pixel).

    Pictures of three axes have planes before rows. ``x_strides`` counts elements along the axes of
    ``x_shape``. The output is channels-last; ``y_strides`` counts along (image, row, pixel), None
    for a dense one; ``r_strides`` are the residual's, None for the same as the output's. ``dtype``
    is ``"float32"`` or ``"float64"``.
    """

    spec: ConvSpec
    dtype: str
    x_shape: tuple[int, ...]
    x_strides: tuple[int, ...]
    out_channels: int
    epilogue: Epilogue = PLAIN
    y_strides: tuple[int, ...] | None = None
    r_strides: tuple[int, ...] | None = None

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Images, channels, rows and pixels per row of the output."""
        return (self.x_shape[0], self.out_channels, *self.out_size)

    @property
    def y_dense(self) -> tuple[int, ...]:
        """Elements from one (image, row, pixel) to the next in an output without gaps."""
        steps = [self.out_channels]
        for size in reversed(self.out_size):
            steps.append(steps[-1] * size)
        return tuple(reversed(steps))

    @property
    def y_steps(self) -> tuple[int, ...]:
        """Elements of the output from one (image, row, pixel) to the next."""
        return self.y_strides or self.y_dense

    @property
    def r_steps(self) -> tuple[int, ...]:
        """The same of the residual."""
        return self.r_strides or self.y_steps

    @property
    def out_size(self) -> tuple[int, ...]:
        """Rows and pixels per row of the output."""
        return self.spec.out_size(self.x_shape[2:])

    @property
    def group_channels(self) -> tuple[int, int]:
        """Input and output channels of one group."""
        groups = self.spec.groups
        return self.x_shape[1] // groups, self.out_channels // groups

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return np.dtype(self.dtype).itemsize

    @property
    def pixels(self) -> int:
        """Output pixels of all images."""
        return self.x_shape[0] * prod(self.out_size)

    @property
    def flops(self) -> int:
        """Two for each multiply-add, those with padding included."""
        taps = prod(self.spec.kernel)
        return 2 * self.pixels * self.out_channels * self.group_channels[0] * taps

    @property
    def moved(self) -> int:
        """Bytes of input, weights and output, each read or written once."""
        weights = self.out_channels * self.group_channels[0] * prod(self.spec.kernel)
        outputs = self.pixels * self.out_channels
        return self.itemsize * (prod(self.x_shape) + weights + outputs)


def unserved(problem: ConvProblem, *, planes: bool = False) -> str | None:
    """Why no kernel serves the problem; None if some may. ``planes``: it serves three axes, too."""
    if problem.dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {problem.dtype}"
    if problem.spec.transposed:
        return "it does not serve transposed convolution"
    if len(problem.spec.windows) != 2 and not planes:
        return f"it serves pictures of two axes, not of {len(problem.spec.windows)}"
    return None
