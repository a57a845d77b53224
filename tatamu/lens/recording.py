"""`record(model, picture)`: a network at work on a picture, as a frozen record.

The network runs several times: once to see its rows, some times to measure them, once to copy what
they give, and once more, with a graph, where gradients are asked for. Every run is given the same
numbers; see `tatamu.lens.running`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.geometry import ConvSpec, parameter_formula
from tatamu.lens import measures
from tatamu.lens.machine import cpu_name, memory_rate, peak
from tatamu.lens.network_records import (
    Budget,
    ChannelStatistics,
    GradCam,
    Kept,
    NetworkLayer,
    NetworkRecord,
    Score,
    Statistics,
)
from tatamu.lens.records import Array, axes_seen
from tatamu.lens.replay import Replay
from tatamu.lens.running import Runner, Visit
from tatamu.lens.survey import Draft, Survey, code_of, labelled

if TYPE_CHECKING:
    from tatamu import Tensor

__all__ = ["BUDGET", "record"]

BUDGET = 64 << 20
"""Bytes of copied outputs that a record holds at most, unless told otherwise."""

LIKELIEST = 5


def record(
    model: Any,
    picture: Any,
    *others: Any,
    gradients: bool = False,
    cam: bool = False,
    target: int | None = None,
    train: bool = False,
    budget: int = BUDGET,
    measure: bool = True,
    names: Sequence[str] = (),
) -> NetworkRecord:
    """Run a network on a picture, and write down what every layer and operation did.

    ``model`` is any module, or a function of tensors; ``picture`` a tensor or array as the model
    takes it, (N, C, H, W) or (C, H, W), or the path of a photo or an opened one, whose values are
    then from 0 to 1. ``others`` are further arguments. The record holds statistics of everything
    and copies of outputs of at most ``budget`` bytes: where that is too little, of the strongest
    channels, made small if need be; ``NetworkRecord.values`` works out the rest when asked.

    ``gradients`` follows the score of the likeliest class (or class ``target``) backwards, and adds
    the statistics of every gradient; ``cam`` adds Grad-CAM. A score is the output's mean over all
    but samples and classes, of the first sample. ``train`` runs the network as it stands in
    training; running statistics are put back. Without ``measure`` each row's time is 0.

    Hooks of the user's run each time. RuntimeError if the network does not do the same in every
    run; what the network itself raises is raised.

    >>> import tatamu
    >>> from tatamu import nn
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten())
    >>> seen = record(net, tatamu.rand(1, 3, 8, 8))
    >>> [layer.name for layer in seen.layers], seen[0].mult_adds, seen.layers[1].producers
    (['0', '1', '2'], 6912, (0,))
    >>> [layer.kind for layer in seen.layers]
    ['Conv2d', 'ReLU', 'Flatten']
    """
    inputs = tuple(_tensor(value) for value in (picture, *others))
    runner = Runner(model, inputs, train)
    fresh = runner.fresh()
    survey = Survey(model, fresh)
    start = time.perf_counter()
    output = runner.run(survey, fresh)
    first_seconds = time.perf_counter() - start
    drafts = survey.drafts
    outputs = []
    for label, x in labelled(output):
        found = survey.known.find(x)
        if found is not None:
            outputs.append((label, found[0]))
    scores = _scores(output)
    del output, fresh
    gaps, seconds, runs = ([0.0] * survey.count, 0.0, 0)
    if measure and survey.count:
        gaps, seconds, runs = runner.timed(survey.count)
    copies = _copies(runner, drafts, budget)
    backward = _Backward()
    if gradients or cam:
        wanted = scores[0].index if target is None and scores else target or 0
        backward.run(runner, drafts, wanted, _last_stage(drafts) if cam else None)
    layers = tuple(
        _layer(draft, gaps, runs, copies, backward if gradients else _Backward())
        for draft in drafts
    )
    return NetworkRecord(
        title=type(model).__name__ if hasattr(model, "forward") else getattr(model, "__name__", ""),
        picture=measures.first_maps(measures.numbers(runner.inputs[0])).copy(),
        layers=layers,
        outputs=tuple(outputs),
        seconds=seconds,
        runs=runs,
        first_seconds=first_seconds,
        peak=peak(),
        memory=memory_rate(),
        threads=_threads(),
        cpu=cpu_name(),
        version=_version(),
        scores=tuple(scores[:LIKELIEST]),
        cam=backward.cam,
        budget=copies.budget(budget),
        replay=Replay(runner, drafts),
        names=tuple(names),
    )


# ---- what goes in and comes out ------------------------------------------------------------------


def _tensor(value: Any) -> Tensor:
    """What the network is to be given; TypeError for what is neither tensor, array nor photo."""
    import tatamu

    if isinstance(value, tatamu.Tensor):
        return value if value.dim() != 3 else value[None]
    if isinstance(value, (str, Path)):
        from tatamu.vision.images import read_photo

        value = read_photo(Path(value)).image
    if hasattr(value, "getbands"):  # Pillow's
        from tatamu.vision.transforms.functional import to_tensor

        return to_tensor(value.convert("RGB"))[None]
    if isinstance(value, np.ndarray):
        return _tensor(tatamu.from_numpy(np.ascontiguousarray(value)))
    raise TypeError(
        f"record() takes a tensor, an array or a photo, but got {type(value).__name__}\n"
        "  for example tatamu.rand(1, 3, 224, 224), or the path of a file"
    )


def _scored(output: Any) -> Any:
    """The scores of the first sample's classes, a tensor of one axis; None where there are none."""
    tensors = [x for _, x in labelled(output) if x.is_floating_point() and x.numel()]
    if not tensors:
        return None
    x = tensors[0]
    if x.dim() < 2:
        return x.reshape(-1)
    return x[0].reshape(x.shape[1], -1).mean(1)


