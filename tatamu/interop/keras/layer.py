"""Keras's layers: built at the first call, by the shape that arrives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tatamu.creation import from_numpy
from tatamu.interop.keras import initializers, regularizers
from tatamu.interop.keras.graph import KerasTensor, connect
from tatamu.interop.keras.naming import snake_case, unique_name
from tatamu.interop.keras.values import EagerTensor, raw, value
from tatamu.tensor import Tensor

__all__ = ["Layer", "Shape", "Variable"]

Shape = tuple[int | None, ...]


class Variable:
    """A weight: changed by training if ``trainable``, and by ``assign``."""

    def __init__(
        self,
        initial_value: Any,
        trainable: bool = True,
        name: str = "variable",
        dtype: Any = "float32",
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        array = np.array(initial_value, dtype=np.dtype(str(dtype)), order="C")
        self.own: Tensor = from_numpy(array).clone()
        self.name = name
        self.path = name
        self.trainable = trainable
        self.regularizer = regularizers.get(regularizer)
        self.constraint = regularizers.get_constraint(constraint)
        self.own.requires_grad_(trainable and self.own.dtype.is_floating_point)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return tuple(self.own.shape)

    @property
    def dtype(self) -> str:
        """The type of its numbers."""
        return self.own.dtype.name

    def numpy(self) -> Any:
        """A copy of the numbers."""
        return np.array(self.own.detach().numpy())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.numpy(), dtype)

    def assign(self, given: Any) -> Variable:
        """Take other numbers of the same shape. ValueError for another shape."""
        array = np.asarray(given.numpy() if hasattr(given, "numpy") else given)
        if array.shape != self.shape:
            raise ValueError(
                f"The shape of the target variable and the shape of the target value in "
                f"`variable.assign(value)` must match. variable.shape={self.shape}, "
                f"Received: value.shape={array.shape}. Target variable: {self!r}"
            )
        np.copyto(self.own.detach().numpy(), array)
        self.own.storage.touch()
        return self

    def __repr__(self) -> str:
        return (
            f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, "
            f"value={self.numpy()}>"
        )


def _marking(build: Callable[..., None]) -> Callable[..., None]:
    """``build``, after which a layer counts as built: the next call leaves its weights alone."""

    @functools.wraps(build)
    def marking(self: Layer, input_shape: Any = None) -> None:
        build(self, input_shape)
        if input_shape is not None:
            self.built = True
            if self.input_shape is None:
                self.input_shape = input_shape

    return marking


class Layer:
    """The base of every layer.

    A subclass says in ``build(input_shape)`` which weights it has, in ``call(inputs)`` what it
    computes, and in ``compute_output_shape`` what shape comes out; layers found among its
    attributes belong to it.
    """

    ndim: int | None = None
    min_ndim: int | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "build" in cls.__dict__:
            setattr(cls, "build", _marking(cls.__dict__["build"]))  # noqa: B010

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Any = None,
        batch_input_shape: Any = None,
        activity_regularizer: Any = None,
    ) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype = str(dtype or "float32")
        self.built = False
        self.input_shape: Any = None
        self.output_shape: Any = None
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.given_shape: Any = None
        if batch_input_shape is not None:
            self.given_shape = tuple(batch_input_shape)
        elif input_shape is not None:
            self.given_shape = (None, *input_shape)
        self._trainable = trainable
        self._variables: list[Variable] = []

    # ---- what a layer says ----

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape."""
        self.built = True

    def call(self, inputs: Any, **options: Any) -> Any:
        """What the layer computes: built-in layers say it in ``compute``."""
        training = bool(options.get("training"))
        return EagerTensor(self.compute(raw(inputs), training))

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """What the layer makes of a tensor."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented."
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output; that of the input unless a subclass says otherwise."""
        return input_shape

    # ---- calling ----

    def __call__(self, inputs: Any, *args: Any, **options: Any) -> Any:
        """The output: a value for values, a place in a graph for places in a graph."""
        given = inputs if isinstance(inputs, (list, tuple)) and _several(inputs) else [inputs]
        if any(isinstance(x, KerasTensor) for x in given):
            return connect(self, inputs, args, options)
        several = given is inputs
        values: Any = [value(x) for x in given] if several else value(inputs)
        shapes = [tuple(x.shape) for x in values] if several else tuple(values.shape)
        if not several:
            values = self._in_own_dtype(values)
        self.prepare(shapes)
        kind: Any = type(self)
        if not _takes_training(kind):
            options.pop("training", None)
        return self.call(values, *args, **options)

    def _in_own_dtype(self, x: EagerTensor) -> EagerTensor:
        wanted = x.dtype.is_floating or self.casts_integers()
        return value(x, self.dtype) if wanted and x.dtype.name != self.dtype else x

    def casts_integers(self) -> bool:
        """Whether whole numbers become floating-point ones, as arithmetic with weights needs."""
        return True

    def prepare(self, shape: Any) -> None:
        """Check the shape that arrives, and build if that was not done."""
        if not isinstance(shape, list):
            self.check_rank(shape)
        if not self.built:
            self.input_shape = shape
            self.build(shape)
            self.built = True
        if not isinstance(shape, list):
            self.check_built(shape)

    def check_rank(self, shape: Shape) -> None:
        """ValueError with Keras's sentence for a number of axes that the layer does not take."""
        start = f"Input 0 with name 'None' of layer '{self.name}' is incompatible with the layer: "
        if self.ndim is not None and len(shape) != self.ndim:
            raise ValueError(
                f"{start}expected ndim={self.ndim}, found ndim={len(shape)}. "
                f"Full shape received: {shape}{_batch_hint(shape, self.ndim)}"
            )
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            raise ValueError(
                f"{start}expected min_ndim={self.min_ndim}, found ndim={len(shape)}. "
                f"Full shape received: {shape}{_batch_hint(shape, self.min_ndim)}"
            )

    def check_built(self, shape: Shape) -> None:
        """ValueError with Keras's sentence for channels other than the weights are for."""
        expected = self.expected_axis()
        if expected is None:
            return
        axis, size = expected
        if shape[axis] not in (None, size):
            raise ValueError(
                f"Input 0 with name 'None' of layer '{self.name}' is incompatible with the layer: "
                f"expected axis {axis} of input shape to have value {size}, "
                f"but received input with shape {shape}"
            )

    def expected_axis(self) -> tuple[int, int] | None:
        """The axis whose size the weights fix, and that size."""
        return None

    # ---- weights ----

    def add_weight(
        self,
        shape: tuple[int, ...] = (),
        initializer: Any = "glorot_uniform",
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str = "variable",
    ) -> Variable:
        """A new weight of this layer."""
        values = initializers.get(initializer)(tuple(shape))
        made = Variable(values, trainable, name, dtype or self.dtype, regularizer, constraint)
        made.path = f"{self.name}/{name}"
        self._variables.append(made)
        return made

    def sublayers(self) -> Iterator[Layer]:
        """The layers among its attributes, in the order in which they were set."""
        for attribute in list(self.__dict__.values()):
            found = attribute if isinstance(attribute, (list, tuple)) else [attribute]
            yield from (layer for layer in found if isinstance(layer, Layer))

    @property
    def trainable(self) -> bool:
        """Whether training changes its weights; setting it goes for the layers within."""
        return self._trainable

    @trainable.setter
    def trainable(self, wanted: bool) -> None:
        self._trainable = wanted
        for layer in self.sublayers():
            layer.trainable = wanted

    @property
    def variables(self) -> list[Variable]:
        """All weights, its own first."""
        found = list(self._variables)
        for layer in self.sublayers():
            found += layer.variables
        return list({id(each): each for each in found}.values())

    weights = variables

    @property
    def trainable_variables(self) -> list[Variable]:
        """Weights that training changes."""
        if not self.trainable:
            return []
        found = [each for each in self._variables if each.trainable]
        for layer in self.sublayers():
            found += layer.trainable_variables
        return list({id(each): each for each in found}.values())

    trainable_weights = trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Weights that training leaves as they are."""
        changed = {id(each) for each in self.trainable_variables}
        return [each for each in self.variables if id(each) not in changed]

    non_trainable_weights = non_trainable_variables

    def get_weights(self) -> list[Any]:
        """All weights as NumPy arrays."""
        return [each.numpy() for each in self.variables]

    def set_weights(self, weights: Any) -> None:
        """Take these arrays. ValueError with Keras's sentence if number or shapes differ."""
        own = self.variables
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(weights)}, but the layer was expecting {len(own)} weights."
            )
        arrays = [np.asarray(each) for each in weights]
        for variable, array in zip(own, arrays, strict=True):
            if variable.shape != array.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with "
                    f"provided weight shape {array.shape}."
                )
        for variable, array in zip(own, arrays, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """How many numbers the weights have. ValueError if the layer has not been built."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                f"built. You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(each.own.numel() for each in self.variables)

    def penalties(self) -> list[Tensor]:
        """What the regularizers of its weights add to the loss."""
        return [v.regularizer(v.own) for v in self.trainable_variables if v.regularizer is not None]

    @property
    def losses(self) -> list[EagerTensor]:
        """What the regularizers of its weights add to the loss."""
        return [EagerTensor(penalty) for penalty in self.penalties()]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


@functools.cache
def _takes_training(kind: Any) -> bool:
    """Whether ``call`` of a class has an argument ``training``."""
    parameters = inspect.signature(kind.call).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def _several(inputs: Any) -> bool:
    """Whether a list holds inputs, and not the numbers of one."""
    return all(hasattr(x, "shape") for x in inputs) and len(inputs) > 0


def _batch_hint(shape: Shape, wanted: int) -> str:
    from tatamu.pitfalls import hint

    known = 2 < len(shape) == wanted - 1
    return f"\n  {hint('no_batch_last')}" if known else ""
