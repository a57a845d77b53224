"""Pictures turned, sheared, seen from aside and stirred."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

import tatamu
from tatamu import Tensor, dtypes
from tatamu.nn import functional as nnf
from tatamu.vision.transforms.functional.conversion import pil_to_tensor, to_pil_image
from tatamu.vision.transforms.functional.sizes import as_batch, fill_of, get_dimensions
from tatamu.vision.transforms.interpolation import (
    InterpolationMode,
    from_number,
    interpolation_mode,
    pil_modes_mapping,
)
from tatamu.vision.transforms.kinds import must_be_image, must_be_pillow

__all__ = ["affine", "elastic_transform", "perspective", "rotate"]

Numpy = np.ndarray[Any, np.dtype[Any]]
Fill = Any  # None, a number, or one for each channel


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    fill: Fill = None,
    center: Sequence[float] | None = None,
) -> Any:
    """The picture turned by ``angle`` degrees clockwise, moved, made larger and sheared.

    It keeps its size; what comes in from outside is ``fill``. Raises TypeError and ValueError with
    torchvision's sentences for arguments of another kind.
    """
    mode = interpolation_mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    sheared = _sheared(shear)
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    _, height, width = get_dimensions(img)
    if not isinstance(img, Tensor):
        middle = [width * 0.5, height * 0.5] if center is None else center
        matrix = inverse_matrix(middle, angle, translate, scale, sheared)
        number = pil_modes_mapping[mode]
        fill = fill_of(fill, img)
        return img.transform(img.size, Image.Transform.AFFINE, matrix, number, fillcolor=fill)
    matrix = inverse_matrix(_from_middle(center, width, height), angle, translate, scale, sheared)
    _check_warp(img, mode.value, fill)
    return _warp(img, _affine_grid(img, matrix, width, height), mode.value, fill)


def _sheared(shear: Any) -> list[float]:
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if isinstance(shear, (list, tuple)):
        pair = list(shear) * 2 if len(shear) == 1 else list(shear)
    else:
        pair = [shear, 0.0]
    if len(pair) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {pair}")
    return pair


def _from_middle(center: Sequence[float] | None, width: int, height: int) -> list[float]:
    if center is None:
        return [0.0, 0.0]
    return [1.0 * (c - s * 0.5) for c, s in zip(center, (width, height), strict=False)]


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Fill = None,
) -> Any:
    """The picture turned by ``angle`` degrees counter-clockwise; ``expand`` keeps its corners.

    What comes in from outside is ``fill``. Raises TypeError for arguments of another kind.
    """
    mode = interpolation_mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        fill = fill_of(fill, img)
        return img.rotate(angle, pil_modes_mapping[mode], expand, center, fillcolor=fill)
    _, height, width = get_dimensions(img)
    middle = _from_middle(center, width, height)
    matrix = inverse_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    _check_warp(img, mode.value, fill)
    size = _expanded(matrix, width, height) if expand else (width, height)
    return _warp(img, _affine_grid(img, matrix, *size), mode.value, fill)


def inverse_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> list[float]:
    """Where each pixel comes from: x = m[0] x' + m[1] y' + m[2], y = m[3] x' + m[4] y' + m[5].

    The way there is M = T C R S H C⁻¹: move the centre to 0, shear, scale, turn, move it back and
    on by ``translate``. This is M⁻¹ = C (R S H)⁻¹ C⁻¹ T⁻¹.

    >>> inverse_matrix([0, 0], 0, [1, 2], 2.0, [0, 0])
    [0.5, 0.0, -0.5, -0.0, 0.5, -1.0]
    """
    turn, sx, sy = (math.radians(degrees) for degrees in (angle, *shear))
    cx, cy = center
    tx, ty = translate
    a = math.cos(turn - sy) / math.cos(sy)
    b = -math.cos(turn - sy) * math.tan(sx) / math.cos(sy) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -math.sin(turn - sy) * math.tan(sx) / math.cos(sy) + math.cos(turn)
    m = [value / scale for value in (d, -b, 0.0, -c, a, 0.0)]
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty)
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty)
    m[2] += cx
    m[5] += cy
    return m


def _expanded(matrix: list[float], w: int, h: int) -> tuple[int, int]:
    """The (width, height) that holds all four corners of the turned picture."""
    single = np.float32
    corners = [(-0.5 * w, -0.5 * h), (-0.5 * w, 0.5 * h), (0.5 * w, 0.5 * h), (0.5 * w, -0.5 * h)]
    theta = np.array(matrix, single).reshape(2, 3).T
    points = np.array([(x, y, 1.0) for x, y in corners], single) @ theta
    half = np.array((w * 0.5, h * 0.5), single)
    tolerance = single(1e-4)
    most = np.ceil(np.trunc((points.max(0) + half) / tolerance) * tolerance)
    least = np.floor(np.trunc((points.min(0) + half) / tolerance) * tolerance)
    width, height = most - least
    return int(width), int(height)


def _computed(img: Tensor) -> Any:
    """The dtype in which positions are computed."""
    return img.dtype.compute if img.dtype.is_floating_point else np.dtype(np.float32)


def _affine_grid(img: Tensor, matrix: list[float], width: int, height: int) -> Numpy:
    """Where each of the pixels of an output comes from, from -1 to 1 (height, width, 2)."""
    real = _computed(img).type
    theta = np.array(matrix, real).reshape(2, 3).T
    theta = theta / np.array([0.5 * img.shape[-1], 0.5 * img.shape[-2]], real)
    x, y = _places(width, height, real, -width * 0.5 + 0.5, -height * 0.5 + 0.5)
    return _product(x, y, theta)


def _places(width: int, height: int, real: Any, left: float, top: float) -> tuple[Numpy, Numpy]:
    """The coordinates of the middles of pixels, as a row and as a column."""
    x = np.arange(width, dtype=np.float32) + np.float32(left)
    y = np.arange(height, dtype=np.float32) + np.float32(top)
    return x.astype(real), y.astype(real)[:, None]


def _product(x: Numpy, y: Numpy, theta: Numpy) -> Numpy:
    """(x, y, 1) times a matrix of three rows, summed in this order as torch does."""
    columns = [(x * theta[0, k] + y * theta[1, k]) + theta[2, k] for k in range(theta.shape[1])]
    return np.stack(columns, -1)


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[float]],
    endpoints: Sequence[Sequence[float]],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    fill: Fill = None,
) -> Any:
    """The picture with its four ``startpoints`` (x, y) brought to ``endpoints``.

    What comes in from outside is ``fill``. Raises ValueError for another number of corners.
    """
    coefficients = perspective_coefficients(startpoints, endpoints)
    return perspective_with(img, coefficients, interpolation_mode(interpolation), fill)


def perspective_with(
    img: Any, coefficients: list[float], mode: InterpolationMode, fill: Fill
) -> Any:
    """``perspective`` by what ``perspective_coefficients`` gives."""
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        kind, number = Image.Transform.PERSPECTIVE, pil_modes_mapping[mode]
        return img.transform(img.size, kind, coefficients, number, fillcolor=fill_of(fill, img))
    must_be_image(img)
    _check_warp(img, mode.value, fill)
    return _warp(img, _perspective_grid(img, coefficients), mode.value, fill)


def perspective_coefficients(
    startpoints: Sequence[Sequence[float]], endpoints: Sequence[Sequence[float]]
) -> list[float]:
    """a to h of x = (a x' + b y' + c) / (g x' + h y' + 1), y = (d x' + e y' + f) / (...)."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
            f"{len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    targets = np.array(startpoints, np.float64).reshape(8)
    # The entries are float32 in torch before they are widened.
    matrix = np.array(rows, np.float32).astype(np.float64)
    solution = np.linalg.lstsq(matrix, targets, rcond=None)[0]
    found: list[float] = solution.astype(np.float32).tolist()
    return found


