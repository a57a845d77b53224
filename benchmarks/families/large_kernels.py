"""Convolutions with large kernels: those of pictures, and RepLKNet's depthwise ones."""

from __future__ import annotations

from benchmarks.families.case import Case, Family
from benchmarks.families.convolution import conv

_PICTURE = Case("conv2d", ((1, 4, 600, 1500), (3, 4, 256, 256), (3,)), {"padding": 1}, once=True)
_KERNELS = (
    conv(3, 512, 8, 63), conv(1, 512, 1, 31), conv(3, 224, 16, 21), conv(3, 224, 16, 11),
)  # fmt: skip
_REPLKNET = (conv(128, 56, 128, 31, groups=128), conv(128, 56, 128, 13, groups=128))

FAMILIES = (
    Family("kernel 256", (_PICTURE,), threads=(2,), least=50.0),
    Family("large kernels", _KERNELS, least=1.0),
    Family("large kernels backward", _KERNELS[:2], "backward", least=1.0),
    Family("RepLKNet", _REPLKNET, least=1.0),
)
