"""Pictures to tensors, by torchvision's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from tatamu import Tensor

# Modes that torchvision reads with more than eight bits; all others are bytes.
_WIDE_MODES = {"I": np.int32, "I;16": np.int16, "F": np.float32}


def to_tensor(pic: PILImage.Image | npt.NDArray[Any]) -> Tensor:
    """A picture (height, width, channels) as a tensor (channels, height, width).

    Bytes become float32 from 0 to 1; an array of any other dtype keeps its values and its dtype.
    Raises TypeError for what is neither a PIL picture nor an array, and ValueError for an array
    that has neither two nor three axes.

    >>> import numpy as np
    >>> to_tensor(np.full((2, 4, 3), 255, dtype=np.uint8)).shape
    tatamu.Size([3, 2, 4])
    """
    import tatamu

    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic
    elif hasattr(pic, "getbands"):
        wide = _WIDE_MODES.get(pic.mode, np.uint8)
        array = np.array(pic).astype(wide, copy=False)
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if array.ndim == 2:
        array = array[:, :, None]
    array = array.transpose(2, 0, 1)
    if array.dtype == np.uint8:
        array = array.astype(np.float32, order="C")
        array /= np.float32(255)
    return tatamu.from_numpy(np.ascontiguousarray(array))
