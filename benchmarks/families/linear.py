"""Linear layers and matrix products of well-known networks."""

from __future__ import annotations

from benchmarks.families.case import Case, Family


def linear(inputs: int, outputs: int, rows: int = 1) -> Case:
    """A layer with bias on so many rows."""
    return Case("linear", ((rows, inputs), (outputs, inputs), (outputs,)))


# VGG16's three, ResNet-50's, ResNet-18's and MobileNetV2's last layers.
_SINGLE = (
    linear(25088, 4096), linear(4096, 4096), linear(4096, 1000), linear(2048, 1000),
    linear(512, 1000), linear(1280, 1000),
)  # fmt: skip
_BATCH = tuple(
    linear(inputs, outputs, rows)
    for rows in (8, 64)
    for inputs, outputs in ((4096, 4096), (2048, 1000))
)
_VIT = (linear(768, 3072, 197), linear(768, 768, 197))
_PRODUCTS = (
    Case("matmul", ((512, 512), (512, 512))),
    Case("matmul", ((1024, 1024), (1024, 1024))),
    # attention in ViT-B/16: 197 patches, 12 heads
    Case("matmul", ((12, 197, 64), (12, 64, 197))),
    Case("matmul", ((12, 197, 197), (12, 197, 64))),
)
_BACKWARD = (linear(25088, 4096), linear(4096, 4096), linear(512, 1000), *_BATCH[2:])

FAMILIES = (
    Family("linear", (*_SINGLE, *_BATCH, *_VIT), least=1.0),
    Family("matmul", _PRODUCTS, least=1.0),
    Family("linear backward", _BACKWARD, "backward", (2,), least=1.0),
)
