"""Keras's other layers that compute: dense, normalisation, dropout, activation."""

from __future__ import annotations

from typing import Any

from tatamu.autograd import no_grad
from tatamu.interop.keras import activations, regularizers
from tatamu.interop.keras.layer import Layer, Shape, Variable
from tatamu.interop.keras.shapes import channels_front, channels_last
from tatamu.nn import functional as F
from tatamu.tensor import Tensor

__all__ = [
    "ELU",
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "InputLayer",
    "LayerNormalization",
    "LeakyReLU",
    "ReLU",
    "Rescaling",
    "Softmax",
    "SpatialDropout2D",
]  # fmt: skip


class InputLayer(Layer):
    """Where a model begins."""

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.batch_shape: Shape = (
            tuple(batch_shape) if batch_shape is not None else (batch_size, *(shape or ()))
        )
        self.built = True
        self.output_shape = self.batch_shape

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The input itself."""
        return x


class Dense(Layer):
    """Every output a weighted sum of all inputs along the last axis, plus a bias.

    >>> import numpy as np
    >>> Dense(1, kernel_initializer="ones")(np.ones((2, 3), "float32")).numpy().tolist()
    [[3.0], [3.0]]
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        if not isinstance(units, int) or units <= 0:
            raise ValueError(
                "Received an invalid value for `units`, expected a positive integer. "
                f"Received: units={units}"
            )
        self.min_ndim = 2
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = regularizers.get_constraint(kernel_constraint)
        self.bias_constraint = regularizers.get_constraint(bias_constraint)
        self.kernel: Variable
        self.bias: Variable | None = None

    def build(self, input_shape: Any) -> None:
        """Kernel and bias for the numbers that arrive."""
        self.inputs = input_shape[-1]
        self.kernel = self.add_weight(
            (self.inputs, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def expected_axis(self) -> tuple[int, int] | None:
        """The numbers that the weights are for."""
        return -1, self.inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        return (*input_shape[:-1], self.units)

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The sums of a batch."""
        bias = None if self.bias is None else self.bias.own
        y: Tensor = F.linear(x, self.kernel.own.t(), bias)
        found: Tensor = self.activation(y)
        return found


class Dropout(Layer):
    """Values set to zero at random in training, the others enlarged to make up for it."""

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and "
                f"1. Received: rate={rate}"
            )
        self.rate = rate
        self.seed = seed

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """What is left."""
        found: Tensor = F.dropout(x, self.rate, training)
        return found


class SpatialDropout2D(Dropout):
    """Whole channels set to zero at random in training."""

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """What is left."""
        front = channels_front(x, "channels_last")
        return channels_last(F.dropout2d(front, self.rate, training), "channels_last")


class BatchNormalization(Layer):
    """Each channel given mean 0 and variance 1 over the batch, then a learnt scale and shift.

    Keras counts ``momentum`` the other way round than PyTorch: 0.99 of the old mean is kept.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = center, scale
        self._begin = (
            gamma_initializer, beta_initializer, moving_mean_initializer,
            moving_variance_initializer,
        )  # fmt: skip
        self._held = (gamma_regularizer, gamma_constraint, beta_regularizer, beta_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def build(self, input_shape: Any) -> None:
        """Scale, shift and moving statistics for the channels that arrive."""
        shape = (input_shape[self.axis],)
        gamma, beta, mean, variance = self._begin
        if self.scale:
            self.gamma = self.add_weight(
                shape, gamma, regularizer=self._held[0], constraint=self._held[1], name="gamma"
            )
        if self.center:
            self.beta = self.add_weight(
                shape, beta, regularizer=self._held[2], constraint=self._held[3], name="beta"
            )
        self.moving_mean = self.add_weight(shape, mean, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            shape, variance, trainable=False, name="moving_variance"
        )

    def expected_axis(self) -> tuple[int, int] | None:
        """The channels that the weights are for."""
        return self.axis, self.moving_mean.shape[0]

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The normalised batch; in training the moving statistics follow."""
        front = x.movedim(self.axis, 1)
        training = training and self.trainable
        weight = None if self.gamma is None else self.gamma.own
        bias = None if self.beta is None else self.beta.own
        if training:
            self._follow(front)
            y = F.batch_norm(front, None, None, weight, bias, True, 0.0, self.epsilon)
        else:
            mean, variance = self.moving_mean.own, self.moving_variance.own
            y = F.batch_norm(front, mean, variance, weight, bias, False, 0.0, self.epsilon)
        found: Tensor = y.movedim(1, self.axis)
        return found

    def _follow(self, x: Tensor) -> None:
        axes = [axis for axis in range(x.ndim) if axis != 1]
        with no_grad():
            pairs = (
                (self.moving_mean, x.mean(axes)),
                (self.moving_variance, x.var(axes, correction=0)),
            )
            for moving, batch in pairs:
                moving.own.mul_(self.momentum).add_(batch * (1 - self.momentum))


class LayerNormalization(Layer):
    """The last axis of each sample given mean 0 and variance 1, then a learnt scale and shift."""

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if axis != -1:
            raise NotImplementedError(
                f"LayerNormalization along axis {axis} is left out; the last axis (-1) is there"
            )
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def build(self, input_shape: Any) -> None:
        """Scale and shift for the numbers that arrive."""
        shape = (input_shape[-1],)
        if self.scale:
            self.gamma = self.add_weight(shape, "ones", name="gamma")
        if self.center:
            self.beta = self.add_weight(shape, "zeros", name="beta")

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The normalised batch."""
        weight = None if self.gamma is None else self.gamma.own
        bias = None if self.beta is None else self.beta.own
        found: Tensor = F.layer_norm(x, (x.shape[-1],), weight, bias, self.epsilon)
        return found


class Activation(Layer):
    """An activation function as a layer."""

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The function of each value."""
        found: Tensor = self.activation(x)
        return found


class ReLU(Layer):
    """max(x, 0), with a ceiling, a slope and a threshold on request."""

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.settings = (negative_slope, max_value, threshold)

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The function of each value."""
        found: Tensor = activations.relu(x, *self.settings)
        return found


class LeakyReLU(Layer):
    """x, or ``negative_slope`` times x below 0."""

    def __init__(self, negative_slope: float = 0.3, **options: Any) -> None:
        super().__init__(**options)
        self.negative_slope = negative_slope

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The function of each value."""
        found: Tensor = F.leaky_relu(x, self.negative_slope)
        return found


class ELU(Layer):
    """x, or alpha (e^x - 1) below 0."""

    def __init__(self, alpha: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = alpha

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The function of each value."""
        found: Tensor = F.elu(x, self.alpha)
        return found


class Softmax(Layer):
    """Probabilities along an axis."""

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The probabilities."""
        return x.softmax(self.axis)


class Rescaling(Layer):
    """``x * scale + offset``, as for pixels of 0 to 255."""

    def __init__(self, scale: float, offset: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.scale, self.offset = scale, offset

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The numbers rescaled."""
        return x * self.scale + self.offset
