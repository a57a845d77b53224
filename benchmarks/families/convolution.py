"""Convolutions of well-known networks."""

from __future__ import annotations

from benchmarks.families.case import Case, Family


def conv(
    inputs: int, size: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> Case:
    """A layer with bias, padded by half its kernel, on one square picture."""
    weight = (outputs, inputs // groups, kernel, kernel)
    options = {"stride": stride, "padding": kernel // 2, "groups": groups}
    return Case("conv2d", ((1, inputs, size, size), weight, (outputs,)), options)


_3X3 = tuple(
    conv(inputs, size, outputs, 3)
    for inputs, size, outputs in (
        (64, 224, 64), (64, 112, 128), (128, 112, 128), (128, 56, 256), (256, 56, 256),
        (256, 28, 512), (512, 28, 512), (512, 14, 512), (64, 56, 64), (128, 28, 128),
        (256, 14, 256), (512, 7, 512),
    )
)  # fmt: skip
_1X1 = (
    conv(64, 56, 256, 1), conv(256, 56, 64, 1), conv(512, 28, 128, 1), conv(1024, 14, 256, 1),
    conv(512, 7, 2048, 1), conv(256, 56, 512, 1, stride=2),
)  # fmt: skip
_STRIDED = (conv(128, 56, 128, 3, 2), conv(256, 28, 256, 3, 2), conv(512, 14, 512, 3, 2))
_FIRST = (conv(3, 224, 64, 7, 2), conv(3, 224, 64, 3), conv(3, 224, 32, 3, 2))
_5X5 = (conv(64, 27, 192, 5),)
_GROUPED = (conv(128, 56, 128, 3, groups=32), conv(256, 28, 256, 3, groups=32))
_DEPTHWISE = (
    conv(32, 112, 32, 3, groups=32), conv(144, 56, 144, 3, 2, groups=144),
    conv(384, 14, 384, 3, groups=384),
)  # fmt: skip

FAMILIES = (
    Family("3x3", _3X3, least=1.8, mean=2.6),
    Family("1x1", _1X1, least=1.0),
    Family("strided 3x3", _STRIDED, least=1.0),
    Family("first layer", _FIRST, least=1.0),
    Family("5x5", _5X5, least=1.0),
    Family("grouped", _GROUPED, least=1.0),
    Family("depthwise", _DEPTHWISE, least=1.2),
    Family("3x3 backward", _3X3, "backward", (2,), mean=1.8),
)
