"""Keras's functional graphs: layers called on places in a graph instead of values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tatamu.interop.keras.layer import Layer, Shape

__all__ = ["KerasTensor", "Node", "connect", "ordered"]

_numbers = count()


@dataclass(eq=False)
class Node:
    """One call of a layer in a graph."""

    layer: Layer
    inputs: Any
    args: tuple[Any, ...]
    options: dict[str, Any]
    output: KerasTensor | None = None

    def parents(self) -> list[KerasTensor]:
        """The places that the call reads."""
        given = self.inputs if isinstance(self.inputs, (list, tuple)) else [self.inputs]
        return [x for x in given if isinstance(x, KerasTensor)]


class KerasTensor:
    """A place in a graph: a shape, whose batch is None, without numbers."""

    def __init__(self, shape: Shape, dtype: str = "float32", name: str | None = None) -> None:
        number = next(_numbers)
        self.shape = tuple(shape)
        self.dtype = dtype
        self.name = name or ("keras_tensor" if number == 0 else f"keras_tensor_{number}")
        self.node: Node | None = None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse=False, ragged=False, "
            f"name={self.name}>"
        )

    def __bool__(self) -> bool:
        raise TypeError(
            "A symbolic KerasTensor cannot be used as a boolean.\n  it has a shape, and no numbers "
            "until the model is called"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape an a dtype. It doesn't have "
            "any actual numerical value. You cannot convert it to a NumPy array."
        )

    def _merged(self, name: str, other: Any) -> KerasTensor:
        from tatamu.interop.keras import merging

        if not isinstance(other, KerasTensor):
            raise TypeError(
                f"a KerasTensor can be combined with another KerasTensor, not with "
                f"{type(other).__name__}\n  keras.layers.Rescaling(scale, offset) does arithmetic "
                "with numbers"
            )
        merged: KerasTensor = getattr(merging, name)()([self, other])
        return merged

    def __add__(self, other: Any) -> KerasTensor:
        return self._merged("Add", other)

    def __sub__(self, other: Any) -> KerasTensor:
        return self._merged("Subtract", other)

    def __mul__(self, other: Any) -> KerasTensor:
        return self._merged("Multiply", other)


def connect(layer: Layer, inputs: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The place that a layer's call on places makes."""
    several = isinstance(inputs, (list, tuple))
    shapes: Any = [tuple(x.shape) for x in inputs] if several else tuple(inputs.shape)
    layer.prepare(shapes)
    output = KerasTensor(layer.compute_output_shape(shapes))
    output.node = Node(layer, inputs, args, options, output)
    layer.output_shape = output.shape
    return output


def ordered(outputs: list[KerasTensor]) -> list[Node]:
    """The calls that lead to ``outputs``, each behind those that it needs."""
    found: list[Node] = []
    seen: set[int] = set()
    waiting: list[tuple[Node, bool]] = [
        (out.node, False) for out in reversed(outputs) if out.node is not None
    ]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            found.append(node)
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        waiting.append((node, True))
        waiting += [(p.node, False) for p in reversed(node.parents()) if p.node is not None]
    return found
