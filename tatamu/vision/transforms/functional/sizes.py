"""Pictures at other sizes: resized, cropped, padded, turned over."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tatamu import Tensor, dtypes, full, tensor
from tatamu.nn import functional as nnf
from tatamu.vision.transforms.interpolation import (
    InterpolationMode,
    interpolation_mode,
    pil_modes_mapping,
)
from tatamu.vision.transforms.kinds import must_be_image, must_be_pillow, refusal

__all__ = [
    "center_crop",
    "crop",
    "five_crop",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "pad",
    "resize",
    "resized_crop",
    "ten_crop",
    "vflip",
]

Sides = tuple[int, int, int, int]
"""left, top, right, bottom"""

_PADDING_MODES = ("constant", "edge", "reflect", "symmetric")
_INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of a picture. Raises TypeError for what is none.

    >>> get_dimensions(Image.new("RGB", (6, 4)))
    [3, 4, 6]
    """
    if isinstance(img, Tensor):
        must_be_image(img)
        return [1 if img.ndim == 2 else img.shape[-3], img.shape[-2], img.shape[-1]]
    must_be_pillow(img, "Unexpected type {}")
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    """[width, height] of a picture. Raises TypeError for what is none."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    """How many channels a picture has. Raises TypeError for what is none."""
    return get_dimensions(img)[0]


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The picture at another size (height, width); one number is that of the shorter side.

    The longer side is kept from growing beyond ``max_size``. Pillow's pictures are always resized
    with ``antialias``; of tensors only those by bilinear and bicubic interpolation. Raises
    TypeError and ValueError with torchvision's sentences for sizes and modes that do not fit.

    >>> resize(Image.new("RGB", (60, 40)), 20).size
    (30, 20)
    """
    mode = interpolation_mode(interpolation)
    if isinstance(size, (list, tuple)):
        if len(size) not in (1, 2):
            raise ValueError(
                f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element "
                "tuple/list"
            )
        if max_size is not None and len(size) != 1:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, "
                "i.e. size should be an int or a sequence of length 1 in torchscript mode."
            )
    _, height, width = get_dimensions(img)
    wanted = [size] if isinstance(size, int) else list(size)
    output = resized_size((height, width), wanted, max_size)
    if [height, width] == output:
        return img
    if not isinstance(img, Tensor):
        if antialias is False:
            warnings.warn(
                "Anti-alias option is always applied for PIL Image input. Argument antialias is "
                "ignored.",
                stacklevel=2,
            )
        return img.resize((output[1], output[0]), pil_modes_mapping[mode])
    return _resize_tensor(img, output, mode.value, bool(antialias))


def resized_size(
    image_size: tuple[int, int], size: list[int], max_size: int | None = None
) -> list[int]:
    """The [height, width] that ``resize`` gives a picture of a size."""
    height, width = image_size
    if len(size) == 2:
        return list(size)
    short, long = sorted((width, height))
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the "
                f"smaller edge size = {size}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if width <= height else [new_short, new_long]


def _resize_tensor(img: Tensor, size: list[int], mode: str, antialias: bool) -> Tensor:
    smooth = mode in ("bilinear", "bicubic")

    def resized(batch: Tensor) -> Tensor:
        corners = False if smooth else None
        made = nnf.interpolate(batch, size, None, mode, corners, antialias=antialias and smooth)
        byte = img.dtype is dtypes.uint8
        return made.clamp(min=0, max=255) if mode == "bicubic" and byte else made

    return as_batch(img, resized)


def as_batch(
    img: Tensor,
    function: Callable[[Tensor], Tensor],
    kinds: Sequence[dtypes.DType] = (dtypes.float32, dtypes.float64),
) -> Tensor:
    """``function`` of a picture as a batch, computed in floating point, in its own dtype again.

    Integers are rounded to the nearest.
    """
    batch = img.unsqueeze(0) if img.ndim < 4 else img
    result = function(batch if img.dtype in kinds else batch.to(kinds[0]))
    if img.ndim < 4:
        result = result.squeeze(0)
    if img.dtype in kinds:
        return result
    return (result.round() if img.dtype.name in _INTEGERS else result).to(img.dtype)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The part of a picture that begins at (top, left); what lies outside is black.

    >>> crop(Image.new("RGB", (6, 4)), 1, 2, 3, 4).size
    (4, 3)
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return img.crop((left, top, left + width, top + height))
    _, h, w = get_dimensions(img)
    right, bottom = left + width, top + height
    if left >= 0 and top >= 0 and right <= w and bottom <= h:
        return img[..., top:bottom, left:right]
    around = [
        max(-left + min(0, right), 0),
        max(-top + min(0, bottom), 0),
        max(right - max(w, left), 0),
        max(bottom - max(h, top), 0),
    ]
    return pad(img[..., max(top, 0) : bottom, max(left, 0) : right], around, fill=0)


