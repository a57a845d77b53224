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
# ResNeXt-50 32x4d: the 3x3 layers of its four stages, and those that begin a stage.
_GROUPED = tuple(
    conv(channels, size, channels, 3, stride, groups=32)
    for channels, size, stride in (
        (128, 56, 1), (256, 28, 1), (512, 14, 1), (1024, 7, 1),
        (256, 56, 2), (512, 28, 2), (1024, 14, 2),
    )
)  # fmt: skip


def depthwise(channels: int, size: int, kernel: int, stride: int) -> Case:
    """A layer in which each channel has a window of its own."""
    return conv(channels, size, channels, kernel, stride, groups=channels)


# MobileNetV2, MobileNetV3-Large and EfficientNet-B0, in the order of their sizes.
_DEPTHWISE = tuple(
    depthwise(*layer)
    for layer in (
        (16, 112, 3, 1), (32, 112, 3, 1), (64, 112, 3, 2), (96, 112, 3, 2),
        (72, 56, 3, 1), (144, 56, 3, 1), (144, 56, 3, 2), (72, 56, 5, 2), (144, 56, 5, 2),
        (192, 28, 3, 1), (192, 28, 3, 2), (240, 28, 3, 2), (120, 28, 5, 1), (240, 28, 5, 1),
        (184, 14, 3, 1), (200, 14, 3, 1), (384, 14, 3, 1), (480, 14, 3, 1), (576, 14, 3, 1),
        (672, 14, 3, 1), (576, 14, 3, 2), (480, 14, 5, 1), (672, 14, 5, 1), (672, 14, 5, 2),
        (960, 7, 3, 1), (1152, 7, 3, 1), (960, 7, 5, 1), (1152, 7, 5, 1),
    )
)  # fmt: skip
_GROUPED_BACKWARD = (
    conv(128, 56, 128, 3, groups=32), conv(256, 28, 256, 3, groups=32),
    conv(512, 28, 512, 3, 2, groups=32), depthwise(32, 112, 3, 1), depthwise(144, 56, 3, 1),
    depthwise(144, 56, 3, 2), depthwise(384, 14, 3, 1), depthwise(240, 28, 5, 1),
)  # fmt: skip

FAMILIES = (
    Family("3x3", _3X3, least=1.8, mean=2.6),
    Family(
        "1x1",
        _1X1,
        least=1.0,
        alone=2.0,
        limit="A matrix product: no algorithm makes fewer multiply-adds, and on this processor "
        "PyTorch's product is near their peak itself.",
    ),
    Family("strided 3x3", _STRIDED, least=1.0),
    Family(
        "first layer",
        _FIRST,
        least=1.0,
        limit="27 multiply-adds for each number written: beginning and ending tiles and writing "
        "the picture out take as long as PyTorch's lead over the peak allows. Winograd's transform "
        "of 3 channels costs more than it saves.",
    ),
    Family("5x5", _5X5, least=1.0),
    Family("grouped", _GROUPED, least=1.0),
    Family(
        "depthwise",
        _DEPTHWISE,
        least=1.2,
        limit="Layers of less than a tenth of a millisecond: a call through Python costs both "
        "sides as much as the arithmetic.",
    ),
    Family("grouped backward", _GROUPED_BACKWARD, "backward", (2,), least=1.0),
    Family("3x3 backward", _3X3, "backward", (2,), mean=1.8),
)
