"""The compiled kernels of convolution: a call becomes one problem, or one for each phase.

The kernels' floor is imported when a convolution first runs: ``import tatamu`` need not wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import import_module
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from tatamu.geometry import ConvSpec, Phase, Window, apart, phases
from tatamu.ops.layout import Ints, channels_innermost_strides
from tatamu.ops.op import Call
from tatamu.ops.planned import refusal, target

if TYPE_CHECKING:
    from tatamu.kernels.cost import Cost
    from tatamu.kernels.problem import ConvProblem
    from tatamu.ops.conv_runner import ConvRunner, PlanesWeightGradRunner, WeightGradRunner
    from tatamu.stage.target import Target

Role = Literal["forward", "input gradient", "transposed"]


@dataclass(frozen=True, slots=True)
class Part:
    """A dense convolution that makes some of the outputs, all of them where there is one part.

    ``x`` and ``y`` are where its input and its output begin, in elements. ``taps`` are the kernel
    positions that it uses, axis by axis, None for the whole kernel as it is. ``problem`` is None
    where no tap reaches the picture: those outputs (``slices`` of the whole) are the bias alone.
    ``across`` neighbouring outputs are made as if they were the channels of one.
    """

    problem: ConvProblem | None
    x: int
    y: int
    taps: tuple[Ints, ...] | None
    slices: tuple[slice, ...]
    across: int = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """What a call comes to. ``reorder``: the input must first be laid channels-last."""

    parts: tuple[Part, ...]
    reorder: bool


class ConvKernel:
    """An algorithm of ``tatamu.kernels``, as the ops ask for it.

    The input's gradient and transposed convolution are the same thing: for stride 1 a convolution
    with the weights turned round and their channels exchanged, else one for each phase.
    """

    def __init__(self, name: str, role: Role = "forward"):
        self.name = name
        self.enabled = True
        self.places = role != "input gradient"
        self._role: Role = role

    def accepts(self, call: Call) -> str | None:
        """None, or why this algorithm does not serve this call."""
        if not self.enabled:
            return f"switched off by set_{self.name.lower()}(False)"
        if _output_strides(call)[1] != 1 and call.op.shape(call)[0].shape[1] > 1:
            return "it writes channels next to one another"
        algorithm = self._algorithm()
        for part in self._parts(call).parts:
            reason = None if part.problem is None else refusal(algorithm, part.problem)
            if reason is not None:
                return reason
        return None

    def prepare(self, call: Call) -> ConvRunner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.ops.conv_runner import ConvRunner

        found = target()
        parts = self._parts(call)
        algorithm = self._algorithm()
        plans = [
            None if p.problem is None else algorithm.plan(p.problem, found) for p in parts.parts
        ]
        turned = 0 if self._role == "forward" else spec_of(call).groups
        return ConvRunner(
            parts.parts,
            plans,
            reorder=parts.reorder,
            turned=turned,
            copied=partial(_copied, call, parts.reorder),
        )

    def costs(self, call: Call) -> list[Cost] | None:
        """What each launch is predicted to take; None where no kernel can run."""
        from tatamu.stage.target import host

        found = host()
        if found is None:
            return None
        algorithm = self._algorithm()
        parts = self._parts(call)
        own = [algorithm.cost(p.problem, found) for p in parts.parts if p.problem is not None]
        return [*own, *([reorder_cost(call, found)] if parts.reorder else [])]

    def _algorithm(self) -> Any:
        return import_module(f"tatamu.kernels.{self.name.lower()}")

    def _parts(self, call: Call) -> Parts:
        problem = _forward if self._role == "forward" else _backward
        readable = self._algorithm().readable
        strides = call.strides[0]
        assert strides is not None
        parts = problem(call, strides)
        if all(part.problem is None or readable(part.problem) for part in parts):
            return Parts(parts, False)
        return Parts(problem(call, channels_innermost_strides(call.shape(0))), True)


def _copied(call: Call, reorder: bool) -> bool:
    """Whether kernels lay the input and the residual channels-last, if they must be laid so."""
    from tatamu.ops.reorder import copies_natively

    laid = [0] if reorder else []
    residual = call.strides[3] if len(call.strides) > 3 else None
    laid += [3] if residual is not None and residual[1] != 1 else []
    size = call.dtype(0).itemsize
    return all(copies_natively(size, call.shape(at), call.strides[at] or ()) for at in laid)


def reorder_cost(call: Call, found: Target) -> Cost:
    """What laying an input channels-last costs: it is read, and written elsewhere."""
    from tatamu.kernels.cost import Cost

    nbytes = prod(call.shape(0)) * call.dtype(0).itemsize
    return Cost(nbytes / found.vector_bytes, 2 * nbytes, 1, nbytes)


def spec_of(call: Call) -> ConvSpec:
    """The specification, whatever the operation's attributes hold beside it."""
    spec: ConvSpec = getattr(call.attrs, "spec", call.attrs)
    return spec


