"""Pictures normalized, blurred, sharpened, and partly erased."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import ImageEnhance

import tatamu
from tatamu import Tensor
from tatamu.nn import functional as nnf
from tatamu.pitfalls import hint
from tatamu.vision.transforms.functional.blending import (
    blend,
    must_have_channels,
    must_not_be_negative,
)
from tatamu.vision.transforms.functional.conversion import pil_to_tensor, to_pil_image
from tatamu.vision.transforms.functional.sizes import as_batch
from tatamu.vision.transforms.kinds import must_be_image, must_be_pillow, refusal

__all__ = ["adjust_sharpness", "erase", "gaussian_blur", "normalize"]


def normalize(tensor: Any, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(x - mean) / std, for each channel of (..., C, H, W) by itself, or for all alike.

    Raises TypeError for what is no tensor of floating point, ValueError for one of fewer than three
    dimensions and for a deviation of 0, RuntimeError for another number of channels.

    >>> normalize(tatamu.ones(1, 1, 2), [0.5], [0.25]).tolist()
    [[[2.0, 2.0]]]
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            refusal(
                f"img should be Tensor Image. Got {type(tensor)}",
                tensor,
                "ToTensor() before it makes a tensor of a picture",
            )
        )
    must_be_image(tensor)
    if not tensor.dtype.is_floating_point:
        raise TypeError(
            refusal(
                f"Input tensor should be a float tensor. Got {tensor.dtype}.",
                tensor,
                "ConvertImageDtype(torch.float32) before it, or x.float() / 255",
            )
        )
    if tensor.ndim < 3:
        raise ValueError(
            refusal(
                "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
                f"{tensor.size()}",
                tensor,
            )
        )
    means = tatamu.as_tensor(mean, dtype=tensor.dtype)
    deviations = tatamu.as_tensor(std, dtype=tensor.dtype)
    if 0 in deviations.tolist() if deviations.ndim else deviations.item() == 0:
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by "
            "zero."
        )
    means, deviations = (v.view(-1, 1, 1) if v.ndim == 1 else v for v in (means, deviations))
    try:
        return (tensor if inplace else tensor.clone()).sub_(means).div_(deviations)
    except RuntimeError as error:
        channels = len(means) if means.ndim else 1
        if tensor.shape[-1] == channels != tensor.shape[-3]:
            raise RuntimeError(f"{error}\n  {hint('hwc')}") from None
        raise


def erase(img: Any, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """The tensor with ``v`` written to the h by w pixels from row ``i`` and column ``j`` on.

    Raises TypeError for what is no tensor.

    >>> erase(tatamu.ones(1, 2, 2), 0, 0, 1, 2, tatamu.zeros(1)).tolist()
    [[[0.0, 0.0], [1.0, 1.0]]]
    """
    if not isinstance(img, Tensor):
        raise TypeError(refusal(f"img should be Tensor Image. Got {type(img)}", img))
    must_be_image(img)
    made = img if inplace else img.clone()
    made[..., i : i + h, j : j + w] = v
    return made


def gaussian_kernel(size: int, sigma: float, dtype: Any) -> Any:
    """The bell curve at ``size`` whole places around 0, its sum 1, as an array.

    >>> [round(weight, 3) for weight in gaussian_kernel(3, 1.0, np.float64).tolist()]
    [0.274, 0.452, 0.274]
    """
    half = (size - 1) * 0.5
    x = np.linspace(-half, half, size, dtype=dtype)
    bell = np.exp(dtype(-0.5) * np.square(x / dtype(sigma)))
    return bell / bell.sum()


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """The picture blurred by a bell curve of ``kernel_size`` (x, y), both odd; the edges mirror.

    ``sigma`` is the curve's width, 0.15 k + 0.35 by default. Raises TypeError and ValueError with
    torchvision's sentences for other sizes and widths.
    """
    sizes, sigmas = _blur(kernel_size, sigma)
    if not isinstance(img, Tensor):
        must_be_pillow(img, "img should be PIL Image or Tensor. Got {}")
        return to_pil_image(gaussian_blur(pil_to_tensor(img), sizes, sigmas), img.mode)
    must_be_image(img)
    kind = (img.dtype if img.dtype.is_floating_point else tatamu.float32).compute.type
    x, y = (gaussian_kernel(k, s, kind) for k, s in zip(sizes, sigmas, strict=True))
    kernel = tatamu.from_numpy(y[:, None] * x[None, :])
    if img.dtype.is_floating_point:
        kernel = kernel.to(img.dtype)
    weight = kernel.expand(img.shape[-3], 1, *kernel.shape)
    around = [sizes[0] // 2, sizes[0] // 2, sizes[1] // 2, sizes[1] // 2]

    def blurred(batch: Tensor) -> Tensor:
        wide = nnf.pad(batch, around, "reflect")
        return nnf.conv2d(wide, weight, groups=wide.shape[-3])

    return as_batch(img, blurred, (kernel.dtype,))


def _blur(kernel_size: Any, sigma: Any) -> tuple[list[int], list[float]]:
    """The sizes and widths of a blur, checked."""
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(
            f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}"
        )
    sizes = [kernel_size, kernel_size] if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(size % 2 == 0 or size < 0 for size in sizes):
        shown = sizes if isinstance(kernel_size, int) else kernel_size
        raise ValueError(f"kernel_size should have odd and positive integers. Got {shown}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    if not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    if isinstance(sigma, (int, float)):
        sigma = [float(sigma), float(sigma)]
    if len(sigma) == 1:
        sigma = [sigma[0], sigma[0]]
    if len(sigma) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigma)}")
    if any(value <= 0.0 for value in sigma):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    return sizes, list(sigma)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """The picture sharpened: 0 blurs it, 1 leaves it as it is, 2 doubles its sharpness.

    Raises ValueError for a negative factor on a tensor.
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageEnhance.Sharpness(img).enhance(sharpness_factor)
    must_not_be_negative("sharpness_factor", sharpness_factor)
    must_be_image(img)
    must_have_channels(img, [1, 3])
    if img.shape[-1] <= 2 or img.shape[-2] <= 2:
        return img
    return blend(img, smoothed(img), sharpness_factor)


def smoothed(img: Tensor) -> Tensor:
    """The picture with its inner pixels averaged with their neighbours, themselves five times."""
    kind = img.dtype if img.dtype.is_floating_point else tatamu.float32
    window = np.ones((3, 3), kind.compute)
    window[1, 1] = 5.0
    kernel = tatamu.from_numpy(window / window.sum()).to(kind)
    weight = kernel.expand(img.shape[-3], 1, 3, 3)
    inner = as_batch(img, lambda x: nnf.conv2d(x, weight, groups=x.shape[-3]), (kind,))
    made = img.clone()
    made[..., 1:-1, 1:-1] = inner
    return made
