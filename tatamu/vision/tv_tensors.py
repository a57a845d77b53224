"""``torchvision.tv_tensors``: tensors that say that they are pictures."""

from __future__ import annotations

from typing import Any

from PIL import Image as PILImage

from tatamu import Tensor, as_tensor
from tatamu.printing import describe

__all__ = ["Image", "TVTensor", "Video", "wrap"]


class TVTensor(Tensor):
    """The base of tensors that say what they are. What is computed from one is a plain tensor."""

    __slots__ = ()

    def __init__(self, data: Any, *, dtype: Any = None, requires_grad: bool | None = None) -> None:
        source = as_tensor(data, dtype=dtype)
        self._stand_over(source)
        if requires_grad is not None:
            self.requires_grad_(requires_grad)

    def _stand_over(self, source: Tensor) -> None:
        """Be another tensor: its memory, and its history."""
        if source.requires_grad and source.node is None:
            source = source.view(source.shape)  # a leaf keeps its gradient to itself
        Tensor.__init__(
            self,
            source.storage,
            source.offset,
            source.shape,
            source.strides,
            source.dtype,
            source._array,
        )
        self._requires_grad = source._requires_grad
        self.node, self.output_nr = source.node, source.output_nr

    def __repr__(self) -> str:
        name = type(self).__name__
        first, *rest = describe(self, plain=True).split("\n")
        shift = len(name) - len("tensor")
        lines = [" " * shift + line if shift > 0 else line[-shift:] for line in rest]
        text = "\n".join([name + first.removeprefix("tensor"), *lines])
        return f"{text[:-1]}, )"


class Image(TVTensor):
    """A picture (..., C, H, W), made of a tensor, of numbers, or of one of Pillow's.

    Raises ValueError for fewer than two dimensions.

    >>> Image([[1, 2]])
    Image([[[1, 2]]], )
    """

    __slots__ = ()

    def __init__(self, data: Any, *, dtype: Any = None, requires_grad: bool | None = None) -> None:
        if isinstance(data, PILImage.Image):
            from tatamu.vision.transforms.functional import pil_to_tensor

            data = pil_to_tensor(data)
        tensor = as_tensor(data, dtype=dtype)
        if tensor.ndim < 2:
            raise ValueError(f"Tensor must be 2D or higher, got {tensor.ndim}D tensor.")
        whole = tensor.unsqueeze(0) if tensor.ndim == 2 else tensor
        super().__init__(whole, requires_grad=requires_grad)


class Video(TVTensor):
    """Pictures one after another (..., T, C, H, W). Raises ValueError for fewer dimensions."""

    __slots__ = ()

    def __init__(self, data: Any, *, dtype: Any = None, requires_grad: bool | None = None) -> None:
        tensor = as_tensor(data, dtype=dtype)
        if tensor.ndim < 4:
            raise ValueError(
                "Expected tensor to have at least 4 dimensions (T, C, H, W) or more, got "
                f"{tensor.ndim}D."
            )
        super().__init__(tensor, requires_grad=requires_grad)


def wrap(wrappee: Tensor, *, like: TVTensor) -> TVTensor:
    """A plain tensor as the kind of tensor that another is."""
    made = type(like).__new__(type(like))
    made._stand_over(wrappee)
    return made


def plain(tensor: Any) -> Any:
    """One of these tensors as a plain one; anything else as it is."""
    return tensor.view(tensor.shape) if isinstance(tensor, TVTensor) else tensor