def as_pair(size: Any) -> Any:
    """(height, width) of a number, or of a sequence of one."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if isinstance(size, (tuple, list)) and len(size) == 1:
        return size[0], size[0]
    return size


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of a picture, which is padded by black where it is smaller.

    >>> center_crop(Image.new("RGB", (6, 4)), 4).size
    (4, 4)
    """
    wanted_height, wanted_width = as_pair(output_size)
    _, height, width = get_dimensions(img)
    if wanted_width > width or wanted_height > height:
        more_x, more_y = max(wanted_width - width, 0), max(wanted_height - height, 0)
        img = pad(img, [more_x // 2, more_y // 2, (more_x + 1) // 2, (more_y + 1) // 2], fill=0)
        _, height, width = get_dimensions(img)
        if wanted_width == width and wanted_height == height:
            return img
    top = round((height - wanted_height) / 2.0)
    left = round((width - wanted_width) / 2.0)
    return crop(img, top, left, wanted_height, wanted_width)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A part of a picture at another size: ``crop``, then ``resize``."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """The picture mirrored: left becomes right.

    >>> hflip(tensor([[1, 2, 3]])).tolist()
    [[3, 2, 1]]
    """
    if isinstance(img, Tensor):
        must_be_image(img)
        return img.flip(-1)
    must_be_pillow(img)
    return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Any) -> Any:
    """The picture upside down: above becomes below.

    >>> vflip(tensor([[1], [2]])).tolist()
    [[2], [1]]
    """
    if isinstance(img, Tensor):
        must_be_image(img)
        return img.flip(-2)
    must_be_pillow(img)
    return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def _crop_size(size: Any) -> tuple[int, int]:
    pair = as_pair(size)
    if len(pair) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return pair  # type: ignore[no-any-return]


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, ...]:
    """The four corners and the middle of a picture.

    Raises ValueError for a size that is larger than the picture.
    """
    size = _crop_size(size)
    _, height, width = get_dimensions(img)
    h, w = size
    if w > width or h > height:
        raise ValueError(
            refusal(
                f"Requested crop size {size} is bigger than input size {(height, width)}",
                img,
            )
        )
    below, right = height - h, width - w
    corners = [crop(img, top, left, h, w) for top in (0, below) for left in (0, right)]
    return *corners, center_crop(img, [h, w])


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """``five_crop`` of a picture, and of the picture mirrored (or upside down)."""
    size = _crop_size(size)
    flipped = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(flipped, size)


def pad(
    img: Any,
    padding: int | Sequence[int],
    fill: Any = 0,
    padding_mode: str = "constant",
) -> Any:
    """The picture with a border: one width, (x, y), or (left, top, right, bottom).

    ``padding_mode``: constant (``fill``), edge (the outermost pixels), reflect (mirrored without
    the outermost) or symmetric (with them). Raises TypeError and ValueError with torchvision's
    sentences for other arguments.

    >>> pad(tensor([[1, 2, 3]]), [2, 0], padding_mode="reflect").tolist()
    [[3, 2, 1, 2, 3, 2, 1]]
    """
    if isinstance(img, Tensor):
        must_be_image(img)
        fill = 0 if fill is None else fill
    else:
        must_be_pillow(img)
    whole = int if isinstance(img, Tensor) else numbers.Number
    if not isinstance(padding, (whole, tuple, list)):
        raise TypeError(f"Got inappropriate padding arg\n  got {padding!r}")
    one = (int, float) if isinstance(img, Tensor) else (numbers.Number, tuple, list)
    if fill is not None and not isinstance(fill, one):
        raise TypeError(f"Got inappropriate fill arg\n  got {fill!r}")
    if not isinstance(padding_mode, str):
        raise TypeError(f"Got inappropriate padding_mode arg\n  got {padding_mode!r}")
    check_padding(padding, padding_mode)
    sides = _sides(padding)
    if isinstance(img, Tensor):
        return _pad_tensor(img, sides, fill, padding_mode)
    if padding_mode == "constant":
        border = ImageOps.expand(img, sides, fill_of(fill, img))
        if img.mode == "P":
            border.putpalette(img.getpalette() or [])
        return border
    return _pad_pillow(img, sides, padding_mode)


def check_padding(padding: Any, padding_mode: str) -> None:
    """Raise ValueError for a border of another number of widths, and for an unknown mode."""
    if isinstance(padding, Sequence) and len(padding) not in (1, 2, 4):
        raise ValueError(
            "Padding must be an int or a 1, 2, or 4 element tuple, not a "
            f"{len(padding)} element tuple"
        )
    if padding_mode not in _PADDING_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")


def _sides(padding: Any) -> Sides:
    """(left, top, right, bottom) of what may be one number, or two."""
    if not isinstance(padding, Sequence):
        return padding, padding, padding, padding
    if len(padding) == 4:
        left, top, right, bottom = padding
        return left, top, right, bottom
    x, y = padding[0], padding[-1]
    return x, y, x, y


def _pad_tensor(img: Tensor, sides: Sides, fill: Any, mode: str) -> Tensor:
    left, top, right, bottom = sides
    if mode == "symmetric":
        return _pad_symmetric(img, sides)
    if mode == "constant":
        height, width = img.shape[-2:]
        if height == 0 or width == 0:
            size = (*img.shape[:-2], top + height + bottom, left + width + right)
            return full(size, fill, dtype=img.dtype)
        return nnf.pad(img, (left, right, top, bottom), "constant", float(fill))
    img, (left, top, right, bottom) = _cut(img, sides)
    widths = (left, right, top, bottom)
    known = {"edge": "replicate"}.get(mode, mode)
    batch = img.unsqueeze(0) if img.ndim < 4 else img
    floating = (dtypes.float32, dtypes.float64)
    made = nnf.pad(batch if img.dtype in floating else batch.float(), widths, known).to(img.dtype)
    return made.squeeze(0) if img.ndim < 4 else made


def _pad_symmetric(img: Tensor, sides: Sides) -> Tensor:
    if img.ndim not in (3, 4):
        raise RuntimeError("Symmetric padding of N-D tensors are not supported yet")
    img, (left, top, right, bottom) = _cut(img, sides)
    columns = tensor(_mirrored(img.shape[-1], left, right))
    rows = tensor(_mirrored(img.shape[-2], top, bottom))
    return img[..., rows[:, None], columns[None, :]]


def _cut(img: Tensor, sides: Sides) -> tuple[Tensor, Sides]:
    """The picture without what negative widths cut off, and the widths that are left."""
    left, top, right, bottom = (min(side, 0) for side in sides)
    height, width = img.shape[-2:]
    if min(sides) < 0:
        img = img[..., -top : height + bottom, -left : width + right]
    left_over = [max(side, 0) for side in sides]
    return img, (left_over[0], left_over[1], left_over[2], left_over[3])


def _mirrored(size: int, before: int, behind: int) -> list[int]:
    """Which pixel stands at each place of a line that is mirrored at both ends."""
    return [*reversed(range(before)), *range(size), *(-1 - place for place in range(behind))]


def _pad_pillow(img: Image.Image, sides: Sides, mode: str) -> Image.Image:
    left, top, right, bottom = (min(side, 0) for side in sides)
    if min(sides) < 0:
        img = img.crop((-left, -top, img.width + right, img.height + bottom))
    left, top, right, bottom = (max(side, 0) for side in sides)
    array = np.asarray(img)
    around = ((top, bottom), (left, right), (0, 0))[: array.ndim]
    made = Image.fromarray(np.pad(array, around, mode))  # type: ignore[call-overload]
    if img.mode == "P":
        made.putpalette(img.getpalette() or [])
    return made


def fill_of(fill: Any, img: Image.Image) -> Any:
    """A fill as Pillow wants it: a number for one channel, else as many as there are channels.

    Raises ValueError for another number of values.
    """
    channels = len(img.getbands())
    if fill is None:
        fill = 0
    if isinstance(fill, (int, float)) and channels > 1:
        fill = (fill,) * channels
    if isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = tuple(fill) * channels
        elif len(fill) != channels:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the "
                f"image ({len(fill)} != {channels})"
            )
        fill = tuple(fill)
    if img.mode == "F":
        return fill
    return tuple(int(value) for value in fill) if isinstance(fill, tuple) else int(fill)
