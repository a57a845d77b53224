"""What the output of an operation depends on, told from what its inputs depend on.

Windows, bins, resampling and padding are followed by geometry's own rules; operations that only
move values by running their reference on places; reductions and norms take whole axes. Of any
other operation every output is taken to depend on every input: never too little is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.geometry import AdaptiveSpec, Axis, ConvSpec, Padded, PoolSpec, Resampling, Seen
from tatamu.ops.reshape import reshape_view as reshape_op

if TYPE_CHECKING:
    from tatamu.ops import Event

__all__ = ["Sight", "nothing", "of_picture", "through", "together"]

Sight = tuple[Seen, Seen]
"""What a tensor depends on, of the picture's height and width."""

ELEMENTWISE = frozenset(
    [
        "abs",
        "acos",
        "acosh",
        "add",
        "addcdiv",
        "addcmul",
        "alias",
        "asin",
        "asinh",
        "atan",
        "atan2",
        "atanh",
        "batch_norm_inference",
        "bitwise_and",
        "bitwise_left_shift",
        "bitwise_not",
        "bitwise_or",
        "bitwise_right_shift",
        "bitwise_xor",
        "cast",
        "ceil",
        "celu",
        "clamp",
        "clamp_above",
        "clamp_below",
        "clamp_between",
        "clamp_max",
        "clamp_min",
        "clone",
        "copysign",
        "copysign_number",
        "cos",
        "cosh",
        "deg2rad",
        "digamma",
        "div",
        "div_floor",
        "div_trunc",
        "elu",
        "eq",
        "erf",
        "erfc",
        "erfinv",
        "exp",
        "exp2",
        "expm1",
        "floor",
        "floor_divide",
        "fmax",
        "fmin",
        "fmod",
        "fmod_number",
        "frac",
        "ge",
        "gelu",
        "gelu_tanh",
        "gt",
        "hardshrink",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "heaviside",
        "hypot",
        "isfinite",
        "isinf",
        "isnan",
        "isneginf",
        "isposinf",
        "ldexp",
        "le",
        "leaky_relu",
        "lerp",
        "lerp_number",
        "lgamma",
        "log",
        "log10",
        "log1p",
        "log2",
        "logaddexp",
        "logaddexp2",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "logit",
        "logsigmoid",
        "lt",
        "masked_fill",
        "masked_fill_by",
        "maximum",
        "minimum",
        "mish",
        "mul",
        "nan_to_num",
        "ne",
        "neg",
        "nextafter",
        "polygamma",
        "pow",
        "power",
        "power_of_number",
        "rad2deg",
        "reciprocal",
        "relu",
        "remainder",
        "remainder_number",
        "round",
        "round_decimals",
        "rrelu_noise",
        "rsqrt",
        "rsub",
        "rsub_number",
        "sgn",
        "sigmoid",
        "sign",
        "signbit",
        "silu",
        "sin",
        "sinc",
        "sinh",
        "softplus",
        "softshrink",
        "sqrt",
        "sub",
        "tan",
        "tanh",
        "threshold",
        "trunc",
        "where",
        "xlogy",
        "xlogy_by_number",
        "xlogy_of_number",
    ]
)
MOVING = frozenset(["reshape", "clone", "index", "flip", "roll", "rot90", "repeat", "index_select"])
BY_MEMORY = frozenset(["as_strided", "as_strided_"])
ALONG = frozenset(
    ["softmax", "log_softmax", "cumsum", "cumprod", "logcumsumexp", "cummax", "cummin", "sort",
     "topk"]
)  # fmt: skip
REDUCING = frozenset(
    [
        "amax",
        "amin",
        "max_along",
        "min_along",
        "mean",
        "sum",
        "var",
        "std",
        "var_mean",
        "mean_beside_var",
        "std_mean",
        "mean_beside_std",
        "prod",
        "logsumexp",
        "nansum",
        "vector_norm",
        "median_along",
        "mode",
        "kthvalue",
        "nanmedian_along",
    ]
)
MOST_PLACES = 1 << 22


def nothing() -> Sight:
    """Of a tensor that does not depend on the picture."""
    return Seen.nothing(), Seen.nothing()


def of_picture(shape: Sequence[int]) -> Sight:
    """Of the picture: its last two axes, as far as there are two behind samples and channels."""
    rank = len(shape)
    if rank < 3:
        return Seen(None, (0,), (0,), None), Seen(None, (0,), (0,), None)
    return Seen.of(shape[-2], rank - 2), Seen.of(shape[-1], rank - 1)


def together(sights: Sequence[Sight]) -> Sight:
    """Of what takes values of all of these at the same places."""
    down, across = nothing()
    for sight in sights:
        down, across = down.beside(sight[0]), across.beside(sight[1])
    return down, across


