"""Parameter: a tensor that a module trains."""

from __future__ import annotations

from tatamu.naming import known_as
from tatamu.ops.array import Array
from tatamu.printing import describe
from tatamu.tensor import Tensor

__all__ = ["Parameter"]


@known_as("nn.parameter.Parameter")
class Parameter(Tensor):
    """A leaf that requires grad and that a Module finds among its attributes.

    >>> import tatamu
    >>> Parameter(tatamu.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Array, requires_grad: bool = True) -> None:
        super().__init__(
            data.storage, data.offset, data.shape, data.strides, data.dtype, data._array
        )
        self._requires_grad = requires_grad

    def __repr__(self) -> str:
        return "Parameter containing:\n" + describe(self, plain=True)
