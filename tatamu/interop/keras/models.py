"""Keras's models: layers in a row, graphs of layers, or a class of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu.interop.keras.core import InputLayer
from tatamu.interop.keras.graph import KerasTensor, Node, ordered
from tatamu.interop.keras.layer import Layer, Shape
from tatamu.interop.keras.naming import unique_name
from tatamu.interop.keras.summary import summary_text
from tatamu.interop.keras.training import Trained
from tatamu.interop.keras.values import value

__all__ = ["Input", "Model", "Sequential"]


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    batch_shape: Any = None,
    name: str | None = None,
) -> KerasTensor:
    """Where a graph begins: a place for values of this shape, the batch not counted."""
    layer = InputLayer(shape, batch_size, dtype, batch_shape, name)
    place = KerasTensor(layer.batch_shape, dtype or "float32", name)
    place.node = Node(layer, [], (), {}, place)
    return place


class Model(Trained):
    """``Model(inputs, outputs)`` for a graph; or a subclass with layers and a ``call``."""

    inputs: list[KerasTensor]
    outputs: list[KerasTensor]

    def __new__(cls, *args: Any, **options: Any) -> Any:
        graph = len(args) == 2 or {"inputs", "outputs"} <= set(options)
        return object.__new__(Functional if cls is Model and graph else cls)

    def __call__(self, inputs: Any, *args: Any, **options: Any) -> Any:
        try:
            return super().__call__(inputs, *args, **options)
        except ValueError as error:
            if isinstance(inputs, KerasTensor) or self._is_own() or _ENTERED in str(error):
                raise
            raise ValueError(_entered(type(self).__name__, inputs, options, error)) from error

    def _is_own(self) -> bool:
        """Whether the user has written what it computes."""
        return not isinstance(self, (Sequential, Functional))

    @property
    def layers(self) -> list[Layer]:
        """The layers directly within."""
        return list(dict.fromkeys(self.sublayers()))

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or number. ValueError with Keras's sentence if there is none."""
        layers = self.layers
        if index is not None:
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in layers]
        raise ValueError(f"No such layer: {name}. Existing layers are: {names}.")

    def in_a_row(self) -> bool:
        """Whether each layer reads the one before and nothing else."""
        return True

    def rows(self) -> list[tuple[str, ...]]:
        """The summary's rows."""
        return [row(layer) for layer in self.layers]

    def summary(
        self, line_length: int | None = None, print_fn: Callable[[str], Any] | None = None
    ) -> None:
        """Print the table of layers."""
        (print_fn or print)(summary_text(self, line_length))

    def save_weights(self, path: Any) -> None:
        """Write all weights to a NumPy archive (.npz), whole or not at all."""
        import os
        from pathlib import Path

        place = Path(path)
        halfway = place.with_name(f".{place.name}.part")
        with open(halfway, "wb") as file:
            np.savez(file, *self.get_weights())
        os.replace(halfway, place)

    def load_weights(self, path: Any) -> None:
        """Read what `save_weights` wrote."""
        with np.load(path) as archive:
            self.set_weights([archive[name] for name in archive.files])


_ENTERED = "Exception encountered when calling"


def _entered(name: str, inputs: Any, options: dict[str, Any], error: ValueError) -> str:
    """Keras's frame around what a layer within a model refused."""
    given = value(inputs)
    dtype = "float32" if given.dtype.is_floating else given.dtype.name
    return (
        f"{_ENTERED} {name}.call().\n\n\x1b[1m{error}\x1b[0m\n\n"
        f"Arguments received by {name}.call():\n"
        f"  • inputs=tf.Tensor(shape={given.shape}, dtype={dtype})\n"
        f"  • training={options.get('training')}\n  • mask=None\n"
        "  • kwargs=<class 'inspect._empty'>"
    )


