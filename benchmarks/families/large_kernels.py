"""Convolutions with large kernels: those of pictures, and RepLKNet's depthwise ones."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.families.case import Case, Family
from benchmarks.families.convolution import conv

# PyTorch takes twenty seconds for the first, one or two for the other; backward, minutes.
_SLOW = (
    Case("conv2d", ((1, 4, 600, 1500), (3, 4, 256, 256), (3,)), {"padding": 1}, once=True),
    replace(conv(3, 512, 8, 63), once=True),
)
_KERNELS = (conv(1, 512, 1, 31), conv(3, 224, 16, 31), conv(3, 224, 16, 11))
_LINES = (Case("conv1d", ((1, 1, 100_000), (1, 1, 1024), (1,))),)
_REPLKNET = (conv(128, 56, 128, 31, groups=128), conv(128, 56, 128, 13, groups=128))

FAMILIES = (
    Family("kernel of 256", _SLOW[:1], threads=(2,), least=50.0),
    Family("kernel of 63", _SLOW[1:], threads=(2,), least=1.0),
    Family(
        "large kernels",
        (*_KERNELS, *_LINES),
        least=1.0,
        limit="An 11x11 window of 3 channels is a plain sum near the multiply-add peak on both "
        "sides.",
    ),
    Family(
        "large kernels backward",
        tuple(replace(case, once=True) for case in (*_KERNELS[:2], *_LINES)),
        "backward",
        least=1.0,
    ),
    Family(
        "RepLKNet",
        _REPLKNET,
        least=1.0,
        limit="Lanes across channels read each weight once for every few pixels; PyTorch's lanes "
        "run along rows and keep weights in registers for windows this large.",
    ),
)