def _scores(output: Any) -> list[Score]:
    """Of a network that gives (N, classes): the classes, the likeliest first."""
    tensors = [x for _, x in labelled(output) if x.is_floating_point()]
    if not tensors or tensors[0].dim() != 2 or tensors[0].shape[1] < 2:
        return []
    row = np.asarray(measures.numbers(tensors[0].detach())[0], np.float64)
    if row.min() >= 0 and abs(row.sum() - 1) < 1e-3:  # the network ends in a softmax itself
        shares = row
    else:
        e = np.exp(row - row.max())
        shares = e / e.sum()
    order = np.argsort(-row, kind="stable")
    return [Score(int(i), float(row[i]), float(shares[i])) for i in order]


# ---- copies and statistics -----------------------------------------------------------------------


class _Copies:
    """What each row gave: statistics, and copies as far as the budget goes."""

    def __init__(self, allowed: dict[int, int]) -> None:
        self.allowed = allowed
        self.statistics: dict[int, Statistics] = {}
        self.channels: dict[int, ChannelStatistics] = {}
        self.kept: dict[int, Kept] = {}

    def see(self, draft: Draft, x: Any) -> None:
        if draft.index not in self.allowed:
            return
        values = measures.numbers(x.detach())
        if values.dtype.kind not in "fiub" or not values.size:
            return
        whole = self.statistics[draft.index] = measures.statistics(values)
        maps = measures.first_maps(values)
        channels = measures.channel_statistics(maps, whole.end)
        if values.ndim == 4:
            self.channels[draft.index] = channels
        self.kept[draft.index] = measures.keep(maps, channels.order, self.allowed[draft.index])

    def budget(self, limit: int) -> Budget:
        used = sum(kept.values.nbytes for kept in self.kept.values())
        notes = [(i, len(k.channels), k.shrunk) for i, k in self.kept.items() if not k.whole]
        return Budget(limit, used, tuple(notes))


