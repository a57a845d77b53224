"""Keras's layers of several inputs: skip connections are added or joined by them."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from tatamu.functions import joining
from tatamu.interop.keras.layer import Layer, Shape
from tatamu.interop.keras.values import EagerTensor, raw
from tatamu.tensor import Tensor

__all__ = ["Add", "Average", "Concatenate", "Maximum", "Multiply", "Subtract", "add", "concatenate"]


class _Merge(Layer):
    """Inputs combined element by element."""

    def combine(self, a: Tensor, b: Tensor) -> Tensor:
        """Two of them."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it merges")

    def build(self, input_shape: Any) -> None:
        """ValueError with Keras's sentence for fewer than two inputs, or shapes that differ."""
        if not isinstance(input_shape, list) or len(input_shape) < 2:
            raise ValueError(
                "A merge layer should be called on a list of at least 2 inputs. "
                f"Received: input_shape={input_shape}"
            )
        self.merged(input_shape)

    def merged(self, shapes: list[Shape]) -> Shape:
        """The output's shape."""
        found = list(shapes[0])
        for shape in shapes[1:]:
            for axis, n in enumerate(shape):
                if n not in (found[axis], 1, None) and found[axis] not in (1, None):
                    raise ValueError(
                        f"Inputs have incompatible shapes. Received shapes {tuple(found[1:])} and "
                        f"{tuple(shape[1:])}"
                    )
                found[axis] = n if found[axis] in (1, None) else found[axis]
        return tuple(found)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The output's shape."""
        return self.merged(input_shape)

    def call(self, inputs: Any, **options: Any) -> Any:
        """The merged inputs."""
        tensors = [raw(x) for x in inputs]
        return EagerTensor(self.finished(reduce(self.combine, tensors), len(tensors)))

    def finished(self, total: Tensor, count: int) -> Tensor:
        """What is done to the whole."""
        return total


def _merge(name: str, doc: str, how: Callable[[Tensor, Tensor], Tensor]) -> type[_Merge]:
    def combine(self: _Merge, a: Tensor, b: Tensor) -> Tensor:
        return how(a, b)

    return type(name, (_Merge,), {"combine": combine, "__doc__": doc, "__module__": __name__})


Add = _merge("Add", "The sum of its inputs.", lambda a, b: a + b)
Subtract = _merge("Subtract", "The first input less the second.", lambda a, b: a - b)
Multiply = _merge("Multiply", "The product of its inputs.", lambda a, b: a * b)
Maximum = _merge("Maximum", "The largest of its inputs.", lambda a, b: a.maximum(b))


class Average(_Merge):
    """The mean of its inputs."""

    def combine(self, a: Tensor, b: Tensor) -> Tensor:
        """Two of them."""
        return a + b

    def finished(self, total: Tensor, count: int) -> Tensor:
        """Divided by how many there were."""
        return total / count


class Concatenate(Layer):
    """Inputs side by side along an axis."""

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The output's shape."""
        found = list(input_shape[0])
        sizes = [shape[self.axis] for shape in input_shape]
        found[self.axis] = None if None in sizes else sum(sizes)
        return tuple(found)

    def call(self, inputs: Any, **options: Any) -> Any:
        """The joined inputs."""
        return EagerTensor(joining.cat([raw(x) for x in inputs], self.axis))


def add(inputs: Any) -> Any:
    """`Add` as a function."""
    return Add()(inputs)


def concatenate(inputs: Any, axis: int = -1) -> Any:
    """`Concatenate` as a function."""
    return Concatenate(axis)(inputs)
