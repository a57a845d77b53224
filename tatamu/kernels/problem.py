"""What a convolution kernel is asked to do, free of tensors: sizes, strides and a spec."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tatamu.geometry import ConvSpec
from tatamu.kernels.epilogue import PLAIN, Epilogue
from tatamu.stage import F32, F64

DTYPES = {"float32": F32, "float64": F64}


@dataclass(frozen=True, slots=True)
class ConvProblem:
    """One forward convolution on 4-d arrays.

    ``x_strides`` counts elements along (image, channel, row, pixel). The output is channels-last;
    ``y_strides`` counts along (image, row, pixel), None for a dense one; ``r_strides`` are the
    residual's, None for the same as the output's. ``dtype`` is ``"float32"`` or ``"float64"``.
    """

    spec: ConvSpec
    dtype: str
    x_shape: tuple[int, int, int, int]
    x_strides: tuple[int, int, int, int]
    out_channels: int
    epilogue: Epilogue = PLAIN
    y_strides: tuple[int, int, int] | None = None
    r_strides: tuple[int, int, int] | None = None

    @property
    def y_steps(self) -> tuple[int, int, int]:
        """Elements of the output from one (image, row, pixel) to the next."""
        if self.y_strides is not None:
            return self.y_strides
        height, width = self.out_size
        return height * width * self.out_channels, width * self.out_channels, self.out_channels

    @property
    def r_steps(self) -> tuple[int, int, int]:
        """The same of the residual."""
        return self.r_strides or self.y_steps

    @property
    def out_size(self) -> tuple[int, int]:
        """Rows and pixels per row of the output."""
        height, width = self.spec.out_size(self.x_shape[2:])
        return height, width

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
    def flops(self) -> int:
        """Two for each multiply-add, those with padding included."""
        height, width = self.out_size
        taps = self.spec.kernel[0] * self.spec.kernel[1]
        inputs = self.group_channels[0]
        return 2 * self.x_shape[0] * self.out_channels * height * width * inputs * taps


def unserved(problem: ConvProblem) -> str | None:
    """Why no kernel serves the problem; None if some may."""
    if problem.dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {problem.dtype}"
    if len(problem.spec.windows) != 2 or problem.spec.transposed:
        return "it serves two-dimensional, not transposed convolution"
    return None
