"""AutoAugment, RandAugment, TrivialAugment and AugMix on the pictures of any sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

import tatamu
from tatamu import Tensor
from tatamu.vision import tv_tensors
from tatamu.vision.transforms.autoaugment import (
    Numpy,
    Space,
    apply_change,
    mix_space,
    mixture,
    strengths,
    usual_space,
    wide_space,
)
from tatamu.vision.transforms.draws import below, mixing
from tatamu.vision.transforms.functional.conversion import largest
from tatamu.vision.transforms.policies import POLICIES, AutoAugmentPolicy
from tatamu.vision.transforms.v2 import functional as F
from tatamu.vision.transforms.v2.transform import (
    PICTURES,
    Transform,
    check_type,
    fill_dict,
    fill_of_kind,
    flatten,
)

__all__ = ["AugMix", "AutoAugment", "RandAugment", "TrivialAugmentWide"]


class _Augment(Transform):
    """The base of the four: how pixels are interpolated, and what fills the outside."""

    def __init__(self, *, interpolation: F.Mode = "nearest", fill: Any = None) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fill_dict(fill)

    def forward(self, *inputs: Any) -> Any:
        """The sample with its one picture changed. Raises TypeError for none, or for several."""
        leaves, rebuild = flatten(inputs if len(inputs) > 1 else inputs[0])
        needed = self._needs_transform_list(leaves)
        places = [
            place
            for place, (leaf, need) in enumerate(zip(leaves, needed, strict=True))
            if need and check_type(leaf, PICTURES)
        ]
        if not places:
            raise TypeError("Found no image in the sample.")
        if len(places) > 1:
            raise TypeError(
                "Auto augment transformations are only properly defined for a single image or "
                f"video, but found {len(places)}."
            )
        leaves[places[0]] = self.augment(leaves[places[0]])
        return rebuild(leaves)

    def augment(self, image: Any) -> Any:
        """What the picture becomes."""
        raise NotImplementedError

    def _space(self, found: Space, bins: int) -> Space:
        """Solarizing goes by parts of the range here."""
        return {**found, "Solarize": (strengths(0.0, bins, 1.0), False)}

    def _signed(self, values: Numpy | None, signed: bool, place: Callable[[], int]) -> float:
        if values is None:
            return 0.0
        magnitude = float(values[place()])
        return -magnitude if signed and tatamu.rand(()) <= 0.5 else magnitude

    def _drawn(self, image: Any, choice: Space, place: Callable[[], int]) -> Any:
        """One of the changes, of a strength that ``place`` tells."""
        name = list(choice)[below(0, len(choice))]
        values, signed = choice[name]
        return self._change(image, name, self._signed(values, signed, place))

    def _change(self, image: Any, name: str, magnitude: float) -> Any:
        fill = fill_of_kind(self._fill, image)
        if name == "Solarize":
            magnitude *= largest(image.dtype) if isinstance(image, Tensor) else 255.0
        return apply_change(image, name, magnitude, self.interpolation, fill, F)


class AutoAugment(_Augment):
    """Two changes by a policy that was learned on a data set (Cubuk et al., 2019)."""

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: F.Mode = "nearest",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation=interpolation, fill=fill)
        if policy not in POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self._policies = POLICIES[policy]

    def augment(self, image: Any) -> Any:
        height, width = F.get_size(image)
        choice = self._space(usual_space(10, (height, width)), 10)
        choice["Invert"] = (None, False)
        for name, probability, strength in self._policies[below(0, len(self._policies))]:
            if tatamu.rand(()) > probability:
                continue
            values, signed = choice[name]
            magnitude = self._signed(values, signed, lambda at=strength: at)  # type: ignore[misc]
            image = self._change(image, name, magnitude)
        return image


class RandAugment(_Augment):
    """``num_ops`` changes, all of one strength (Cubuk et al., 2020)."""

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: F.Mode = "nearest",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation=interpolation, fill=fill)
        if not isinstance(num_ops, int) or num_ops < 0:
            raise ValueError(
                f"num_ops should be a non-negative integer, but got {num_ops} instead."
            )
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def augment(self, image: Any) -> Any:
        height, width = F.get_size(image)
        bins = self.num_magnitude_bins
        usual = self._space(usual_space(bins, (height, width)), bins)
        choice: Space = {"Identity": (None, False), **usual}
        for _ in range(self.num_ops):
            image = self._drawn(image, choice, lambda: self.magnitude)
        return image


class TrivialAugmentWide(_Augment):
    """One change of any strength (Müller and Hutter, 2021)."""

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: F.Mode = "nearest",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation=interpolation, fill=fill)
        self.num_magnitude_bins = num_magnitude_bins

    def augment(self, image: Any) -> Any:
        bins = self.num_magnitude_bins
        return self._drawn(image, self._space(wide_space(bins), bins), lambda: below(0, bins))


class AugMix(_Augment):
    """Several chains of changes, mixed with each other and with the picture (Hendrycks, 2020)."""

    _PARAMETER_MAX = 10

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: F.Mode = "bilinear",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation=interpolation, fill=fill)
        if not 1 <= severity <= self._PARAMETER_MAX:
            raise ValueError(
                f"The severity must be between [1, {self._PARAMETER_MAX}]. Got {severity} instead."
            )
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def augment(self, image: Any) -> Any:
        pillow = isinstance(image, Image.Image)
        plain = F.pil_to_tensor(image) if pillow else tv_tensors.plain(image)
        height, width = F.get_size(image)
        bins = self._PARAMETER_MAX
        choice = self._space(mix_space(bins, (height, width), self.all_ops), bins)
        batch = plain.reshape([1] * max(4 - plain.ndim, 0) + list(plain.shape))
        shares, weights = mixing(len(batch), self.alpha, self.mixture_width)

        def chain() -> Tensor:
            changed = batch
            depth = self.chain_depth if self.chain_depth > 0 else below(1, 4)
            for _ in range(depth):
                changed = self._drawn(changed, choice, lambda: below(0, self.severity))
            return changed

        made = mixture(batch, shares, weights, chain).view(plain.shape).to(plain.dtype)
        if pillow:
            return F.to_pil_image(made)
        return made if plain is image else tv_tensors.wrap(made, like=image)