class Sequential(Model):
    """Layers one after the other; a list of them, or a single one.

    >>> from tatamu.interop.keras.core import Dense
    >>> model = Sequential([Dense(2), Dense(1)])
    >>> model([[1.0, 2.0]]).shape
    TensorShape([1, 1])
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name or unique_name("sequential"), trainable=trainable)
        self._layers: list[Layer] = []
        self._input: Shape | None = None
        given = [] if layers is None else layers
        for layer in given if isinstance(given, (list, tuple)) else [given]:
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer at the end. ValueError with Keras's sentence for what is none."""
        if isinstance(layer, KerasTensor) and layer.node is not None:
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model. Received: "
                f"{layer} (of type {type(layer)})"
            )
        if isinstance(layer, InputLayer):
            self._input = layer.batch_shape
        else:
            if layer.given_shape is not None and not self._layers:
                self._input = layer.given_shape
            self._layers.append(layer)
            self.built = False
        if self._input is not None:
            self.build(self._input)
            self.built = True

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away and give it back."""
        layer = self._layers.pop()
        self.output_shape = self._layers[-1].output_shape if self._layers else None
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Build all layers for inputs of this shape."""
        if input_shape is None:
            return
        shape: Shape = tuple(input_shape)
        if self._input is None:
            unique_name("input_layer")  # Keras makes one here, and counts it
        unique_name("functional")
        self.input_shape = shape
        for layer in self._layers:
            layer.prepare(shape)
            shape = layer.compute_output_shape(shape)
            layer.output_shape = shape
        self.output_shape = shape
        self.built = True

    def call(self, inputs: Any, **options: Any) -> Any:
        """Through all layers."""
        found = inputs
        for layer in self._layers:
            found = layer(found, training=bool(options.get("training")))
        return found

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape


class Functional(Model):
    """A graph of layers from some places to others."""

    def __init__(
        self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name or unique_name("functional"), trainable=trainable)
        self.inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self.outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        self._alone = not isinstance(outputs, (list, tuple))
        self._nodes = ordered(self.outputs)
        known = {id(place) for place in self.inputs}
        for node in self._nodes:
            if isinstance(node.layer, InputLayer) and id(node.output) not in known:
                raise ValueError(
                    "`inputs` not connected to `outputs`\n"
                    f"  the outputs need {node.output}, which is not among the inputs"
                )
        self._layers = list(dict.fromkeys(node.layer for node in self._nodes))
        self.input_shape = self.inputs[0].shape
        self.output_shape = self.outputs[0].shape
        self.built = True

    def in_a_row(self) -> bool:
        """Whether each layer reads the one before and nothing else."""
        once = [node for node in self._nodes if not isinstance(node.layer, InputLayer)]
        return (
            all(len(node.parents()) == 1 for node in once)
            and len(self.inputs) == 1
            and all(
                node.parents()[0].node is before
                for before, node in zip(self._nodes, self._nodes[1:], strict=False)
            )
        )

    def rows(self) -> list[tuple[str, ...]]:
        """The summary's rows, with what each layer reads."""
        if self.in_a_row():
            return [row(node.layer) for node in self._nodes]
        rows = []
        for node in self._nodes:
            read = [f"{p.node.layer.name}[0][0]" for p in node.parents() if p.node is not None]
            rows.append((*row(node.layer), ",\n".join(read) or "-"))
        return rows

    def call(self, inputs: Any, **options: Any) -> Any:
        """Through the graph."""
        given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        values = {id(place): x for place, x in zip(self.inputs, given, strict=True)}
        for node in self._nodes:
            if id(node.output) in values:
                continue
            read = [values[id(place)] for place in node.parents()]
            several = isinstance(node.inputs, (list, tuple))
            more = {**node.options, "training": bool(options.get("training"))}
            values[id(node.output)] = node.layer(read if several else read[0], *node.args, **more)
        found = [values[id(place)] for place in self.outputs]
        return found[0] if self._alone else found

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        return self.outputs[0].shape


def row(layer: Layer) -> tuple[str, ...]:
    """Name, output shape and parameters of a layer, as the summary shows them."""
    name = f"{layer.name} ({type(layer).__name__})"
    shape = "?" if layer.output_shape is None else str(tuple(layer.output_shape))
    count = f"{sum(v.own.numel() for v in layer.variables):,}" if layer.built else "0 (unbuilt)"
    return name, shape, count
