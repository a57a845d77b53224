"""Transposed convolutions of generators and of U-Nets, and gradients of strided layers."""

from __future__ import annotations

from benchmarks.families.case import Case, Family
from benchmarks.families.convolution import conv


def up(
    inputs: int, size: int, outputs: int, kernel: int, stride: int, padding: int, batch: int = 1
) -> Case:
    """A transposed layer with bias on square pictures."""
    options = {"stride": stride, "padding": padding}
    shapes = ((batch, inputs, size, size), (inputs, outputs, kernel, kernel), (outputs,))
    return Case("conv_transpose2d", shapes, options)


_DCGAN = (
    up(100, 1, 512, 4, 1, 0, batch=16), up(512, 4, 256, 4, 2, 1, batch=4),
    up(256, 8, 128, 4, 2, 1, batch=4), up(128, 16, 64, 4, 2, 1, batch=4),
    up(64, 32, 3, 4, 2, 1, batch=4),
)  # fmt: skip
_UNET = (
    up(1024, 28, 512, 2, 2, 0), up(512, 56, 256, 2, 2, 0), up(256, 112, 128, 2, 2, 0),
    up(128, 112, 64, 3, 2, 1),
)  # fmt: skip
_STRIDED = (
    conv(128, 56, 128, 3, 2), conv(256, 28, 256, 3, 2), conv(512, 14, 512, 3, 2),
    conv(256, 56, 512, 1, stride=2), conv(64, 56, 256, 1), conv(1024, 14, 256, 1),
    conv(64, 27, 192, 5),
)  # fmt: skip

FAMILIES = (
    Family(
        "transposed",
        _DCGAN + _UNET,
        least=1.2,
        mean=2.0,
        limit="A 2x2 window of stride 2 has one product for each input and output, as a 1x1 layer "
        "has: no algorithm makes fewer, and PyTorch is near the multiply-add peak. The widest of "
        "them wait for memory besides: the picture written is larger than what the last cache has "
        "left.",
    ),
    Family(
        "transposed backward",
        _DCGAN[1:4] + _UNET[1:2],
        "backward",
        (2,),
        least=1.0,
        limit="Both gradients are plain sums: windows of stride 2 have no Winograd transform here, "
        "and pictures of 8 and 16 pixels leave short rows to each thread.",
    ),
    Family("other backward", _STRIDED, "backward", (2,), least=1.0),
)
