"""The layers that are compared with PyTorch, as data: one file a family of layers.

A `Case` is a call that both libraries understand alike: the name of a function, shapes, options.
"""

from __future__ import annotations

from benchmarks.families import (
    convolution,
    large_kernels,
    linear,
    normalization,
    pointwise,
    pooling,
    transposed,
)
from benchmarks.families.case import Case, Family

FAMILIES: tuple[Family, ...] = (
    *convolution.FAMILIES,
    *transposed.FAMILIES,
    *large_kernels.FAMILIES,
    *linear.FAMILIES,
    *pooling.FAMILIES,
    *normalization.FAMILIES,
    *pointwise.FAMILIES,
)

__all__ = ["FAMILIES", "Case", "Family"]