def through(event: Event, inputs: Sequence[Sight | None]) -> list[Sight]:
    """Of each output of an operation, from that of each of its inputs (None: not the picture's)."""
    known = [(place, sight) for place, sight in enumerate(inputs) if sight is not None]
    count = len(event.outputs)
    if not known:
        return [nothing()] * count
    name = event.op.name
    if (event.op.aliases and name not in BY_MEMORY) or name in MOVING:
        return _moved(event, known[0][1]) if known[0][0] == 0 else [_whole(known)] * count
    rule = _RULES.get(name) or _rule(name)
    found: list[Sight] = []
    for place, sight in known:
        down, across = (rule(event, place, seen) for seen in sight)
        found.append((down, across))
    sight = _joined(event, found) if name == "cat" else together(found)
    return [_fitting(sight, out.shape) for out in event.outputs]


def _fitting(sight: Sight, shape: Sequence[int]) -> Sight:
    """The same of an output that may have another shape than the first: statistics of a norm."""

    def fits(seen: Seen) -> bool:
        dim = seen.dim
        return dim is None or (dim < len(shape) and shape[dim] == len(seen.first))

    down, across = (seen if fits(seen) else seen.as_one() for seen in sight)
    return down, across


def _rule(name: str) -> Callable[[Event, int, Seen], Seen]:
    for names, rule in (
        (ELEMENTWISE, _elementwise),
        (ALONG, _along),
        (REDUCING, _reduced),
    ):
        if name in names:
            return rule
    return _everything


def _whole(known: Sequence[tuple[int, Sight]]) -> Sight:
    return together([(a.as_one(), b.as_one()) for _, (a, b) in known])


def _everything(event: Event, place: int, seen: Seen) -> Seen:
    return seen.as_one()


def _elementwise(event: Event, place: int, seen: Seen) -> Seen:
    """The same place of the output, where the input's axes are the output's last."""
    source = event.inputs[place]
    if seen.dim is None or source is None:
        return seen
    dim = seen.dim + len(event.output.shape) - len(source.shape)
    if source.shape[seen.dim] != event.output.shape[dim]:
        return seen.as_one()
    return seen.moved(dim)


def _along(event: Event, place: int, seen: Seen) -> Seen:
    """Along one axis every output takes the whole; elsewhere place by place."""
    axis = getattr(event.attrs, "axis", None)
    if axis is None or seen.dim == axis or place:
        return seen.as_one()
    return seen


def _reduced(event: Event, place: int, seen: Seen) -> Seen:
    source = event.inputs[place]
    axes = getattr(event.attrs, "axes", None)
    if axes is None and hasattr(event.attrs, "axis"):
        axes = (event.attrs.axis,)
    if seen.dim is None or source is None or axes is None or place:
        return seen.as_one()
    axes = tuple(axis % len(source.shape) for axis in axes) if axes else ()
    if seen.dim in axes:
        return seen.as_one()
    if len(event.output.shape) == len(source.shape):
        return seen
    return seen.moved(seen.dim - sum(axis < seen.dim for axis in axes))


def _layer_norm(event: Event, place: int, seen: Seen) -> Seen:
    source = event.inputs[0]
    assert source is not None
    first = len(source.shape) - len(event.attrs.shape)
    return seen.as_one() if seen.dim is None or seen.dim >= first or place else seen


def _linear(event: Event, place: int, seen: Seen) -> Seen:
    """Rows stay rows, where the weight is not the picture's."""
    return seen.as_one() if place or seen.dim != 0 else seen


def _product(event: Event, place: int, seen: Seen) -> Seen:
    """Rows of the first matrices and columns of the second ones stay what they are."""
    source = event.inputs[place]
    assert source is not None
    rank = len(source.shape)
    summed = rank - 1 if place == 0 else rank - 2
    if rank < 2 or seen.dim is None or seen.dim == summed:
        return seen.as_one()
    if len(event.output.shape) != rank:
        return seen.as_one()
    return seen


def _spatial(event: Event, seen: Seen, count: int) -> int | None:
    """Which of an operation's ``count`` last axes is this one's; None for another."""
    source = event.inputs[0]
    assert source is not None
    if seen.dim is None or seen.dim < len(source.shape) - count:
        return None
    return seen.dim - (len(source.shape) - count)


def _convolved(event: Event, place: int, seen: Seen) -> Seen:
    if place == 3:  # the residual that a fused convolution adds
        return seen
    spec: ConvSpec = getattr(event.attrs, "spec", event.attrs)
    axes = spec.axes
    at = _spatial(event, seen, len(axes)) if place == 0 else None
    return seen.as_one() if at is None else seen.through(axes[at])


def _pooled(event: Event, place: int, seen: Seen) -> Seen:
    spec: PoolSpec | AdaptiveSpec = getattr(event.attrs, "spec", event.attrs)
    at = _spatial(event, seen, spec.dims)
    if at is None:
        return seen if seen.dim is not None else seen.as_one()
    source = event.inputs[0]
    assert source is not None
    sizes = tuple(source.shape)[-spec.dims :]
    windows = spec.windows(sizes) if isinstance(spec, AdaptiveSpec) else spec
    axis: Axis | None = None if windows is None else windows.axes[at]
    reach = seen.reach.through(axis) if seen.reach and axis else None
    return seen.reading(spec.reads(sizes)[at], reach)


