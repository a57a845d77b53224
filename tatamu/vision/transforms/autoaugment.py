"""AutoAugment, RandAugment, TrivialAugment and AugMix: changes drawn from a list of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import tatamu
from tatamu import Tensor, nn
from tatamu.vision.transforms import functional as F
from tatamu.vision.transforms.arguments import fill_for
from tatamu.vision.transforms.draws import below, mixing
from tatamu.vision.transforms.interpolation import InterpolationMode
from tatamu.vision.transforms.policies import POLICIES, AutoAugmentPolicy

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]

Numpy = np.ndarray[Any, np.dtype[Any]]
Space = dict[str, tuple[Numpy | None, bool]]
"""For each change the strengths to choose from, and whether its sign is drawn, too."""

COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")


def apply_change(
    img: Any, name: str, magnitude: float, interpolation: Any, fill: Any, F: Any = F
) -> Any:
    """The picture with one of the changes, by the functions of the module F.

    Raises ValueError for an unknown name.
    """
    level = math.degrees(math.atan(magnitude))
    whole = int(magnitude)
    warps: dict[str, tuple[list[int], list[float], list[int] | None]] = {
        "ShearX": ([0, 0], [level, 0.0], [0, 0]),
        "ShearY": ([0, 0], [0.0, level], [0, 0]),
        "TranslateX": ([whole, 0], [0.0, 0.0], None),
        "TranslateY": ([0, whole], [0.0, 0.0], None),
    }
    if name in warps:
        move, shear, center = warps[name]
        return F.affine(img, 0.0, move, 1.0, shear, interpolation, fill, center)
    changes: dict[str, Callable[[], Any]] = {
        "Rotate": lambda: F.rotate(img, magnitude, interpolation, fill=fill),
        "Brightness": lambda: F.adjust_brightness(img, 1.0 + magnitude),
        "Color": lambda: F.adjust_saturation(img, 1.0 + magnitude),
        "Contrast": lambda: F.adjust_contrast(img, 1.0 + magnitude),
        "Sharpness": lambda: F.adjust_sharpness(img, 1.0 + magnitude),
        "Posterize": lambda: F.posterize(img, whole),
        "Solarize": lambda: F.solarize(img, magnitude),
        "AutoContrast": lambda: F.autocontrast(img),
        "Equalize": lambda: F.equalize(img),
        "Invert": lambda: F.invert(img),
        "Identity": lambda: img,
    }
    if name not in changes:
        raise ValueError(f"The provided operator {name} is not recognized.")
    return changes[name]()


def strengths(high: float, bins: int, low: float = 0.0) -> Numpy:
    """Evenly spaced from ``low`` to ``high``, of single precision."""
    step = np.float32((np.float32(high) - np.float32(low)) / np.float32(max(bins - 1, 1)))
    places = np.arange(bins)
    half = bins // 2  # torch counts the second half from the end
    up = np.float32(low) + step * places.astype(np.float32)
    down = np.float32(high) - step * (bins - 1 - places).astype(np.float32)
    return np.where(places < half, up, down).astype(np.float32)


def bits(most: int, steps: int, bins: int) -> Numpy:
    """How many bits posterizing keeps, fewer and fewer."""
    places = np.arange(bins, dtype=np.float32) / np.float32((bins - 1) / steps)
    return np.asarray((most - np.rint(places)).astype(np.int64))


def space(
    bins: int, x: float, y: float, shear: float, turn: float, colour: float, steps: int
) -> Space:
    """The changes that AutoAugment and its followers have in common, in their order."""
    found: Space = {
        "ShearX": (strengths(shear, bins), True),
        "ShearY": (strengths(shear, bins), True),
        "TranslateX": (strengths(x, bins), True),
        "TranslateY": (strengths(y, bins), True),
        "Rotate": (strengths(turn, bins), True),
    }
    found.update({name: (strengths(colour, bins), True) for name in COLOURS})
    found["Posterize"] = (bits(8, steps, bins), False)
    found["Solarize"] = (strengths(0.0, bins, 255.0), False)
    found["AutoContrast"] = found["Equalize"] = (None, False)
    return found


def usual_space(bins: int, size: tuple[int, int]) -> Space:
    """The changes of AutoAugment and RandAugment for a picture (height, width)."""
    x, y = (150.0 / 331.0 * side for side in reversed(size))
    return space(bins, x, y, 0.3, 30.0, 0.9, 4)


def wide_space(bins: int) -> Space:
    """The changes of TrivialAugmentWide."""
    return {"Identity": (None, False), **space(bins, 32.0, 32.0, 0.99, 135.0, 0.99, 6)}


def mix_space(bins: int, size: tuple[int, int], all_ops: bool) -> Space:
    """The changes of AugMix for a picture (height, width)."""
    found = space(bins, size[1] / 3.0, size[0] / 3.0, 0.3, 30.0, 0.9, 4)
    found["Posterize"] = (bits(4, 4, bins), False)
    colours = {name: found.pop(name) for name in COLOURS}
    return {**found, **colours} if all_ops else found


class _Augment(nn.Module):
    """The base of the four: how pixels are interpolated, and what fills the outside."""

    def __init__(self, interpolation: InterpolationMode, fill: Any) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill

    def _draw(self, choice: Space, place: Callable[[Numpy], int]) -> tuple[str, float]:
        """One of the changes and its strength; ``place`` says which of the strengths."""
        name = list(choice)[below(0, len(choice))]
        values, signed = choice[name]
        magnitude = 0.0 if values is None else float(values[place(values)])
        if signed and below(0, 2):
            magnitude *= -1.0
        return name, magnitude

    def _text(self, *names: str) -> str:
        shown = (f"{name}={getattr(self, name)}" for name in names)
        return f"{type(self).__name__}({', '.join(shown)})"


class AutoAugment(_Augment):
    """Two changes by a policy that was learned on a data set (Cubuk et al., 2019).

    Tensors must be uint8. Raises ValueError for an unknown policy.
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.policy = policy
        if policy not in POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policies = POLICIES[policy]

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """The number of a pair, two numbers that decide whether, and two signs."""
        number = below(0, transform_num)
        return number, tatamu.rand((2,)), tatamu.randint(2, (2,))

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        number, probabilities, signs = self.get_params(len(self.policies))
        choice = {**usual_space(10, (height, width)), "Invert": (None, False)}
        for place, (name, p, strength) in enumerate(self.policies[number]):
            if probabilities[place] <= p:
                values, signed = choice[name]
                magnitude = 0.0
                if values is not None and strength is not None:
                    magnitude = float(values[strength])
                if signed and signs[place] == 0:
                    magnitude *= -1.0
                img = apply_change(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return self._text("policy", "fill")


class RandAugment(_Augment):
    """``num_ops`` changes, all of one strength (Cubuk et al., 2020). Tensors must be uint8."""

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        choice: Space = {"Identity": (None, False)}
        choice.update(usual_space(self.num_magnitude_bins, (height, width)))
        for _ in range(self.num_ops):
            name, magnitude = self._draw(choice, lambda _: self.magnitude)
            img = apply_change(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return self._text("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")


class TrivialAugmentWide(_Augment):
    """One change of any strength (Müller and Hutter, 2021). Tensors must be uint8."""

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        choice = wide_space(self.num_magnitude_bins)
        name, magnitude = self._draw(choice, lambda values: below(0, len(values)))
        return apply_change(img, name, magnitude, self.interpolation, fill)

    def __repr__(self) -> str:
        return self._text("num_magnitude_bins", "interpolation", "fill")


class AugMix(_Augment):
    """Several chains of changes, mixed with each other and with the picture (Hendrycks, 2020).

    Tensors must be uint8. Raises ValueError for a severity beyond 1 to 10.
    """

    _PARAMETER_MAX = 10

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 1 <= severity <= self._PARAMETER_MAX:
            raise ValueError(
                f"The severity must be between [1, {self._PARAMETER_MAX}]. Got {severity} instead."
            )
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def forward(self, orig_img: Any) -> Any:
        fill = fill_for(orig_img, self.fill)
        img = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        height, width = img.shape[-2:]
        choice = mix_space(self._PARAMETER_MAX, (height, width), self.all_ops)
        batch = img.reshape([1] * max(4 - img.ndim, 0) + list(img.shape))
        shares, weights = mixing(len(batch), self.alpha, self.mixture_width)

        def chain() -> Tensor:
            changed = batch
            depth = self.chain_depth if self.chain_depth > 0 else below(1, 4)
            for _ in range(depth):
                name, magnitude = self._draw(choice, lambda _: below(0, self.severity))
                changed = apply_change(changed, name, magnitude, self.interpolation, fill)
            return changed

        mixed = mixture(batch, shares, weights, chain)
        result = mixed.view(img.shape).to(img.dtype)
        return result if isinstance(orig_img, Tensor) else F.to_pil_image(result)

    def __repr__(self) -> str:
        return self._text(
            "severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill"
        )


def mixture(batch: Tensor, shares: Numpy, weights: Numpy, chain: Callable[[], Tensor]) -> Tensor:
    """The share of the pictures, and of one chain after another the share that its weight says."""
    mixed = _each(shares[:, 0], batch.ndim) * batch
    for column in weights.T:
        mixed = mixed + _each(column, batch.ndim) * chain()
    return mixed


def _each(weights: Numpy, rank: int) -> Tensor:
    """A weight for each picture of a batch, with as many axes as that."""
    return tatamu.from_numpy(weights.copy()).view(-1, *[1] * (rank - 1))