def two_axes(spec: ConvSpec, shape: Ints, strides: Ints) -> tuple[ConvSpec, Ints, Ints]:
    """A convolution over one axis as one over rows of which there is one; others as they are."""
    if spec.dims != 1:
        return spec, shape, strides
    wide = replace(
        spec, windows=(Window(1), *spec.windows), output_padding=(0, *spec.output_padding)
    )
    n, c, w = shape
    s_n, s_c, s_w = strides
    return wide, (n, c, 1, w), (s_n, s_c, w * s_w, s_w)


def _forward(call: Call, strides: Ints) -> tuple[Part, ...]:
    from tatamu.kernels.epilogue import PLAIN
    from tatamu.kernels.problem import ConvProblem

    spec, shape, steps = two_axes(spec_of(call), call.shape(0), strides)
    epilogue = getattr(call.attrs, "epilogue", PLAIN)
    outputs = call.shape(1)[0]
    problem = ConvProblem(spec, call.dtype(0).name, shape, steps, outputs, epilogue)
    if epilogue.residual:
        problem = replace(problem, r_strides=_residual_steps(call, problem))
    _, _, y_steps = two_axes(spec_of(call), call.outs()[0].shape, _output_strides(call))
    if (y_steps[0], *y_steps[2:]) != problem.y_dense:
        problem = replace(problem, y_strides=(y_steps[0], *y_steps[2:]))
    return (Part(problem, 0, 0, None, ()),)


def _residual_steps(call: Call, problem: ConvProblem) -> Ints:
    """Elements of the residual from one (image, row, pixel) to the next.

    The runner lays it channels-last first if its channels are not next to one another.
    """
    shape, strides = call.shape(3), call.strides[3]
    assert strides is not None
    if strides[1] != 1:
        strides = channels_innermost_strides(shape)
    _, _, steps = two_axes(spec_of(call), shape, strides)
    return (steps[0], *steps[2:])


def _output_strides(call: Call) -> Ints:
    strides = call.outs()[0].strides
    assert strides is not None, "an output of a convolution lies channels-last"
    return strides


def _backward(call: Call, strides: Ints) -> tuple[Part, ...]:
    """Phase by phase: what is read is the output's gradient, or a transposed layer's input."""

    out = call.op.shape(call)[0].shape
    spec, shape, steps = two_axes(spec_of(call), call.shape(0), strides)
    _, wide_out, y_steps = two_axes(spec_of(call), out, _output_strides(call))
    found = _phases(spec.windows, shape[2:], wide_out[2:])
    across = 1
    if spec.groups == 1 and apart(spec.windows[-1], shape[-1], wide_out[-1]):
        across = spec.kernel[-1]
        found = tuple(axes for axes in found if axes[-1].first == 0)
    return tuple(
        _phase(
            spec,
            call.dtype(0).name,
            shape,
            steps,
            wide_out,
            (y_steps[0], *y_steps[2:]),
            axes,
            across,
        )
        for axes in found
    )


@lru_cache(maxsize=1024)
def _phases(windows: tuple[Window, ...], sizes: Ints, out: Ints) -> tuple[tuple[Phase, ...], ...]:
    axes = [phases(w, n, m) for w, n, m in zip(windows, sizes, out, strict=True)]
    return tuple(product(*axes))


def _phase(
    spec: ConvSpec,
    dtype: str,
    shape: Ints,
    steps: Ints,
    out: Ints,
    y_steps: Ints,
    axes: tuple[Phase, ...],
    across: int,
) -> Part:
    from tatamu.kernels.problem import ConvProblem

    steps_out = [p.step for p in axes]
    steps_out[-1] //= across
    slices = tuple(slice(p.first, None, n) for p, n in zip(axes, steps_out, strict=True))
    y = sum(p.first * step for p, step in zip(axes, y_steps[1:], strict=True))
    windows = [p.window for p in axes if p.window is not None]
    if len(windows) < len(axes):
        return Part(None, 0, y, None, slices)
    taps = tuple(p.taps for p in axes)
    if across > 1:
        taps = (*taps[:-1], tuple(range(across)))
    problem = ConvProblem(
        ConvSpec.make(
            tuple(w.kernel for w in windows),
            1,
            tuple(w.pad for w in windows),
            tuple(w.dilation for w in windows),
            spec.groups,
            dims=spec.dims,
        ),
        dtype,
        (*shape[:2], *(p.stop - p.start for p in axes)),
        steps,
        across * out[1],
        y_strides=(y_steps[0], *(p.step * n for p, n in zip(axes, y_steps[1:], strict=True))),
    )
    if problem.y_strides == problem.y_dense:
        problem = replace(problem, y_strides=None)
    x = sum(p.start * step for p, step in zip(axes, steps[2:], strict=True))
    return Part(problem, x, y, taps, slices, across)