def _resized(event: Event, place: int, seen: Seen) -> Seen:
    axes: tuple[Resampling, ...] = event.attrs.axes
    at = _spatial(event, seen, len(axes))
    return seen if at is None else seen.resized(axes[at])


def _padded(event: Event, place: int, seen: Seen) -> Seen:
    widths = event.attrs.widths
    at = _spatial(event, seen, len(widths))
    if at is None:
        return seen
    before, after = widths[at]
    return seen.padded(Padded(event.attrs.mode, len(seen.first), before, after))


def _stacked(event: Event, place: int, seen: Seen) -> Seen:
    """An axis is new."""
    if seen.dim is None:
        return seen
    return seen.moved(seen.dim + (seen.dim >= event.attrs))


_RULES: dict[str, Callable[[Event, int, Seen], Seen]] = {
    **dict.fromkeys(("convolution", "conv_transpose", "conv_fused"), _convolved),
    **dict.fromkeys(
        ("max_pool2d", "max_pool3d", "max_pool_values", "avg_pool2d", "avg_pool3d", "lp_pool",
         "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool2d",
         "adaptive_max_pool3d"), _pooled,
    ),
    **dict.fromkeys(("linear", "linear_without_bias"), _linear),
    **dict.fromkeys(("matmul", "bmm"), _product),
    "cat": _elementwise,
    "layer_norm": _layer_norm,
    "pad": _padded,
    "resize": _resized,
    "stack": _stacked,
}  # fmt: skip


def _joined(event: Event, found: Sequence[Sight]) -> Sight:
    """Of tensors one behind another; along the picture's own axes place after place."""
    axis = event.attrs % len(event.output.shape)
    joined: list[Seen] = []
    for side in zip(*found, strict=True):
        known = [seen for seen in side if not seen.empty]
        if all(seen.dim == axis for seen in known) and len(known) == len(event.inputs):
            whole = known[0]
            for seen in known[1:]:
                whole = whole.joined(seen)
        else:
            whole = together([(seen, seen) for seen in known])[0]
            whole = whole.as_one() if whole.dim == axis else whole
        joined.append(whole)
    return joined[0], joined[1]


# ---- operations that move values -----------------------------------------------------------------


def _moved(event: Event, sight: Sight) -> list[Sight]:
    source = event.inputs[0]
    assert source is not None
    sides = [_places(event, tuple(source.shape), seen) for seen in sight]
    return list(zip(*sides, strict=True))


def _places(event: Event, shape: tuple[int, ...], seen: Seen) -> list[Seen]:
    """Where the places along one axis have gone, in each output."""
    count = len(event.outputs)
    sizes = max(int(np.prod(out.shape, dtype=np.int64)) for out in event.outputs)
    if seen.dim is None or sizes > MOST_PLACES * 16:
        return [seen.as_one()] * count
    size = shape[seen.dim]
    line = np.arange(size, dtype=np.int32).reshape(-1, *(1,) * (len(shape) - seen.dim - 1))
    others = [None if x is None else x.array for x in event.inputs[1:]]
    whole = np.broadcast_to(line, shape)
    if event.op.reference is reshape_op.reference:
        gone = whole.reshape(event.attrs)  # which copies, where the reference of a view may not
    else:
        gone = event.op.reference(event.attrs, whole, *others)
    each = gone if isinstance(gone, tuple) else (gone,)
    return [_settled(np.asarray(places), seen) for places in each]


def _settled(places: Any, seen: Seen) -> Seen:
    """What is seen by a tensor of these places: along the one axis that matters, if there is one.

    >>> _settled(np.array([[2, 2], [0, 0]]), Seen.of(3, 0)).at(0)
    range(2, 3)
    """
    if not places.size:
        return Seen.nothing()
    first, last = np.array(seen.first)[places], np.array(seen.last)[places]
    varies = [dim for dim in range(places.ndim) if _varies(first, dim) or _varies(last, dim)]
    if not varies:
        varies = [dim for dim in range(places.ndim) if _varies(places, dim)]
    if not varies:
        one = int(places.reshape(-1)[0])
        if len(seen.first) == 1:
            kept = _same_axis(places, seen)
            return seen.moved(kept) if kept is not None else seen.as_one()
        return seen.picked([one], None)
    if len(varies) > 1:
        used = np.unique(places).tolist()
        return seen.picked(used, 0).as_one()
    dim = varies[0]
    line = places[tuple(slice(None) if d == dim else 0 for d in range(places.ndim))]
    return seen.picked(line.tolist(), dim)


def _varies(values: Any, dim: int) -> bool:
    if values.strides[dim] == 0 or values.shape[dim] == 1:
        return False
    head = values[(slice(None),) * dim + (slice(0, 1),)]
    return bool((values != head).any())


def _same_axis(places: Any, seen: Seen) -> int | None:
    """Where an axis of one place is now, so far as its number tells."""
    if seen.dim is not None and seen.dim < places.ndim and places.shape[seen.dim] == 1:
        return seen.dim
    return None
