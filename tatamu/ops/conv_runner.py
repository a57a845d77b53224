"""A planned convolution: what is compiled, packed and remembered between calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.kernels.grouped_weight_grad import GroupedWeightGradPlan
from tatamu.kernels.plan import ConvPlan
from tatamu.kernels.weight_grad import WeightGradPlan
from tatamu.ops.array import Array, Numpy
from tatamu.ops.layout import Ints
from tatamu.ops.op import Ran
from tatamu.ops.packing_runner import Packer
from tatamu.ops.planned import ran
from tatamu.ops.reorder import channels_last, laid_last
from tatamu.runtime.launch import ConvLaunch, Launch
from tatamu.runtime.storage import Storage

if TYPE_CHECKING:
    from tatamu.ops.convolution_kernels import Part, PlaneTap

_packings: dict[tuple[object, ...], int] = {}


def packing_number(packing: tuple[object, ...]) -> int:
    """A number that stands for a way of packing: hashing the whole of it costs a microsecond."""
    return _packings.setdefault(packing, len(_packings))


class ConvRunner:
    """One planned call: packs weights when they changed, and launches each part's kernel.

    ``turned`` is the number of groups if weights have their channels exchanged, 0 if not.
    ``copied`` says whether kernels copy what must be laid in another order first.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        plans: Sequence[ConvPlan | None],
        *,
        reorder: bool,
        turned: int = 0,
        copied: Callable[[], bool],
    ):
        pairs = list(zip(parts, plans, strict=True))
        self._parts = [_PartRunner(part, plan, turned) for part, plan in pairs if plan is not None]
        self._bare = [part.slices for part, plan in pairs if plan is None]
        self._copied = copied
        self.constants = tuple([part.no_bias for part in self._parts])
        self._reorder = reorder
        self._calls = 0

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        x, w = inputs[0], inputs[1]
        bias = inputs[2] if len(inputs) > 2 else None
        residual = inputs[3] if len(inputs) > 3 else None
        assert x is not None and w is not None
        self._calls += 1
        address = x.address
        if self._reorder:
            last = laid_last(x)
            address = last.address
        y = outputs[0].address
        r = 0
        if residual is not None:
            r = residual.address
            if residual.strides[1] != 1:
                r_last = laid_last(residual)
                r = r_last.address
        for part in self._parts:
            part(address, w, bias, y, r)
        axes = len(outputs[0].shape) - 2
        for slices in self._bare:
            at: Any = (slice(None), slice(None), *slices[-axes:])
            outputs[0].array[at] = 0 if bias is None else _spread(bias.array, axes)

    @property
    def native(self) -> bool:
        """Whether a call is launches alone: NumPy fills in where no tap reaches the picture."""
        return not self._bare and self._copied()

    def ran(self) -> Ran:
        """Which kernel ran, and whether this process had to compile it for the latest call."""
        if not self._parts:
            return Ran("fill", "NumPy", 0.0, True, "")
        first = max(self._parts, key=lambda part: part.plan.work)
        found = ran(first.plan, first.launch.code, self._calls)
        count = len(self._parts)
        return found if count == 1 else found._replace(kernel=f"{found.kernel}, {count} phases")


def _spread(bias: Numpy, axes: int) -> Numpy:
    return bias.reshape(-1, *(1,) * axes)


class _PartRunner:
    """One launch of a call."""

    __slots__ = (
        "_across",
        "_no_bias",
        "_packer",
        "_packing",
        "_taps",
        "_turned",
        "_x",
        "_y",
        "launch",
        "plan",
    )

    def __init__(self, part: Part, plan: ConvPlan, turned: int):
        self.plan = plan
        self.launch = ConvLaunch(plan)
        self._taps = part.taps
        self._turned = turned
        self._across = part.across
        packing = (*plan.packing, plan.problem.out_channels, turned, part.taps, part.across)
        self._packing = packing_number(packing)
        itemsize = plan.problem.itemsize
        self._x, self._y = part.x * itemsize, part.y * itemsize
        self._no_bias = aligned(plan.pack_bias(None))
        compiled = getattr(plan, "packing_plan", None)
        self._packer = None if compiled is None else Packer(compiled())

    @property
    def no_bias(self) -> Numpy:
        """What stands in for a bias that is absent."""
        return self._no_bias[1]

    def __call__(self, x: int, w: Array, bias: Array | None, y: int, r: int) -> None:
        weights = w.storage.packed((self._packing, w.offset, w.strides))
        if weights is None:
            weights = self._kept(w, self._pack_weight)
        if bias is None:
            biases = self._no_bias
        else:
            biases = bias.storage.packed((self._packing, bias.offset, bias.strides))
            if biases is None:
                biases = self._kept(bias, self._pack_bias)
        self.launch(x + self._x, weights[0], biases[0], y + self._y, r)

    def _pack_weight(self, weight: Numpy) -> tuple[int, Numpy]:
        view = oriented(weight, self.plan, self._turned, self._taps, self._across)
        return aligned(self.plan.pack_weight(view)) if self._packer is None else self._packer(view)

    def _pack_bias(self, bias: Numpy) -> tuple[int, Numpy]:
        return aligned(self.plan.pack_bias(np.tile(bias, self._across)))

    def _kept(self, tensor: Array, pack: Callable[[Numpy], tuple[int, Numpy]]) -> tuple[int, Numpy]:
        """Pack a tensor, and remember it until the tensor changes."""
        packed = pack(tensor.array)
        key = (self._packing, tensor.offset, tensor.strides)
        tensor.storage.keep_packed(key, packed, packed[1].nbytes)
        return packed


