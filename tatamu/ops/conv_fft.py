"""Convolution and its two gradients by fast Fourier transform: what serves large kernels.

It needs no compiler, so that it serves where there is none, too. Each tile of a picture is
transformed as a whole. What follows from that: a NaN or an infinity reaches all outputs of the
tiles that it lies in, in all channels of its group; numbers near the end of float32's range may
overflow in the sums; the error of an output is relative to all numbers of its tile and of the
kernel: in the mean about eps times their two norms, where a plain sum's is relative to the
products that are added up.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tatamu.geometry import ConvSpec
from tatamu.ops.array import Array, Numpy
from tatamu.ops.convolution_kernels import Role, spec_of
from tatamu.ops.layout import Ints
from tatamu.ops.op import Call, Ran
from tatamu.runtime.storage import Storage

if TYPE_CHECKING:
    from tatamu.kernels.cost import Cost
    from tatamu.kernels.fft import Correlation, FFTPlan, Line

__all__ = ["FFTKernel", "FFTRunner", "FFTWeightGradRunner"]


class FFTKernel:
    """The transform in one of its roles, of which transposed convolution is the input's gradient.

    Weight gradients state no other cost, so there it refuses what would not clearly pay.
    """

    name = "FFT"

    def __init__(self, role: Role | Literal["weight gradient"] = "forward"):
        self.enabled = True
        self._role = role

    def accepts(self, call: Call) -> str | None:
        """None, or why the transform does not serve this call."""
        from tatamu.kernels import fft
        from tatamu.stage.target import host

        if not self.enabled:
            return "switched off by set_winograd(False)"
        if not isinstance(call.attrs, ConvSpec) and not hasattr(call.attrs, "shape"):
            return "it ends in no activation and adds no residual"
        if call.outs() != call.op.shape(call):
            return "it writes outputs without gaps"
        return fft.accepts(self.problem(call), host())

    def costs(self, call: Call) -> list[Cost] | None:
        """What an accepted call is predicted to take; None where no other kernel can run."""
        from tatamu.kernels import fft
        from tatamu.stage.target import host

        found = host()
        return None if found is None else [fft.cost(self.problem(call), found)]

    def prepare(self, call: Call) -> FFTRunner | FFTWeightGradRunner:
        """Plan; nothing is compiled."""
        from tatamu.kernels import fft

        plan = fft.plan(self.problem(call))
        assert not isinstance(plan, str)
        if self._role == "weight gradient":
            return FFTWeightGradRunner(plan)
        return FFTRunner(plan, turned=self._role != "forward")

    def problem(self, call: Call) -> Correlation:
        """The call as a correlation."""
        from tatamu.kernels.fft import Correlation

        spec = spec_of(call)
        images, channels = call.shape(0)[:2]
        out = call.op.shape(call)[0].shape
        if self._role == "weight gradient":
            outputs, lines = out[0], _weight(call, spec)
        else:
            line = _forward if self._role == "forward" else _backward
            outputs, lines = out[1], line(call, spec, out)
        return Correlation(
            call.dtype(0).name,
            images,
            spec.groups,
            channels // spec.groups,
            outputs // spec.groups,
            lines,
            summed=self._role == "weight gradient",
        )


def _forward(call: Call, spec: ConvSpec, out: Ints) -> tuple[Line, ...]:
    """Along each axis, what a convolution reads."""
    from tatamu.kernels.fft import Line

    axes = zip(call.shape(0)[2:], spec.windows, out[2:], strict=True)
    return tuple(Line(n, w.kernel, m, w.taps(0).start, w.dilation, w.stride) for n, w, m in axes)


def _backward(call: Call, spec: ConvSpec, out: Ints) -> tuple[Line, ...]:
    """What is read lies a stride apart, and the turned kernel's first tap is the last one."""
    from tatamu.kernels.fft import Line

    axes = zip(call.shape(0)[2:], spec.windows, out[2:], strict=True)
    return tuple(Line(n, w.kernel, m, -w.taps(0)[-1], w.dilation, 1, w.stride) for n, w, m in axes)


def _weight(call: Call, spec: ConvSpec) -> tuple[Line, ...]:
    """The gradient is the kernel, its numbers a stride apart; an output belongs to each tap."""
    from tatamu.kernels.fft import Line

    axes = zip(call.shape(0)[2:], spec.windows, call.shape(1)[2:], strict=True)
    return tuple(
        Line(size, out, w.kernel, w.taps(0).start, w.stride, w.dilation) for size, w, out in axes
    )


class FFTRunner:
    """One planned convolution: transforms weights when they changed.

    ``turned`` is the input's gradient: each kernel turned round, inputs and outputs exchanged.
    """

    def __init__(self, plan: FFTPlan, *, turned: bool):
        from tatamu.ops.conv_runner import packing_number

        self._plan = plan
        self._turned = turned
        self._packing = packing_number((*plan.packing, turned))

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        from tatamu.kernels import fft_numpy

        x, w = inputs[0], inputs[1]
        bias = inputs[2] if len(inputs) == 3 else None
        assert x is not None and w is not None
        work = _work(self._plan)
        key = (self._packing, w.offset, w.shape, w.strides)
        weights = w.storage.packed(key)
        if weights is None:
            weight = turned(w.array, self._plan.problem.groups) if self._turned else w.array
            weights = fft_numpy.pack(self._plan, weight, work.share)
            w.storage.keep_packed(key, weights, weights.nbytes)
        offsets = None if bias is None else bias.array
        fft_numpy.convolve(work, x.array, weights, offsets, outputs[0].array)

    def ran(self) -> Ran:
        """That NumPy ran."""
        return Ran(self._plan.label, "NumPy", 0.0, True, "")


class FFTWeightGradRunner:
    """One planned gradient of weights."""

    def __init__(self, plan: FFTPlan):
        self._plan = plan

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        from tatamu.kernels import fft_numpy

        x, g = inputs
        assert x is not None and g is not None
        fft_numpy.sum_products(_work(self._plan), x.array, g.array, outputs[0].array)

    def ran(self) -> Ran:
        """That NumPy ran."""
        return Ran(self._plan.label, "NumPy", 0.0, True, "")


def turned(weight: Numpy, groups: int) -> Numpy:
    """Weights turned round along all axes, and inputs for outputs, group by group."""
    outputs, inputs, *kernel = weight.shape
    split = weight.reshape(groups, outputs // groups, inputs, *kernel)
    axes = tuple(range(3, split.ndim))
    exchanged = np.flip(split, axes).swapaxes(1, 2)
    return exchanged.reshape(groups * inputs, outputs // groups, *kernel)


def _work(plan: FFTPlan) -> Any:
    """Working space for one call: others may run beside it."""
    from tatamu.kernels.fft_numpy import Work
    from tatamu.runtime.sharing import share
    from tatamu.runtime.threads import get_num_threads

    workers = plan.workers(get_num_threads())
    space = np.asarray(Storage(plan.shared + workers * plan.own))
    return Work(plan, space, partial(share, workers=workers))
