"""Layers that learn how many channels or features they take from their first input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tatamu.autograd import no_grad
from tatamu.creation import tensor
from tatamu.dtypes import DType, int64
from tatamu.errors import ArgumentError
from tatamu.nn.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tatamu.nn.functional import Ints
from tatamu.nn.linear import Linear
from tatamu.nn.module import Module
from tatamu.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from tatamu.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d",
    "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d",
    "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "LazyLinear",
    "LazyModuleMixin",
]  # fmt: skip

Base: Any = Module if TYPE_CHECKING else object


class LazyModuleMixin(Base):  # type: ignore[misc]
    """Makes a layer lazy: ``initialize_parameters(input)`` is called before its first forward.

    Afterwards the layer is an ordinary one of the class ``cls_to_become``.
    """

    cls_to_become: Any = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def _tensors(self) -> dict[str, Any]:
        return {**self._parameters, **self._buffers}

    def _lazy_load_hook(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take the shapes of what is to be loaded."""
        for name, own in self._tensors().items():
            given = state_dict.get(prefix + name)
            if own is not None and is_lazy(own) and given is not None and not is_lazy(given):
                with no_grad():
                    own.materialize(given.shape)

    def initialize_parameters(self, *args: Any, **options: Any) -> None:
        """Give the parameters their shapes, from the first input."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(is_lazy(own) for own in self._tensors().values())

    def _infer_parameters(
        self, module: Any, args: tuple[Any, ...], options: dict[str, Any] | None = None
    ) -> None:
        module.initialize_parameters(*args, **(options or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        delattr(module, "_initialize_hook")
        delattr(module, "_load_hook")
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear whose ``in_features`` are those of its first input.

    >>> import tatamu
    >>> layer = LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> layer(tatamu.zeros(2, 5)).shape, layer
    (tatamu.Size([2, 3]), Linear(in_features=5, out_features=3, bias=True))
    """

    cls_to_become = Linear
    weight: Any
    bias: Any

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weights and bias anew, once they have a shape."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take ``in_features`` from the input."""
        found = input.shape[-1]
        if self.has_uninitialized_params():
            with no_grad():
                self.in_features = found
                self.weight.materialize((self.out_features, found))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        if not self.in_features:
            own = self.weight.shape[-1]
            if found != own:
                raise AssertionError(
                    f"The in_features inferred from input: {found} is not equal to in_features "
                    f"from self.weight: {own}"
                )
            self.in_features = found


class _LazyConvolution(LazyModuleMixin):
    """What lazy convolutions share."""

    def _begin_lazily(self, out_channels: int, bias: bool, dtype: DType | None) -> None:
        self.weight = UninitializedParameter(dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weights and bias anew, once they have a shape."""
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Any, *args: Any, **options: Any) -> None:
        """Take ``in_channels`` from the input."""
        if not self.has_uninitialized_params():
            return
        alone = self.dims + 1
        rank = len(input.shape)
        if rank not in (alone, alone + 1):
            raise RuntimeError(
                f"Expected {alone}D (unbatched) or {alone + 1}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {input.shape}"
            )
        self.in_channels = input.shape[rank - alone]
        if self.in_channels % self.groups:
            raise ArgumentError("in_channels must be divisible by groups")
        self.weight.materialize(self.spec.weight_shape(self.in_channels, self.out_channels))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyConv(_LazyConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        shape = (kernel_size, stride, padding, dilation, groups)
        super().__init__(0, 0, *shape, False, padding_mode, None, dtype)
        self._begin_lazily(out_channels, bias, dtype)


class _LazyConvTranspose(_LazyConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        shape = (kernel_size, stride, padding, output_padding, groups)
        super().__init__(0, 0, *shape, False, dilation, padding_mode, None, dtype)
        self._begin_lazily(out_channels, bias, dtype)


class _LazyNorm(LazyModuleMixin):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, None, dtype, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(dtype=dtype)
            self.running_var = UninitializedBuffer(dtype=dtype)
            self.num_batches_tracked = tensor(0, dtype=int64)

    def reset_parameters(self) -> None:
        """Begin anew, once there are shapes."""
        if not self.has_uninitialized_params() and self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take ``num_features`` from the input."""
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for own in self._tensors().values():
                if own is not None and is_lazy(own):
                    own.materialize((self.num_features,))
            self.reset_parameters()


def _of(base: Any, mixin: Any) -> Any:
    """The lazy class of a layer."""
    text = f"""A {base.__name__} whose channels are those of its first input."""
    entries = {"__doc__": text, "__module__": __name__, "cls_to_become": base}
    return type(f"Lazy{base.__name__}", (mixin, base), entries)


LazyConv1d = _of(Conv1d, _LazyConv)
LazyConv2d = _of(Conv2d, _LazyConv)
LazyConv3d = _of(Conv3d, _LazyConv)
LazyConvTranspose1d = _of(ConvTranspose1d, _LazyConvTranspose)
LazyConvTranspose2d = _of(ConvTranspose2d, _LazyConvTranspose)
LazyConvTranspose3d = _of(ConvTranspose3d, _LazyConvTranspose)
LazyBatchNorm1d = _of(BatchNorm1d, _LazyNorm)
LazyBatchNorm2d = _of(BatchNorm2d, _LazyNorm)
LazyBatchNorm3d = _of(BatchNorm3d, _LazyNorm)
LazyInstanceNorm1d = _of(InstanceNorm1d, _LazyNorm)
LazyInstanceNorm2d = _of(InstanceNorm2d, _LazyNorm)
LazyInstanceNorm3d = _of(InstanceNorm3d, _LazyNorm)
