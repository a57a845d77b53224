"""The methods of Tensor that meet Python and NumPy: numbers, lists, arrays, DLPack, copies."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.ops.array import Array, Numpy, made, wrap
from tatamu.ops.common import constant
from tatamu.ops.comparison import eq
from tatamu.ops.layout import Ints, Size
from tatamu.ops.op import apply
from tatamu.ops.reshape import clone
from tatamu.runtime.storage import Storage

__all__ = ["Interop"]

_CPU = (1, 0)  # DLPack's name for it


class Interop(Array):
    """What Python and NumPy ask of a tensor."""

    __slots__ = ()
    __array_priority__ = 1000

    # ---- NumPy ----

    def numpy(self, *, force: bool = False) -> Numpy:
        """A NumPy array over the same memory.

        Raises RuntimeError if the tensor requires grad (unless ``force``), TypeError for bfloat16,
        which NumPy does not know.

        >>> import tatamu
        >>> x = tatamu.zeros(3)
        >>> x.numpy()[1] = 5
        >>> x
        tensor([0., 5., 0.])
        """
        if self.requires_grad and not force:  # type: ignore[attr-defined]
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. "
                "Use tensor.detach().numpy() instead."
            )
        if self.dtype is dtypes.bfloat16:
            raise TypeError(
                "Got unsupported ScalarType BFloat16\n  x.float().numpy() gives it as float32"
            )
        self.storage.expose()
        return self.array.view()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Numpy:
        array = self.numpy()
        if dtype is None or array.dtype == dtype:
            return array.copy() if copy else array
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return array.astype(dtype)

    def __array_wrap__(self, array: Numpy, context: Any = None, return_scalar: Any = False) -> Any:
        """What NumPy's functions make of a tensor is one, truth values as uint8, as in torch."""
        found = np.asarray(array)
        if found.dtype == np.bool_:
            found = found.astype(np.uint8)
        out = wrap(found, dtypes.from_numpy_dtype(found.dtype))
        out.storage.reordered = False  # NumPy was asked for this order
        return out

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The memory for whoever speaks DLPack. BufferError for what has a gradient to carry."""
        if self.requires_grad:  # type: ignore[attr-defined]
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if stream not in (None, -1):
            raise AssertionError("stream should be None on cpu.")
        if self.dtype is dtypes.bfloat16:
            raise BufferError(
                "tatamu hands bfloat16 to nobody, for NumPy does not know it\n  x.float() it does"
            )
        array = self.numpy()
        if not array.flags.writeable and max_version is None:
            array = array.copy()  # expanded memory, and a reader that knows of no read-only one
        options: dict[str, Any] = {"dl_device": dl_device, "copy": copy}
        return array.__dlpack__(max_version=max_version, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        """The CPU, as DLPack numbers it."""
        return _CPU

    # ---- numbers and lists ----

    def item(self) -> Any:
        """The one element as a Python number. RuntimeError if there are more or none.

        >>> import tatamu
        >>> tatamu.tensor([2.5]).item()
        2.5
        """
        count = self.shape.numel()
        if count != 1:
            raise RuntimeError(
                f"a Tensor with {count} elements cannot be converted to Scalar\n"
                "  tolist() gives all of them, sum() or mean() one"
            )
        return dtypes.widen(self.array, self.dtype).item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return dtypes.widen(self.array, self.dtype).tolist()

    def __bool__(self) -> bool:
        count = self.shape.numel()
        if count != 1:
            how = "no values" if count == 0 else "more than one value"
            raise RuntimeError(
                f"Boolean value of Tensor with {how} is ambiguous\n"
                "  (...).any() or (...).all() say which is meant"
            )
        return bool(self.item())

    def _number(self) -> Any:
        if self.requires_grad:  # type: ignore[attr-defined]
            warnings.warn(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
                "behavior.\nConsider using tensor.detach() first.",
                stacklevel=3,
            )
        if self.shape.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self.dtype.is_floating_point or self.shape.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, (Array, int, float, np.generic)):
            raise RuntimeError(
                "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                f"{type(value)}."
            )
        other = value if isinstance(value, Array) else constant(value, self.dtype)
        return bool(np.any(apply(eq, None, self, other).array))

    def __reversed__(self) -> Self:
        """The elements from the last to the first, along the first axis."""
        if not self.shape:
            return self
        return self.flip(0)  # type: ignore[attr-defined, no-any-return]

    # ---- copies ----

    def __reduce__(self) -> tuple[Any, ...]:
        """Tensors over one memory stay so in one pickle; a copy by ``copy.copy`` shares it."""
        geometry = (self.offset, tuple(self.shape), self.strides, self.dtype)
        return _rebuilt, (type(self), self.storage, *geometry, self._requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if self.node is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
                "because of a torch.nn.utils.weight_norm usage, see "
                "https://github.com/pytorch/pytorch/pull/103001\n"
                "  x.detach().clone() copies the numbers alone"
            )
        storage = memo.get(id(self.storage))
        if storage is None:
            storage = memo[id(self.storage)] = self.storage.copy()
        geometry = (self.offset, self.shape, self.strides, self.dtype)
        copy = _rebuilt(type(self), storage, *geometry, self._requires_grad)
        if self.grad_array is not None:
            copy.grad_array = apply(clone, None, self.grad_array)
        memo[id(self)] = copy
        return copy


def _rebuilt(
    kind: type[Any],
    storage: Storage,
    offset: int,
    shape: Ints,
    strides: Ints,
    dtype: DType,
    requires_grad: bool,
) -> Any:
    """A tensor of a class, over a storage; parameters are made of tensors."""
    out: Any = made.type(storage, offset, Size(shape), strides, dtype)
    if kind is not made.type:
        out = kind(out, requires_grad)
    out._requires_grad = requires_grad
    return out
