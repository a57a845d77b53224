"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from tatamu import naming
from tatamu.functions.joining import cat
from tatamu.nn.members import typename
from tatamu.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All numbers of the parameters in one vector, one parameter after the other.

    >>> import tatamu
    >>> parameters_to_vector([tatamu.ones(2), tatamu.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """The numbers of a vector back in the parameters, which become views of it.

    Raises TypeError for what is no tensor.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected {naming.prefix}.Tensor, but got: {typename(vec)}")
    begin = 0
    for parameter in parameters:
        end = begin + parameter.numel()
        parameter.data = vec[begin:end].view_as(parameter).data
        begin = end
