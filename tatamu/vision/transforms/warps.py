"""Turning, shearing, seeing from aside and stirring, as transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tatamu
from tatamu import Tensor, nn
from tatamu.vision.transforms import functional as F
from tatamu.vision.transforms.arguments import angles, check_fill, fill_for, sequence_of
from tatamu.vision.transforms.draws import below, chance, uniform
from tatamu.vision.transforms.interpolation import InterpolationMode, from_number

__all__ = ["ElasticTransform", "RandomAffine", "RandomPerspective", "RandomRotation"]

Points = list[list[int]]


class RandomRotation(nn.Module):
    """The picture turned by a random angle; one number gives the range to both sides.

    See ``functional.rotate``. Raises TypeError and ValueError for what is no range.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        if center is not None:
            sequence_of(center, "center", (2,))
        self.center = center
        self.interpolation = from_number(interpolation)
        self.expand = expand
        self.fill = check_fill(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return uniform(degrees[0], degrees[1])

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        center = "" if self.center is None else f", center={self.center}"
        return (
            f"{type(self).__name__}(degrees={self.degrees}, "
            f"interpolation={self.interpolation.value}, expand={self.expand}{center}, "
            f"fill={self.fill})"
        )


class RandomAffine(nn.Module):
    """The picture turned, moved, scaled and sheared at random, about its middle or ``center``.

    ``translate`` is the largest part of width and height; ``shear`` is a range along x, or one
    along x and one along y. Raises TypeError and ValueError for what are no such ranges.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        check_moves(translate, scale)
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else angles(shear, "shear", (2, 4))
        self.interpolation = from_number(interpolation)
        self.fill = check_fill(fill)
        if center is not None:
            sequence_of(center, "center", (2,))
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """(angle, (x, y) to move by, scale, (x, y) to shear by), for a picture (width, height)."""
        angle = uniform(degrees[0], degrees[1])
        move = (0, 0)
        if translate is not None:
            x, y = (float(part * n) for part, n in zip(translate, img_size, strict=True))
            move = (round(uniform(-x, x)), round(uniform(-y, y)))
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = uniform(shears[0], shears[1])
            if len(shears) == 4:
                shear_y = uniform(shears[2], shears[3])
        return angle, move, scale, (shear_x, shear_y)

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        drawn = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, [width, height]
        )
        return F.affine(img, *drawn, self.interpolation, fill, self.center)

    def __repr__(self) -> str:
        parts = [f"degrees={self.degrees}"]
        named = ("translate", self.translate), ("scale", self.scale), ("shear", self.shear)
        parts += [f"{name}={value}" for name, value in named if value is not None]
        if self.interpolation is not InterpolationMode.NEAREST:
            parts.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return f"{type(self).__name__}({', '.join(parts)})"


def check_moves(translate: Any, scale: Any) -> None:
    """Raise TypeError or ValueError for what are no ranges of moving and scaling."""
    if translate is not None:
        sequence_of(translate, "translate", (2,))
        if not all(0.0 <= part <= 1.0 for part in translate):
            raise ValueError("translation values should be between 0 and 1")
    if scale is not None:
        sequence_of(scale, "scale", (2,))
        if any(factor <= 0 for factor in scale):
            raise ValueError("scale values should be positive")


class RandomPerspective(nn.Module):
    """The picture as if seen from aside, with probability ``p``: its corners moved inwards.

    ``distortion_scale`` is how far, at most, as a part of half the width and height.
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.p = p
        self.interpolation = from_number(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = check_fill(fill)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[Points, Points]:
        """The corners (x, y) before and after: top left, top right, bottom right, bottom left."""
        far_x = int(distortion_scale * (width // 2)) + 1
        far_y = int(distortion_scale * (height // 2)) + 1
        start: Points = []
        end: Points = []
        for right, bottom in ((False, False), (True, False), (True, True), (False, True)):
            start.append([(width - 1) * right, (height - 1) * bottom])
            x = below(width - far_x, width) if right else below(0, far_x)
            y = below(height - far_y, height) if bottom else below(0, far_y)
            end.append([x, y])
        return start, end

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        if not chance(self.p):
            return img
        start, end = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, start, end, self.interpolation, fill)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class ElasticTransform(nn.Module):
    """The picture stirred: each pixel is taken from a random place nearby.

    ``alpha`` is how far (along y and x), ``sigma`` how smooth. Raises TypeError and ValueError for
    what are no floats.
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha = _floats(alpha, "alpha")
        self.sigma = _floats(sigma, "sigma")
        self.interpolation = from_number(interpolation)
        if not isinstance(fill, (int, float, list, tuple)):
            raise TypeError(
                f"fill should be int or float or a list or tuple of them. Got {type(fill)}"
            )
        self.fill = [float(v) for v in (fill if isinstance(fill, (list, tuple)) else [fill])]

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """Random displacements (1, height, width, 2) for a picture of a size (height, width)."""
        parts = []
        for far, smooth, side in zip(alpha, sigma, reversed(size), strict=True):
            part = tatamu.rand([1, 1, *size]) * 2 - 1
            if smooth > 0.0:
                odd = int(8 * smooth + 1) | 1
                part = F.gaussian_blur(part, [odd, odd], list(sigma))
            parts.append(part * far / side)
        return tatamu.cat(parts, 1).permute(0, 2, 3, 1)

    def forward(self, tensor: Any) -> Any:
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


def _floats(value: Any, name: str) -> Any:
    """Two floats of what may be one. Raises TypeError and ValueError for anything else."""
    if not isinstance(value, (float, Sequence)):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if isinstance(value, float):
        return [value, value]
    if len(value) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    for element in value:
        if not isinstance(element, float):
            raise TypeError(f"{name} should be a sequence of floats. Got {type(element)}")
    return value
