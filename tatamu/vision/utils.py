"""``torchvision.utils``: tensors as grids of pictures, and picture files of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tatamu import Tensor

__all__ = ["make_grid", "save_image"]

Values = npt.NDArray[Any]


def make_grid(
    tensor: Tensor | list[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Pictures (B, C, H, W), or a list of (C, H, W), as one picture with `nrow` of them in a row.

    One channel becomes three. With `normalize` values are brought to 0..1, from `value_range` or
    from the smallest and largest there are, of each picture by itself with `scale_each`. Raises
    TypeError for what are no tensors, and for a `value_range` that is no tuple.

    >>> import tatamu
    >>> make_grid(tatamu.zeros(3, 1, 4, 5), nrow=2).shape
    tatamu.Size([3, 14, 16])
    """
    import tatamu

    first = tensor[0] if isinstance(tensor, list) and tensor else tensor
    values = _stacked(tensor)
    if normalize is True:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                "value_range has to be a tuple (min, max) if specified. min and max are numbers"
            )
        values = _normalized(values, value_range, scale_each)
    if len(values) == 1:
        return tatamu.from_numpy(values[0].copy()).to(first.dtype)  # type: ignore[union-attr]
    count, channels, height, width = values.shape
    across = min(nrow, count)
    down = math.ceil(count / across)
    step_y, step_x = height + padding, width + padding
    size = (channels, step_y * down + padding, step_x * across + padding)
    grid = np.full(size, pad_value, values.dtype)
    for index, picture in enumerate(values):
        top = index // across * step_y + padding
        left = index % across * step_x + padding
        grid[:, top : top + height, left : left + width] = picture
    return tatamu.from_numpy(grid).to(first.dtype)  # type: ignore[union-attr]


def save_image(
    tensor: Tensor | list[Tensor],
    fp: str | Path | BinaryIO,
    format: str | None = None,
    **options: Any,
) -> None:
    """Write tensors of values from 0 to 1 to a picture file, as `make_grid` arranges them.

    The file's name decides its format unless `format` does; further options are `make_grid`'s.
    """
    from PIL import Image

    grid = make_grid(tensor, **options).float().numpy()
    # What is no number has no brightness; NumPy would warn where it is made an integer.
    levels = np.nan_to_num(np.clip(grid * np.float32(255) + np.float32(0.5), 0, 255))
    Image.fromarray(levels.astype(np.uint8).transpose(1, 2, 0)).save(fp, format=format)


def _log_api_usage_once(obj: Any) -> None:
    """Nothing: torchvision's own code calls this to have its use counted."""


def _stacked(tensor: Any) -> Values:
    """The values as (B, C, H, W), float16 and bfloat16 as float32."""
    from tatamu import Tensor
    from tatamu.dtypes import widen

    if isinstance(tensor, list):
        for one in tensor:
            if not isinstance(one, Tensor):
                raise TypeError(
                    f"tensor or list of tensors expected, got a list containing {type(one)}"
                )
        if len({one.shape for one in tensor}) != 1:
            _refuse_list(tensor)
        values = np.stack([widen(one.array, one.dtype) for one in tensor])
    elif isinstance(tensor, Tensor):
        values = widen(tensor.array, tensor.dtype)
    else:
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if values.ndim == 2:
        values = values[None]
    if values.ndim == 3:
        values = values[None]
    if values.ndim != 4:
        raise ValueError(f"make_grid takes pictures with 2 to 4 dimensions, but got {values.ndim}")
    return np.repeat(values, 3, axis=1) if values.shape[1] == 1 else values


def _refuse_list(tensors: list[Tensor]) -> None:
    """Raise torch's sentence for a list that cannot be stacked."""
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    for place, one in enumerate(tensors):
        if one.shape != tensors[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(tensors[0].shape)} at "
                f"entry 0 and {list(one.shape)} at entry {place}"
            )


def _normalized(values: Values, limits: tuple[float, float] | None, each: bool) -> Values:
    from tatamu.dtypes import from_numpy_dtype

    if values.dtype.kind != "f":
        raise RuntimeError(
            "result type Float can't be cast to the desired output type "
            f"{from_numpy_dtype(values.dtype).c_name}\n"
            "  x.float() / 255 gives values that can be normalized"
        )
    scaled = values.copy()
    for part in scaled if each else (scaled,):
        low, high = limits or (float(part.min()), float(part.max()))
        np.clip(part, low, high, out=part)
        part -= values.dtype.type(low)
        part /= values.dtype.type(max(high - low, 1e-5))
    return scaled
