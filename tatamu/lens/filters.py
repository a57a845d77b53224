"""The named 3×3 kernels, as everybody knows them from image processing.

A colour photo is seen through its grey picture: each kernel is spread over red, green and blue by
the weights of ITU-R BT.601 luma, which Pillow uses for its own grey pictures too. Convolution is
linear, so this one `Conv2d` gives exactly what the filter gives on the grey photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

LUMA = (0.299, 0.587, 0.114)

# Each as its 3×3 numbers and the divisor that is customarily written in front of them.
_NUMBERS: dict[str, tuple[str, int]] = {
    "identity": ("0 0 0; 0 1 0; 0 0 0", 1),
    "box": ("1 1 1; 1 1 1; 1 1 1", 9),
    "gaussian": ("1 2 1; 2 4 2; 1 2 1", 16),
    "sharpen": ("0 -1 0; -1 5 -1; 0 -1 0", 1),
    "sobel-x": ("-1 0 1; -2 0 2; -1 0 1", 1),
    "sobel-y": ("-1 -2 -1; 0 0 0; 1 2 1", 1),
    "laplacian": ("0 1 0; 1 -4 1; 0 1 0", 1),
    "emboss": ("-2 -1 0; -1 1 1; 0 1 2", 1),
}

NAMES = tuple(_NUMBERS)


def kernel(name: str) -> Array:
    """The 3×3 numbers of a named kernel.

    >>> kernel("laplacian").tolist()
    [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]
    """
    numbers, divisor = _NUMBERS[name]
    rows = [[float(cell) for cell in row.split()] for row in numbers.split(";")]
    return np.array(rows, dtype=np.float32) / np.float32(divisor)


def grown(name: str, size: int) -> Array:
    """A named kernel of `size` rows and columns, at least 3.

    Larger kernels are the 3×3 one smoothed by a binomial kernel of `size` − 2, as is customary:
    Gaussians widen, and edge filters heed less of the noise. Box averages more pixels, identity
    stays what it is, and sharpen takes the larger Laplacian from it.

    >>> grown("sobel-x", 3).tolist() == kernel("sobel-x").tolist()
    True
    >>> (grown("gaussian", 5)[0] * 256).tolist()
    [1.0, 4.0, 6.0, 4.0, 1.0]
    """
    if name == "box":
        return np.full((size, size), 1 / size**2, dtype=np.float32)
    if name == "identity":
        middle = np.zeros((size, size), dtype=np.float32)
        middle[(size - 1) // 2, (size - 1) // 2] = 1
        return middle
    if name == "sharpen":
        return grown("identity", size) - grown("laplacian", size)
    row = np.ones(1)
    for _ in range(size - 3):
        row = np.convolve(row, [0.5, 0.5])
    small, smooth = kernel(name).astype(np.float64), np.outer(row, row)
    large = np.zeros((size, size))
    for (i, j), share in np.ndenumerate(smooth):
        large[i : i + 3, j : j + 3] += share * small
    return large.astype(np.float32)


def written(name: str) -> tuple[list[list[str]], int]:
    """The numbers as they are customarily written: whole numbers, and their common divisor.

    >>> written("gaussian")[1]
    16
    """
    numbers, divisor = _NUMBERS[name]
    return [row.split() for row in numbers.split(";")], divisor


def spread(kernels: Sequence[Array], channels: int) -> Array:
    """Weights of one convolution that applies each 2-D kernel to the grey picture.

    Grey pictures take the kernel as it is; the alpha channel of RGBA takes no part; any other
    number of channels is averaged.

    >>> spread([kernel("box")], 3).shape
    (1, 3, 3, 3)
    """
    if channels in (3, 4):
        shares = np.array([*LUMA, 0.0][:channels], dtype=np.float32)
    else:
        shares = np.full(channels, 1 / channels, dtype=np.float32)
    stacked = np.stack([np.asarray(one, dtype=np.float32) for one in kernels])
    return stacked[:, None] * shares[None, :, None, None]
