"""The layer that the page's sliders stand for: checked, and written as a layer text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tatamu.geometry import PADDING_MODES
from tatamu.lens.words import LookError

LIMITS = {
    "kernel": (1, 15),
    "stride": (1, 8),
    "padding": (0, 15),
    "dilation": (1, 8),
    "channels": (1, 32),
}
"""The sliders, and the ends of each."""

WEIGHTS = ("named", "random")


@dataclass(frozen=True)
class Settings:
    """Where the sliders stand."""

    kind: str = "Conv2d"
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    dilation: int = 1
    channels: int = 8
    mode: str = "zeros"
    weights: str = "named"

    def layer_text(self) -> str:
        """The layer, with the arguments that differ from PyTorch's defaults.

        >>> Settings().layer_text()
        'Conv2d(_, 8, 3, padding=1)'
        >>> Settings("MaxPool2d", kernel=2, stride=2, padding=0).layer_text()
        'MaxPool2d(2)'
        """
        pooling = "channels" not in KINDS[self.kind]
        parts = [f"{self.kernel}"] if pooling else ["_", f"{self.channels}", f"{self.kernel}"]
        usual = {"stride": self.kernel if pooling else 1, "padding": 0, "dilation": 1}
        for name in KINDS[self.kind]:
            if name in usual and getattr(self, name) != usual[name]:
                parts.append(f"{name}={getattr(self, name)}")
        if self.kind == "Conv2d" and self.mode != "zeros":
            parts.append(f"padding_mode='{self.mode}'")
        return f"{self.kind}({', '.join(parts)})"


KINDS: dict[str, tuple[str, ...]] = {
    "Conv2d": ("kernel", "stride", "padding", "dilation", "channels"),
    "ConvTranspose2d": ("kernel", "stride", "padding", "dilation", "channels"),
    "MaxPool2d": ("kernel", "stride", "padding", "dilation"),
    "AvgPool2d": ("kernel", "stride", "padding"),
}
"""The layers of the page, and the sliders that each heeds."""

STARTS = {
    "Conv2d": Settings(),
    "ConvTranspose2d": Settings("ConvTranspose2d", kernel=3, stride=2),
    "MaxPool2d": Settings("MaxPool2d", kernel=2, stride=2, padding=0),
    "AvgPool2d": Settings("AvgPool2d", kernel=2, stride=2, padding=0),
}
"""Where the sliders stand when a layer is chosen."""


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Settings as a page sends them. Raises `LookError` for what no slider can say."""
    settings = Settings()
    choices = {"kind": tuple(KINDS), "mode": PADDING_MODES, "weights": WEIGHTS}
    for name, allowed in choices.items():
        value = given.get(name, getattr(settings, name))
        if value not in allowed:
            raise LookError("serve.setting", name=name, allowed=", ".join(allowed))
        settings = replace(settings, **{name: value})
    numbers: dict[str, Any] = {}
    for name, (low, high) in LIMITS.items():
        number = given.get(name, getattr(settings, name))
        if type(number) is not int or not low <= number <= high:
            raise LookError("serve.setting", name=name, allowed=f"{low}–{high}")
        numbers[name] = number
    return replace(settings, **numbers)
