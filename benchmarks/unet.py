"""A U-Net of 3x3 convolutions and transposed ones, written for torch; both sides run this file."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def twice(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions with normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Four times down to half the size and up again, with a skip at each."""

    def __init__(self, classes: int = 2, width: int = 32) -> None:
        super().__init__()
        widths = [width << step for step in range(5)]
        self.down = nn.ModuleList(
            [twice(a, b) for a, b in zip([3, *widths[:-1]], widths, strict=True)]
        )
        self.up = nn.ModuleList([nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[-2::-1]])
        self.join = nn.ModuleList([twice(2 * w, w) for w in widths[-2::-1]])
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Any) -> Any:
        """Logits for each pixel."""
        kept = []
        for place, block in enumerate(self.down):
            x = block(self.pool(x) if place else x)
            kept.append(x)
        for up, join, skip in zip(self.up, self.join, kept[-2::-1], strict=True):
            x = join(torch.cat([skip, up(x)], dim=1))
        return self.head(x)