def _copies(runner: Runner, drafts: Sequence[Draft], budget: int) -> _Copies:
    rows = [draft for draft in drafts if not draft.light and draft.output_shapes]
    sizes = [4 * prod(d.output_shapes[0]) // max(1, (*d.output_shapes[0], 1)[0]) for d in rows]
    shares = measures.shares(sizes, budget)
    copies = _Copies({draft.index: share for draft, share in zip(rows, shares, strict=True)})
    runner.run(Visit(drafts, copies.see))
    return copies


# ---- gradients -----------------------------------------------------------------------------------


def _last_stage(drafts: Sequence[Draft]) -> int | None:
    """The last row that still has the size of the last convolution over more than one pixel."""

    def maps(draft: Draft) -> tuple[int, ...]:
        shape = draft.output_shapes[0] if draft.output_shapes else ()
        return shape if len(shape) == 4 and shape[2] * shape[3] > 1 else ()

    found: int | None = None
    for draft in drafts:
        if isinstance(draft.spec, ConvSpec) and maps(draft):
            found = draft.index
    if found is None:
        return None
    shape, behind = maps(drafts[found]), {found}
    for draft in drafts[found + 1 :]:
        if behind.intersection(edge.producer for edge in draft.edges):
            if maps(draft) != shape:
                break
            behind.add(draft.index)
            found = draft.index
    return found


class _Backward:
    """The gradients of one score by what every row gave, and by its weight."""

    def __init__(self) -> None:
        self.by_output: dict[int, Statistics] = {}
        self.by_weight: dict[int, Statistics] = {}
        self.cam: GradCam | None = None

    def run(self, runner: Runner, drafts: Sequence[Draft], target: int, stage: int | None) -> None:
        import tatamu

        maps: list[Array] = []
        slopes: list[Array] = []

        def note(draft: Draft, gradient: Any) -> None:
            values = measures.numbers(gradient.detach())
            self.by_output[draft.index] = measures.statistics(values)
            if draft.index == stage:
                slopes.append(measures.first_maps(values).copy())

        def see(draft: Draft, x: Any) -> None:
            if draft.index == stage:
                maps.append(measures.first_maps(measures.numbers(x.detach())).copy())
            if x.requires_grad:
                x.register_hook(partial(note, draft))

        inputs = runner.fresh(grad=True)
        output = runner.run(Visit(drafts, see), inputs, grad=True)
        scores = _scored(output)
        if scores is None or not scores.requires_grad:
            return
        if not 0 <= target < len(scores):
            raise ValueError(
                f"target={target} is no class of a network that has {len(scores)}\n"
                f"  use 0 to {len(scores) - 1}"
            )
        weights = {d.index: w for d in drafts if (w := _weight(d)) is not None and w.requires_grad}
        by = [*(x for x in inputs if x.requires_grad), *weights.values()]
        found = tatamu.autograd.grad(scores[target], by, allow_unused=True)
        gradients = found[len(by) - len(weights) :]
        for index, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                self.by_weight[index] = measures.statistics(measures.numbers(gradient))
        if stage is not None and maps and slopes:
            self.cam = grad_cam(stage, target, maps[0], slopes[0])


def grad_cam(layer: int, target: int, maps: Array, slopes: Array) -> GradCam:
    """Grad-CAM of maps and of the gradients of a class's score by them: see `GradCam`.

    >>> maps = np.array([[[1, 2]], [[3, 0]]], np.float32)
    >>> grad_cam(0, 0, maps, np.array([[[1, 1]], [[0, -1]]], np.float32)).values.tolist()
    [[0.0, 2.0]]
    """
    weights = slopes.mean(axis=(1, 2), dtype=np.float64)
    values = np.maximum(np.tensordot(weights, maps.astype(np.float64), 1), 0)
    return GradCam(layer, target, weights.astype(np.float32), values.astype(np.float32))


def _weight(draft: Draft) -> Any:
    """A layer's own weight; of one with several its first matrix."""
    if draft.module is None:
        return None
    own = draft.module._parameters
    first = [p for p in own.values() if p is not None and p.dim() > 1]
    return own.get("weight") if own.get("weight") is not None else next(iter(first), None)


# ---- rows ----------------------------------------------------------------------------------------


def _layer(
    draft: Draft, gaps: Sequence[float], runs: int, copies: _Copies, backward: _Backward
) -> NetworkLayer:
    module: Any = draft.module
    ran = _main(draft)
    weight, bias = (getattr(module, name, None) for name in ("weight", "bias"))
    formula = ""
    if weight is not None and hasattr(weight, "shape"):
        formula = parameter_formula(weight.shape, 0 if bias is None else bias.numel())
    code = code_of(draft)
    text = repr(module).split("\n", 1)[0] if module is not None else code or draft.kind
    return NetworkLayer(
        index=draft.index,
        kind=draft.kind,
        role="view" if draft.light and draft.role == "module" else draft.role,
        text=text,
        path=draft.path,
        modules=draft.modules,
        call=draft.call,
        file=draft.file,
        line=draft.line,
        code=code,
        settings=draft.settings,
        edges=tuple(draft.edges),
        output_shapes=draft.output_shapes,
        dtype=draft.dtype,
        spec=draft.spec,
        axes=axes_seen(draft.spec, draft.spec_sizes),
        seen=draft.sight,
        parameters=draft.parameters,
        parameters_text=formula,
        parameter_bytes=draft.parameter_bytes,
        mult_adds=draft.mult_adds,
        flops=draft.flops,
        bytes_moved=draft.bytes_moved,
        output_bytes=draft.output_bytes,
        seconds=sum(gaps[place] for place in draft.events),
        runs=runs,
        compile_seconds=draft.compile_seconds,
        operations=tuple(draft.operations),
        kernel=ran.kernel if ran else "",
        isa=ran.isa if ran else "",
        why=ran.why if ran else "",
        statistics=copies.statistics.get(draft.index),
        channels=copies.channels.get(draft.index),
        kept=copies.kept.get(draft.index),
        gradient=backward.by_output.get(draft.index),
        weight_gradient=backward.by_weight.get(draft.index),
    )


def _main(draft: Draft) -> Any:
    """How the operation ran that has most to do."""
    counted = [report for report in draft.operations if report.ran != "view"]
    pairs = list(zip(counted, draft.runs, strict=True))
    return max(pairs, key=lambda pair: pair[0].flops)[1] if pairs else None


def _threads() -> int:
    import tatamu

    return tatamu.get_num_threads()


def _version() -> str:
    import tatamu

    return tatamu.__version__