@dataclass(frozen=True, slots=True)
class PlaneTap:
    """For one plane of a kernel of three axes: which output planes read the picture, and where."""

    outputs: slice
    reads: slice
    count: int


class WeightGradKernel:
    """Outer products over all pixels: serves every gradient of weights."""

    name = "outer products"

    def accepts(self, call: Call) -> str | None:
        """None, or why this algorithm does not serve this call."""
        from tatamu.kernels import weight_grad

        if spec_of(call).dims == 3:
            return refusal(weight_grad, _plane_problem(call, 1))
        return refusal(weight_grad, self._problem(call)[0])

    def prepare(self, call: Call) -> WeightGradRunner | PlanesWeightGradRunner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.kernels import weight_grad
        from tatamu.ops.conv_runner import PlanesWeightGradRunner, WeightGradRunner

        found = target()
        if spec_of(call).dims != 3:
            problem, reorder = self._problem(call)
            return WeightGradRunner(weight_grad.plan(problem, found), reorder=reorder)
        taps = [_plane_tap(call, k) for k in range(spec_of(call).kernel[0])]
        batch = call.shape(0)[0]
        plans = [weight_grad.plan(_plane_problem(call, batch * t.count), found) for t in taps]
        runners = [
            WeightGradRunner(plan, reorder=False) if batch * tap.count else None
            for tap, plan in zip(taps, plans, strict=True)
        ]
        return PlanesWeightGradRunner(taps, runners)

    def costs(self, call: Call) -> list[Cost] | None:
        """What each launch is predicted to take; None where that is not known."""
        from tatamu.kernels import weight_grad

        return None if spec_of(call).dims == 3 else gradient_costs(call, weight_grad)

    def _problem(self, call: Call) -> tuple[ConvProblem, bool]:
        from tatamu.kernels.weight_grad import readable

        return read_problem(call, call.attrs.spec, call.attrs.shape[0], readable)


def gradient_costs(call: Call, algorithm: Any) -> list[Cost] | None:
    """What an algorithm for weight gradients is predicted to take; None where none can run."""
    from tatamu.stage.target import host

    found = host()
    if found is None:
        return None
    problem, reorder = read_problem(call, spec_of(call), call.attrs.shape[0], algorithm.readable)
    return [algorithm.cost(problem, found), *([reorder_cost(call, found)] if reorder else [])]


def _plane_tap(call: Call, k: int) -> PlaneTap:
    window, size, out = spec_of(call).windows[0], call.shape(0)[2], call.shape(1)[2]
    readers = window.readers(k, size)
    readers = range(readers.start, min(readers.stop, out))
    if not readers:
        return PlaneTap(slice(0), slice(0), 0)
    first, last = (window.taps(o)[k] for o in (readers[0], readers[-1]))
    return PlaneTap(
        slice(readers.start, readers.stop), slice(first, last + 1, window.stride), len(readers)
    )


def _plane_problem(call: Call, images: int) -> ConvProblem:
    """The convolution over two axes that images and their planes, taken together, go through."""
    from tatamu.kernels.problem import ConvProblem

    spec = spec_of(call)
    flat = replace(spec, windows=spec.windows[1:], output_padding=spec.output_padding[1:])
    shape = (images, call.shape(0)[1], *call.shape(0)[3:])
    strides = channels_innermost_strides(shape)
    return ConvProblem(flat, call.dtype(0).name, shape, strides, call.attrs.shape[0])


def read_problem(
    call: Call, spec: ConvSpec, outputs: int, readable: Callable[[ConvProblem], bool]
) -> tuple[ConvProblem, bool]:
    """The problem, and whether the input must first be laid channels-last for the kernel."""
    from tatamu.kernels.problem import ConvProblem

    def laid(strides: Ints) -> ConvProblem:
        wide, shape, steps = two_axes(spec, call.shape(0), strides)
        return ConvProblem(wide, call.dtype(0).name, shape, steps, outputs)

    strides = call.strides[0]
    assert strides is not None
    problem = laid(strides)
    if readable(problem):
        return problem, False
    return laid(channels_innermost_strides(call.shape(0))), True
