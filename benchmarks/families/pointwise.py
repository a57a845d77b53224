"""Activations, arithmetic, padding and resizing at the sizes of well-known networks."""

from __future__ import annotations

from benchmarks.families.case import Case, Family

_WIDE, _DEEP = (1, 64, 112, 112), (1, 256, 56, 56)
_ACTIVATIONS = ("relu", "relu6", "silu", "hardswish", "gelu", "sigmoid")


def each(call: str, *others: tuple[int, ...]) -> tuple[Case, ...]:
    """A call on both of the usual sizes; ``others`` are its further inputs."""
    return tuple(Case(call, (shape, *others)) for shape in (_WIDE, _DEEP))


def with_another(call: str) -> tuple[Case, ...]:
    """A call on two tensors of one shape."""
    return tuple(Case(call, (shape, shape)) for shape in (_WIDE, _DEEP))


def per_channel(call: str) -> tuple[Case, ...]:
    """A call on a tensor and one number per channel."""
    return tuple(Case(call, (s, (1, s[1], 1, 1))) for s in (_WIDE, _DEEP))


def resized(mode: str, shape: tuple[int, ...]) -> Case:
    """Twice the size."""
    return Case("interpolate", (shape,), {"scale_factor": 2, "mode": mode})


_POINTWISE = (
    *(case for name in _ACTIVATIONS for case in each(name)),
    *with_another("add"),
    *per_channel("mul"),
)
_BACKWARD = tuple(case for name in ("relu", "silu", "gelu") for case in each(name))
_PADDING = (Case("pad", ((1, 64, 128, 128),), {"pad": (1, 1, 1, 1), "mode": "reflect"}),)
_RESIZING = (
    *(
        resized(mode, shape)
        for mode in ("bilinear", "nearest")
        for shape in ((1, 64, 64, 64), (1, 256, 28, 28))
    ),
    resized("bicubic", (1, 3, 256, 256)),
)

FAMILIES = (
    Family(
        "pointwise",
        _POINTWISE,
        least=1.0,
        memory=True,
        limit="All of it is reading and writing; most take less than a tenth of a millisecond, "
        "where waking the second thread counts.",
    ),
    Family("pointwise backward", _BACKWARD, "backward", (2,), least=1.0, memory=True),
    Family("padding", _PADDING, least=1.0, memory=True),
    Family(
        "resizing",
        _RESIZING,
        least=1.0,
        memory=True,
        limit="Four times as much is written as is read: both sides wait for stores.",
    ),
)
