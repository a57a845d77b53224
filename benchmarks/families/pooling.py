"""Pooling layers of well-known networks."""

from __future__ import annotations

from typing import Any

from benchmarks.families.case import Case, Family


def pool(call: str, channels: int, size: int, *shape: int, **options: Any) -> Case:
    """A pooling of one square picture (of a volume, if a depth is given)."""
    return Case(call, ((1, channels, *shape, size, size),), options)


def _max(channels: int, size: int, kernel: int, stride: int, padding: int = 0) -> Case:
    options = {"kernel_size": kernel, "stride": stride, "padding": padding}
    return pool("max_pool2d", channels, size, **options)


def _avg(channels: int, size: int, kernel: int, stride: int, padding: int = 0) -> Case:
    options = {"kernel_size": kernel, "stride": stride, "padding": padding}
    return pool("avg_pool2d", channels, size, **options)


_MAX = (
    _max(64, 224, 2, 2), _max(512, 28, 2, 2), _max(64, 112, 3, 2, 1), _max(256, 20, 5, 1, 2),
)  # fmt: skip
_AVG = (
    _avg(256, 28, 3, 1, 1),
    _avg(256, 28, 2, 2),
    pool("lp_pool2d", 256, 28, norm_type=2, kernel_size=2, stride=2),
)
_ADAPTIVE = (
    pool("adaptive_avg_pool2d", 2048, 7, output_size=1),
    pool("adaptive_avg_pool2d", 1280, 7, output_size=1),
    pool("adaptive_avg_pool2d", 512, 14, output_size=7),
    pool("adaptive_max_pool2d", 512, 14, output_size=7),
)
_VOLUMES = (
    pool("max_pool3d", 64, 56, 8, kernel_size=2, stride=2),
    pool("avg_pool3d", 64, 28, 8, kernel_size=2, stride=2),
)
_BACKWARD = (_max(64, 112, 3, 2, 1), _avg(256, 28, 2, 2))

FAMILIES = (
    Family("max pooling", _MAX, least=1.0, memory=True),
    Family(
        "average pooling",
        _AVG,
        least=1.0,
        memory=True,
        limit="Some hundredths of a millisecond: the call costs as much.",
    ),
    Family("adaptive pooling", _ADAPTIVE, least=1.0, memory=True),
    Family("pooling of volumes", _VOLUMES, least=1.0, memory=True),
    Family("pooling backward", _BACKWARD, "backward", (2,), least=1.0, memory=True),
)
