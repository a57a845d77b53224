"""Normalizing, whitening, blurring and erasing, as transforms."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import tatamu
from tatamu import Tensor, nn
from tatamu.vision.transforms import functional as F
from tatamu.vision.transforms.arguments import check_ranges, size_pair
from tatamu.vision.transforms.draws import below, chance, log_range, rectangle, uniform
from tatamu.vision.transforms.kinds import refusal

__all__ = ["GaussianBlur", "LinearTransformation", "Normalize", "RandomErasing"]


class Normalize(nn.Module):
    """(x - mean) / std, for each channel of (..., C, H, W) by itself, or for all alike.

    What is refused is told in ``functional.normalize``.

    >>> Normalize([0.5], [0.25])(tatamu.ones(1, 1, 2)).tolist()
    [[[2.0, 2.0]]]
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class LinearTransformation(nn.Module):
    """(x - mean) times a matrix, where x is the picture as a row of numbers: whitening.

    Raises ValueError for a matrix that is not square, and for sizes that do not agree.
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        check_linear(transformation_matrix, mean_vector)
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def forward(self, tensor: Tensor) -> Tensor:
        return transform_linearly(tensor, self.transformation_matrix, self.mean_vector)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )


def check_linear(matrix: Tensor, mean: Tensor) -> None:
    """Raise ValueError for a matrix that is not square, or that the mean does not fit."""
    shape = tuple(matrix.shape)
    if shape[0] != shape[1]:
        raise ValueError(f"transformation_matrix should be square. Got {shape} rectangular matrix.")
    if mean.shape[0] != shape[0]:
        raise ValueError(
            f"mean_vector should have the same length {mean.shape[0]} as any one of the dimensions "
            f"of the transformation_matrix [{shape}]"
        )
    if matrix.dtype is not mean.dtype:
        raise ValueError(
            f"Input tensors should have the same dtype. Got {matrix.dtype} and {mean.dtype}"
        )


def transform_linearly(x: Tensor, matrix: Tensor, mean: Tensor) -> Tensor:
    """(x - mean) times a matrix, each picture as a row."""
    shape = x.shape
    count = shape[-3] * shape[-2] * shape[-1]
    if count != matrix.shape[0]:
        raise ValueError(
            refusal(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{shape[-3]} x {shape[-2]} x {shape[-1]}] != {matrix.shape[0]}",
                x,
            )
        )
    rows = x.reshape(-1, count) - mean
    result: Tensor = tatamu.mm(rows, matrix.to(rows.dtype)).view(shape)
    return result


class GaussianBlur(nn.Module):
    """The picture blurred by a bell curve whose width is drawn from a range ``sigma``.

    Raises ValueError for sizes that are not odd and widths that are not positive.
    """

    def __init__(
        self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)
    ) -> None:
        super().__init__()
        self.kernel_size = blur_size(kernel_size)
        if isinstance(sigma, numbers.Number):
            if sigma <= 0:  # type: ignore[operator]
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)  # type: ignore[assignment]
        elif isinstance(sigma, Sequence) and len(sigma) == 2:
            if not 0.0 < sigma[0] <= sigma[1]:
                raise ValueError("sigma values should be positive and of the form (min, max).")
        else:
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        self.sigma: Any = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random width."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


def blur_size(kernel_size: Any) -> Any:
    """The two sizes of a blur. Raises ValueError unless both are odd."""
    pair = size_pair(kernel_size, "Kernel size should be a tuple/list of two integers")
    if any(size <= 0 or size % 2 == 0 for size in pair):
        raise ValueError(
            f"Kernel size value should be an odd and positive number.\n  got {kernel_size!r}"
        )
    return pair


class RandomErasing(nn.Module):
    """A random rectangle of a tensor overwritten with ``value``, with probability ``p``.

    ``value``: a number, one for each channel, or "random" for noise. Raises TypeError and
    ValueError for what are no such values, ranges and probabilities.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | str | Sequence[float] = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        check_erasing(scale, ratio, value)
        if p < 0 or p > 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Any = None
    ) -> tuple[int, int, int, int, Tensor]:
        """(top, left, height, width, values) of a rectangle; after ten misses, all as it is."""
        channels, height, width = img.shape[-3:]
        found = draw_rectangle((channels, height, width), scale, log_range(ratio), value)
        return found or (0, 0, height, width, img)

    def forward(self, img: Any) -> Any:
        if not chance(self.p):
            return img
        value = erasing_value(self.value)
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels)"
            )
        part = self.get_params(img, self.scale, self.ratio, value)
        return F.erase(img, *part, self.inplace)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )


def check_erasing(scale: Any, ratio: Any, value: Any) -> None:
    """Raise TypeError or ValueError for what does not tell which part to erase, and with what."""
    if not isinstance(value, (numbers.Number, str, tuple, list)):
        raise TypeError("Argument value should be either a number or str or a sequence")
    if isinstance(value, str) and value != "random":
        raise ValueError("If value is str, it should be 'random'")
    check_ranges(scale, ratio)
    if scale[0] < 0 or scale[1] > 1:
        raise ValueError("Scale should be between 0 and 1")


def erasing_value(value: Any) -> list[float] | None:
    """The numbers to write, None for noise."""
    if isinstance(value, str):
        return None
    return [float(v) for v in value] if isinstance(value, (list, tuple)) else [float(value)]


def draw_rectangle(
    shape: tuple[int, int, int], scale: Sequence[float], logs: tuple[float, float], value: Any
) -> tuple[int, int, int, int, Tensor] | None:
    """(top, left, height, width, values) within a picture; None after ten that do not fit."""
    channels, height, width = shape
    for _ in range(10):
        h, w = rectangle(height * width, scale, logs)
        if h < height and w < width:
            if value is None:
                values = tatamu.empty(channels, h, w).normal_()
            else:
                values = tatamu.tensor(value)[:, None, None]
            return below(0, height - h + 1), below(0, width - w + 1), h, w, values
    return None
