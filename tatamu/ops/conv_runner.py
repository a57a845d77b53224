"""One planned conv2d: what is compiled, packed and remembered between calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.kernels.plan import ConvPlan
from tatamu.kernels.weight_grad import WeightGradPlan
from tatamu.ops.array import Array, Numpy
from tatamu.ops.op import Ran
from tatamu.ops.planned import ran
from tatamu.runtime.launch import ConvLaunch, Launch
from tatamu.runtime.storage import Storage

_packings: dict[tuple[object, ...], int] = {}


class ConvRunner:
    """One planned call: packs weights when they changed, and launches the kernel."""

    def __init__(self, plan: ConvPlan, *, reorder: bool, backwards: bool = False):
        self._launch = ConvLaunch(plan)
        self._plan = plan
        self._backwards = backwards
        packing = (*self._plan.packing, plan.problem.out_channels, backwards)
        # Hashing the whole of it at every call would cost a microsecond.
        self._packing = _packings.setdefault(packing, len(_packings))
        self._reorder = reorder
        self._no_bias = aligned(self._plan.pack_bias(None))
        self._calls = 0

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        x, w = inputs[0], inputs[1]
        bias = inputs[2] if len(inputs) == 3 else None
        assert x is not None and w is not None
        weights = w.storage.packed((self._packing, w.offset, w.strides))
        if weights is None:
            weights = self._kept(w, self._pack_weight)
        if bias is None:
            biases = self._no_bias
        else:
            biases = bias.storage.packed((self._packing, bias.offset, bias.strides))
            if biases is None:
                biases = self._kept(bias, self._plan.pack_bias)
        self._calls += 1
        address = x.address
        if self._reorder:
            last = channels_last(x.array, x.array.shape[1])
            address = last.address
        self._launch(address, weights[0], biases[0], outputs[0].address)

    def _pack_weight(self, weight: Numpy) -> Numpy:
        return self._plan.pack_weight(self._turned(weight) if self._backwards else weight)

    def _turned(self, weight: Numpy) -> Numpy:
        """Each kernel turned round, and input channels for output channels, group by group."""
        groups = self._plan.problem.spec.groups
        outputs, inputs, rows, columns = weight.shape
        split = weight.reshape(groups, outputs // groups, inputs, rows, columns)
        turned = split[..., ::-1, ::-1].swapaxes(1, 2)
        return turned.reshape(groups * inputs, outputs // groups, rows, columns)

    def _kept(self, tensor: Array, pack: Any) -> tuple[int, Numpy]:
        """Pack a tensor, and remember it until the tensor changes."""
        packed = aligned(pack(tensor.array))
        tensor.storage.keep_packed((self._packing, tensor.offset, tensor.strides), packed)
        return packed

    def ran(self) -> Ran:
        """Which kernel ran, and whether this process had to compile it for the latest call."""
        return ran(self._plan, self._launch.code, self._calls)


class WeightGradRunner:
    """One planned gradient of weights: lays out what it reads, adds up what threads summed."""

    def __init__(self, plan: WeightGradPlan, *, reorder: bool):
        self._plan = plan
        self._launch = Launch(plan)
        self._gather = Launch(plan.gathering())
        self._reorder = reorder
        self._dtype = np.dtype(plan.problem.dtype)
        self._calls = 0

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        x, g = inputs
        assert x is not None and g is not None
        self._calls += 1
        plan = self._plan
        x_address, g_address = x.address, g.address
        if self._reorder:
            x_last = channels_last(x.array, x.array.shape[1])
            x_address = x_last.address
        groups = plan.problem.spec.groups
        if plan.padded_channels * groups != g.shape[1] or not g.channels_last():
            g_last = channels_last(g.array, plan.padded_channels, groups)
            g_address = g_last.address
        parts = Storage(int(np.prod(plan.dw_shape)) * self._dtype.itemsize)
        self._launch((x_address, g_address, parts.address), self._launch.workers())
        self._gather((parts.address, outputs[0].address), self._gather.workers())

    def ran(self) -> Ran:
        """Which kernel ran, and whether this process had to compile it for the latest call."""
        return ran(self._plan, self._launch.code, self._calls)


def channels_last(array: Numpy, channels: int, groups: int = 1) -> Storage:
    """A copy of (n, c, h, w) with channels innermost, each group filled up with zeros."""
    n, c, h, w = array.shape
    storage = Storage(n * h * w * groups * channels * array.itemsize)
    copy = np.ndarray((n, h, w, groups, channels), array.dtype, np.asarray(storage))
    own = c // groups
    copy[..., :own] = array.transpose(0, 2, 3, 1).reshape(n, h, w, groups, own)
    copy[..., own:] = 0
    return storage


def aligned(array: Numpy) -> tuple[int, Numpy]:
    """A copy that starts on a cache line, with its address."""
    space = np.empty(array.nbytes + 64, np.uint8)
    start = -space.ctypes.data % 64
    copy = space[start : start + array.nbytes].view(array.dtype)
    copy[:] = array.reshape(-1)
    return copy.ctypes.data, copy