def _perspective_grid(img: Tensor, c: list[float]) -> Numpy:
    height, width = img.shape[-2:]
    real = _computed(img).type
    x, y = _places(width, height, real, 0.5, 0.5)
    above = np.array([c[0:3], c[3:6]], real).T / np.array([0.5 * width, 0.5 * height], real)
    below = np.array([[c[6], c[7], 1.0]] * 2, real).T
    return np.asarray(_product(x, y, above) / _product(x, y, below) - real(1))


def _check_warp(img: Tensor, mode: str, fill: Fill) -> None:
    if fill is not None and not isinstance(fill, (int, float, tuple, list)):
        warnings.warn("Argument fill should be either int, float, tuple or list", stacklevel=3)
    channels = get_dimensions(img)[0]
    if isinstance(fill, (tuple, list)) and len(fill) > 1 and len(fill) != channels:
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of "
            f"the image ({len(fill)} != {channels})"
        )
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{mode}' is unsupported with Tensor input")


def _warp(img: Tensor, positions: Numpy, mode: str, fill: Fill) -> Tensor:
    """The picture at the positions of a grid, ``fill`` where that lies outside."""
    grid = tatamu.from_numpy(positions).unsqueeze(0)

    def sampled(batch: Tensor) -> Tensor:
        count, _, height, width = batch.shape
        places = grid.expand(count, *grid.shape[1:])
        if fill is None:
            return nnf.grid_sample(batch, places, mode, "zeros", False)
        # A further channel of ones tells how much of each result comes from the picture.
        ones = tatamu.ones(count, 1, height, width, dtype=batch.dtype)
        made = nnf.grid_sample(tatamu.cat((batch, ones), 1), places, mode, "zeros", False)
        made, mask = made[:, :-1], made[:, -1:]
        values = fill if isinstance(fill, (tuple, list)) else [float(fill)]
        colour = tatamu.tensor([float(v) for v in values], dtype=made.dtype).view(1, -1, 1, 1)
        if mode == "nearest":
            filled: Tensor = tatamu.where(mask < 0.5, colour, made)
            return filled
        return made * mask + (1.0 - mask) * colour

    return as_batch(img, sampled, (grid.dtype,))


def elastic_transform(
    img: Any,
    displacement: Tensor,
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    fill: Fill = None,
) -> Any:
    """The picture with each pixel taken from elsewhere: ``displacement`` (1, height, width, 2).

    Displacements are fractions of half the width and height. Raises TypeError for what is no tensor
    and ValueError for one of another shape.
    """
    if isinstance(interpolation, int):
        warnings.warn(
            "Argument interpolation should be of type InterpolationMode instead of int. Please, "
            "use InterpolationMode enum.",
            stacklevel=2,
        )
    mode: InterpolationMode = from_number(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    if not isinstance(img, Tensor):
        must_be_pillow(img, "img should be PIL Image or Tensor. Got {}")
        made = elastic_transform(pil_to_tensor(img), displacement, mode, fill)
        return to_pil_image(made, img.mode)
    shape = tatamu.Size((1, *img.shape[-2:], 2))
    if displacement.shape != shape:
        raise ValueError(
            f"Argument displacement shape should be {shape}, but given {displacement.shape}"
        )
    height, width = img.shape[-2:]
    x, y = (np.linspace((1 - n) / n, (n - 1) / n, n, dtype=np.float32) for n in (width, height))
    identity = np.stack(np.broadcast_arrays(x, y[:, None]), -1)
    moved = dtypes.widen(displacement.detach().array, displacement.dtype)[0]
    return _warp(img, identity + moved, mode.value, fill)
