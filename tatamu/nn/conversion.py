"""The part of Module that changes all its tensors at once: dtypes, devices, gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

from tatamu import dtypes
from tatamu.autograd import no_grad
from tatamu.creation import empty_like
from tatamu.dtypes import DType
from tatamu.methods.views import MemoryFormat, preserve_format
from tatamu.nn.parameter import is_lazy
from tatamu.tensor import Tensor

__all__ = ["Conversion"]


def _check_device(device: Any) -> None:
    """Raise torch's sentence for a device that is not there."""
    if isinstance(device, int):
        raise RuntimeError(
            "Cannot access accelerator device when none is available.\n"
            "  tatamu computes on the CPU only: leave the device out, or ask for 'cpu'"
        )
    kind = str(device).split(":")[0]
    if kind in ("cuda", "xpu"):
        raise AssertionError(
            f"Torch not compiled with {kind.upper()} enabled\n"
            "  tatamu computes on the CPU only: leave the device out, or ask for 'cpu'"
        )


class Conversion:
    """To other dtypes and memory orders, in place."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    def children(self) -> Iterator[Any]:
        """The modules directly below."""
        raise NotImplementedError

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Every parameter once."""
        raise NotImplementedError

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Put ``fn(tensor)`` in the place of every parameter, gradient and buffer."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            gradient = parameter.grad
            _replace(parameter, fn)
            if gradient is not None:
                _replace(gradient, fn)
        for name, buffer in list(self._buffers.items()):
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *targets: Any, **options: Any) -> Self:
        """Floating-point parameters and buffers in another dtype or memory order, in place.

        Takes what ``Tensor.to`` takes: a dtype, a device, a tensor to be like, ``memory_format``.
        Raises TypeError for a dtype that is not floating point, AssertionError for CUDA.

        >>> import tatamu
        >>> tatamu.nn.Linear(1, 1).to(tatamu.float64).weight.dtype
        tatamu.float64
        """
        dtype: DType | None = options.pop("dtype", None)
        device = options.pop("device", None)
        order: MemoryFormat = options.pop("memory_format", preserve_format)
        for target in targets:
            if isinstance(target, DType):
                dtype = target
            elif isinstance(target, Tensor):
                dtype = target.dtype
            elif target is not None and not isinstance(target, bool):
                device = target
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )

        def convert(tensor: Any) -> Any:
            _check_device(device)
            own = dtype if tensor.dtype.is_floating_point else None
            moved = tensor.to(*(wanted for wanted in (device, own) if wanted is not None))
            if order is preserve_format or len(tensor.shape) not in (4, 5):
                return moved
            return moved.to(memory_format=order)

        return self._apply(convert)

    def _floating(self, dtype: DType) -> Self:
        return self._apply(lambda t: t.to(dtype) if t.dtype.is_floating_point else t)

    def float(self) -> Self:
        """Floating-point parameters and buffers as float32."""
        return self._floating(dtypes.float32)

    def double(self) -> Self:
        """Floating-point parameters and buffers as float64."""
        return self._floating(dtypes.float64)

    def half(self) -> Self:
        """Floating-point parameters and buffers as float16."""
        return self._floating(dtypes.float16)

    def bfloat16(self) -> Self:
        """Floating-point parameters and buffers as bfloat16."""
        return self._floating(dtypes.bfloat16)

    def type(self, dst_type: Any) -> Self:
        """All parameters and buffers in another dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def cpu(self) -> Self:
        """The module itself: there is no other device."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """There is no CUDA: AssertionError with torch's sentence."""
        return self._apply(lambda _: _check_device("cuda" if device is None else device))

    def xpu(self, device: Any = None) -> Self:
        """There is no XPU: AssertionError with torch's sentence."""
        return self._apply(lambda _: _check_device("xpu" if device is None else device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Fresh memory for all parameters and buffers, holding whatever it held before."""
        return self._apply(empty_like, recurse)

    def share_memory(self) -> Self:
        """Left out: NotImplementedError."""
        raise NotImplementedError(
            "share_memory() is not there: tatamu's tensors live in one process\n"
            "  give a worker model.state_dict() instead"
        )

    def compile(self, *args: Any, **options: Any) -> None:
        """Nothing to do: calls go to compiled kernels as it is."""

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients of every parameter, or stop asking."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients, or fill them with zeros."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                parameter.grad = parameter.grad.detach().zero_()


def _replace(tensor: Any, fn: Callable[[Any], Any]) -> None:
    with no_grad():
        moved = fn(tensor.detach())
    tensor.dtype = moved.dtype
    if not is_lazy(tensor):
        tensor.data = moved
