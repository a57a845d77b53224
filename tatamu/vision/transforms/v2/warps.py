"""Turning, shearing, seeing from aside and stirring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tatamu.vision.transforms import warps as first
from tatamu.vision.transforms.arguments import angles, sequence_of
from tatamu.vision.transforms.draws import uniform
from tatamu.vision.transforms.functional.warps import perspective_coefficients
from tatamu.vision.transforms.v2 import functional as F
from tatamu.vision.transforms.v2.transform import (
    RandomApplyTransform,
    Transform,
    fill_dict,
    fill_of_kind,
    query_size,
)

__all__ = ["ElasticTransform", "RandomAffine", "RandomPerspective", "RandomRotation"]


class RandomRotation(Transform):
    """The picture turned by a random angle; one number gives the range to both sides."""

    get_params = staticmethod(first.RandomRotation.get_params)

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: F.Mode = "nearest",
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        self.interpolation = interpolation
        self.expand = expand
        self.fill = fill
        self._fill = fill_dict(fill)
        if center is not None:
            sequence_of(center, "center", (2,))
        self.center = center

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"angle": uniform(*self.degrees)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_of_kind(self._fill, inpt)
        angle = params["angle"]
        return F.rotate(inpt, angle, self.interpolation, self.expand, self.center, fill)


class RandomAffine(Transform):
    """The picture turned, moved, scaled and sheared at random, as in the first version."""

    get_params = staticmethod(first.RandomAffine.get_params)

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: F.Mode = "nearest",
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        first.check_moves(translate, scale)
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else angles(shear, "shear", (2, 4))
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fill_dict(fill)
        if center is not None:
            sequence_of(center, "center", (2,))
        self.center = center

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        limits = self.degrees, self.translate, self.scale, self.shear
        drawn = self.get_params(*limits, [width, height])
        return dict(zip(("angle", "translate", "scale", "shear"), drawn, strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        further = {"fill": fill_of_kind(self._fill, inpt), "center": self.center}
        return F.affine(inpt, **params, interpolation=self.interpolation, **further)


class RandomPerspective(RandomApplyTransform):
    """The picture as if seen from aside, with probability ``p``: its corners moved inwards."""

    get_params = staticmethod(first.RandomPerspective.get_params)

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: F.Mode = "bilinear",
        fill: Any = 0,
    ) -> None:
        super().__init__(p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale = distortion_scale
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fill_dict(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        start, end = self.get_params(width, height, self.distortion_scale)
        return {"coefficients": perspective_coefficients(start, end)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_of_kind(self._fill, inpt)
        return F.perspective(inpt, None, None, self.interpolation, fill, **params)


class ElasticTransform(Transform):
    """The picture stirred: each pixel is taken from a random place nearby."""

    get_params = staticmethod(first.ElasticTransform.get_params)

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: F.Mode = "bilinear",
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha = number_or_two(alpha, "alpha")
        self.sigma = number_or_two(sigma, "sigma")
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fill_dict(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        size = query_size(flat_inputs)
        return {"displacement": self.get_params(self.alpha, self.sigma, size)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_of_kind(self._fill, inpt)
        return F.elastic(inpt, params["displacement"], self.interpolation, fill)


def number_or_two(value: Any, name: str) -> list[float]:
    """Two floats of a number, or of a sequence of one or two.

    Raises TypeError and ValueError for anything else.

    >>> number_or_two(3, "sigma")
    [3.0, 3.0]
    """
    if not isinstance(value, (int, float, Sequence)):
        raise TypeError(f"{name} should be a number or a sequence of numbers. Got {type(value)}")
    if isinstance(value, (int, float)):
        return [float(value), float(value)]
    if len(value) not in (1, 2):
        raise ValueError(f"If {name} is a sequence its length should be 1 or 2. Got {len(value)}")
    for element in value:
        if not isinstance(element, (int, float)):
            raise ValueError(f"{name} should be a sequence of numbers. Got {type(element)}")
    return [float(value[0]), float(value[-1])]