def oriented(
    weight: Numpy, plan: ConvPlan, turned: int, taps: tuple[Ints, ...] | None, across: int
) -> Numpy:
    """Weights as (out, in / groups, kernel) of the plan's problem: a view where it can be one.

    Input channels for output channels, group by group, if ``turned``; only ``taps`` of the kernel;
    those of the last axis as output channels if there are several ``across``.
    """
    kernel = plan.problem.spec.kernel
    whole = weight.shape[2:]
    if turned:
        outputs, inputs = weight.shape[:2]
        split = weight.reshape(turned, outputs // turned, inputs, *whole).swapaxes(1, 2)
        weight = split.reshape(turned * inputs, outputs // turned, *whole)
    if taps is not None:
        axes = len(taps)
        weight = weight.reshape(*weight.shape[:2], *(1,) * (axes - len(whole)), *whole)
        for axis, picked in enumerate(taps, 2):
            weight = weight[(slice(None),) * axis + (_as_slice(picked),)]
    if across > 1:
        last = np.moveaxis(weight, -1, 0)
        weight = last.reshape(across * weight.shape[0], *last.shape[2:])
    return weight.reshape(*weight.shape[:2], *kernel)


def _as_slice(picked: Ints) -> slice:
    """Evenly spaced positions, as the taps of a phase are."""
    step = picked[1] - picked[0] if len(picked) > 1 else -1
    stop = picked[-1] + step
    return slice(picked[0], None if stop < 0 else stop, step)


class WeightGradRunner:
    """One planned gradient of weights: lays out what it reads, adds up what threads summed."""

    def __init__(self, plan: WeightGradPlan | GroupedWeightGradPlan, *, reorder: bool):
        self._plan = plan
        self._launch = Launch(plan)
        self._gather = Launch(plan.gathering())
        self._reorder = reorder
        self._calls = 0

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        x, g = inputs
        assert x is not None and g is not None
        x_address = x.address
        if self._reorder:
            x_last = channels_last(x.array, x.array.shape[1])
            x_address = x_last.address
        dense = g.channels_innermost()
        self.run(x_address, g.address if dense else None, g.array, outputs[0].address)

    def run(self, x: int, g: int | None, g_array: Numpy, out: int) -> None:
        """By address; ``g`` is None if the gradient does not lie channels-last."""
        self._calls += 1
        plan = self._plan
        groups = plan.problem.spec.groups
        if g is None or plan.padded_channels * groups != g_array.shape[1]:
            g_last = channels_last(g_array, plan.padded_channels, groups)
            g = g_last.address
        parts = Storage(prod(plan.dw_shape) * plan.problem.itemsize)
        self._launch((x, g, parts.address), self._launch.workers())
        self._gather((parts.address, out), self._gather.workers())

    def ran(self) -> Ran:
        """Which kernel ran, and whether this process had to compile it for the latest call."""
        return ran(self._plan, self._launch.code, self._calls)


class PlanesWeightGradRunner:
    """The gradient of a kernel of several planes: each plane is that of a kernel over two axes.

    ``taps`` says of each plane of the kernel which outputs read the picture, and where.
    """

    def __init__(self, taps: Sequence[PlaneTap], runners: Sequence[WeightGradRunner | None]):
        self._planes = list(zip(taps, runners, strict=True))

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        x, g = inputs
        assert x is not None and g is not None
        x_last, g_last = (np.moveaxis(t.array, 1, -1) for t in (x, g))
        out = outputs[0].array
        for k, (tap, runner) in enumerate(self._planes):
            if runner is None:
                out[:, :, k] = 0
                continue
            # Images and planes together are the images of a convolution over two axes.
            reads = x_last[:, tap.reads]
            images = np.ascontiguousarray(reads).reshape(-1, *reads.shape[2:])
            taken = g_last[:, tap.outputs]
            gradient = taken.reshape(-1, *taken.shape[2:])
            plane = np.empty((*out.shape[:2], *out.shape[3:]), out.dtype)
            planar = np.moveaxis(gradient, -1, 1)
            runner.run(images.ctypes.data, None, planar, plane.ctypes.data)
            out[:, :, k] = plane

    def ran(self) -> Ran:
        """How the planes were served."""
        served = [runner.ran() for _, runner in self._planes if runner is not None]
        if not served:
            return Ran("fill", "NumPy", 0.0, True, "")
        return served[0]._replace(kernel=f"{served[0].kernel}, {len(served)} planes")


def aligned(array: Numpy) -> tuple[int, Numpy]:
    """A copy that starts on a cache line, with its address."""
    space = np.empty(array.nbytes + 64, np.uint8)
    start = -space.ctypes.data % 64
    copy = space[start : start + array.nbytes].view(array.dtype)
    copy[:] = array.reshape(-1)
    return copy.ctypes.data, copy
