"""Tensors of what Python has: numbers, nested lists, NumPy arrays, buffers, DLPack's tensors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.filled import default_dtype, leaf, must_be_plain, must_be_type
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.ops.cast import cast
from tatamu.ops.op import apply
from tatamu.ops.reshape import clone
from tatamu.tensor import Tensor

__all__ = [
    "as_tensor",
    "asarray",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "made_of",
    "scalar_tensor",
    "tensor",
]  # fmt: skip

_NUMBERS = frozenset((int, float, bool))


def _is_sequence(value: Any) -> bool:
    """What torch looks into: lists, ranges, NumPy arrays with axes. A tensor is one number."""
    if isinstance(value, Array):
        return False
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    if isinstance(value, (str, bytes, dict, set)):
        return isinstance(value, bytes)
    return isinstance(value, Sequence) or (
        hasattr(value, "__len__") and hasattr(value, "__getitem__")
    )


def _kinds(data: Any, found: set[type]) -> None:
    """The types of all that nested lists hold."""
    kinds = set(map(type, data))
    if list in kinds or tuple in kinds:
        for item in data:
            if isinstance(item, (list, tuple)):
                _kinds(item, found)
            else:
                found.add(type(item))
    else:
        found |= kinds


def _inferred(data: Any) -> DType:
    """The dtype that holds everything in nested sequences. RuntimeError or TypeError for others."""
    if isinstance(data, Array):
        return data.dtype
    if isinstance(data, (np.ndarray, np.generic)):
        return dtypes.from_numpy_dtype(data.dtype)
    if isinstance(data, bool):
        return dtypes.bool_
    if isinstance(data, int):
        return dtypes.int64
    if isinstance(data, float):
        return default_dtype()
    if isinstance(data, complex):
        raise TypeError(
            "tatamu has no complex numbers\n  two tensors, of real and of imaginary parts, hold "
            "what one complex tensor would"
        )
    if isinstance(data, str):
        raise TypeError(
            "new(): invalid data type 'str'\n  words have no numbers; give each its own, as in "
            "{'cat': 0, 'dog': 1}"
        )
    if not _is_sequence(data):
        raise RuntimeError(
            f"Could not infer dtype of {type(data).__name__}\n"
            "  a tensor is made of numbers, nested lists of them, or a NumPy array"
        )
    found = [_inferred(item) for item in data]
    return reduce(dtypes.promote, found) if found else default_dtype()


def _sizes(data: Any) -> list[int]:
    sizes = []
    while _is_sequence(data):
        sizes.append(len(data))
        if not sizes[-1]:
            break
        data = data[0]
    return sizes


def _stored(data: Any, sizes: list[int], dim: int, dtype: DType, found: list[Any]) -> None:
    """Append the numbers of nested sequences, after torch's checks."""
    if dim == len(sizes):
        found.append(_number(data, dtype))
        return
    if not _is_sequence(data):
        raise TypeError("not a sequence\n  one item is a list, so all beside it must be lists")
    if len(data) != sizes[dim]:
        raise ValueError(
            f"expected sequence of length {sizes[dim]} at dim {dim} (got {len(data)})\n"
            "  the lists in a list must be equally long"
        )
    for item in data:
        _stored(item, sizes, dim + 1, dtype, found)


def _number(value: Any, dtype: DType) -> Any:
    """One number of nested sequences, in a form that NumPy casts."""
    if isinstance(value, (Tensor, np.ndarray)):
        if int(np.prod(value.shape)) != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars\n"
                "  torch.stack(list) makes one tensor of a list of them"
            )
        value = value.item()
    if isinstance(value, (int, float, np.generic)):
        return value
    if dtype.is_floating_point:
        raise TypeError(f"must be real number, not {type(value).__name__}")
    raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")


def _checked(array: Numpy, dtype: DType) -> Numpy:
    """``array`` as ``dtype`` computes. RuntimeError for Python numbers that do not fit in."""
    if not dtype.is_floating_point and dtype is not dtypes.bool_ and array.size:
        limits = np.iinfo(dtype.numpy)
        low = -int(limits.max) if limits.min == 0 else int(limits.min)
        with np.errstate(invalid="ignore"):
            fits = np.all((array >= low) & (array <= int(limits.max)))
        if not fits:
            raise RuntimeError(
                f"value cannot be converted to type {dtype.name} without overflow\n"
                f"  {dtype} holds {limits.min} to {limits.max}"
            )
    with np.errstate(over="ignore"):
        return array.astype(dtype.compute)


def _of_sequence(data: Any, dtype: DType | None) -> Any:
    """Nested sequences, or one number, as a tensor."""
    found: set[type] = set()
    if isinstance(data, (list, tuple)):
        _kinds(data, found)
    elif type(data) in _NUMBERS:
        found.add(type(data))
    if found and found <= _NUMBERS:
        try:
            array = np.array(data)
        except ValueError:  # lists of different lengths: the long way finds which
            array = np.empty(0, object)
        if array.dtype.kind in "fib":
            own = default_dtype() if array.dtype.kind == "f" else None
            wanted = dtype or own or dtypes.from_numpy_dtype(array.dtype)
            return wrap(dtypes.narrow(_checked(array, wanted), wanted), wanted)
    wanted = _inferred(data) if dtype is None else dtype
    sizes = _sizes(data)
    numbers: list[Any] = []
    _stored(data, sizes, 0, wanted, numbers)
    try:
        flat = np.array(numbers, None if numbers else wanted.compute)
        if flat.dtype.kind not in "fiub":
            raise OverflowError
    except OverflowError:
        raise ValueError(
            "Overflow when unpacking long long\n  int64 holds no number beyond 2**63 - 1"
        ) from None
    array = _checked(flat, wanted).reshape(sizes)
    return wrap(dtypes.narrow(array, wanted), wanted)


def made_of(data: Any, dtype: DType | None) -> Any:
    """A tensor with a copy of ``data``."""
    if isinstance(data, Array):
        kept: Any = cast(data, dtype or data.dtype)
        return apply(clone, None, kept.detach())
    if isinstance(data, np.ndarray) or (
        hasattr(data, "__array__") and not isinstance(data, np.generic)
    ):
        shared: Any = _over(np.asarray(data))
        return apply(clone, None, shared) if dtype in (None, shared.dtype) else cast(shared, dtype)
    if isinstance(data, np.generic):
        array = np.asarray(data)
        wanted = dtype or dtypes.from_numpy_dtype(array.dtype)
        return wrap(dtypes.narrow(array.astype(wanted.compute), wanted), wanted)
    return _of_sequence(data, dtype)


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A tensor with a copy of ``data``: a number, nested lists, a NumPy array, a tensor.

    Python floats become float32, ints int64. Raises ValueError for lists of different lengths,
    TypeError or RuntimeError for what is no number, RuntimeError if integers are to require a
    gradient.

    >>> tensor([[1, 2], [3, 4]]).dtype, tensor(1.5).dtype
    (tatamu.int64, tatamu.float32)
    """
    must_be_plain("tensor", device, None, pin_memory)
    if isinstance(data, Array):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach()."
            "clone() or sourceTensor.detach().clone().requires_grad_(True), rather than "
            "torch.tensor(sourceTensor).",
            stacklevel=2,
        )
    return leaf(made_of(data, must_be_type("tensor", dtype)), requires_grad)


def scalar_tensor(
    s: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """One number as a tensor without axes, of floating point unless told otherwise."""
    must_be_plain("scalar_tensor", device, layout, pin_memory)
    kind = must_be_type("scalar_tensor", dtype) or default_dtype()
    return leaf(made_of(s, kind), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` itself if it is a tensor of that dtype; NumPy memory is shared, the rest copied."""
    must_be_plain("as_tensor", device, None, False)
    kind = must_be_type("as_tensor", dtype)
    if isinstance(data, Tensor):
        return cast(data, kind or data.dtype)
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        return cast(shared, kind or shared.dtype)
    return made_of(data, kind)  # type: ignore[no-any-return]


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor over the memory of ``obj`` where that can be, or if ``copy`` is False; else a copy.

    Takes tensors, NumPy arrays, buffers, what speaks DLPack, numbers and nested sequences. Raises
    ValueError where ``copy=False`` cannot be had.
    """
    must_be_plain("asarray", device, None, False)
    kind = must_be_type("asarray", dtype)
    shared: Any = None
    if isinstance(obj, Tensor):
        shared = obj
    elif isinstance(obj, np.ndarray):
        shared = from_numpy(obj)
    elif hasattr(obj, "__dlpack__"):
        shared = from_dlpack(obj)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        shared = frombuffer(obj, dtype=kind or default_dtype())
    if shared is None:
        if copy is False:
            raise ValueError(
                "can't alias arbitrary sequence into a tensor.\n  numpy.asarray(...) gives memory"
            )
        return leaf(made_of(obj, kind), requires_grad)
    if kind is not None and kind is not shared.dtype:
        if copy is False:
            raise ValueError(
                f"can't alias tensor with dtype '{shared.dtype.legacy_name}' into dtype "
                f"'{kind.legacy_name}'."
            )
        shared = cast(shared, kind)
    elif copy:
        shared = apply(clone, None, shared)
    if requires_grad and not shared.requires_grad:
        return leaf(shared.detach(), True)
    return shared  # type: ignore[no-any-return]


def _over(array: Numpy) -> Array:
    """A tensor over the memory of an array, after torch's checks."""
    if array.dtype.kind not in "fiubc" or array.dtype.itemsize > 16 or array.dtype.char in "gG":
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only "
            "supported types are: float64, float32, float16, complex64, complex128, int64, int32, "
            "int16, int8, uint64, uint32, uint16, uint8, and bool.\n"
            "  astype('float32') makes numbers of what can be read as such"
        )
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion "
            "between byte orders is currently not supported.\n"
            "  array.astype(array.dtype.newbyteorder('=')) turns it"
        )
    dtype = dtypes.from_numpy_dtype(array.dtype)
    if any(stride < 0 for stride in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().) "
        )
    if any(stride % array.itemsize for stride in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. "
            "Copy the numpy array to reallocate the memory."
        )
    out = wrap(array.view(np.ndarray), dtype)
    out.strides = tuple([stride // array.itemsize for stride in array.strides])
    out.storage.reordered = False
    out.storage.expose()
    return out


def from_numpy(ndarray: Numpy) -> Tensor:
    """A tensor over the memory of a NumPy array: a write to one is seen in the other.

    Raises TypeError for what is no array or has a dtype torch does not take, ValueError for
    negative strides and foreign byte orders. An array that may not be written to warns.

    >>> a = np.zeros(3)
    >>> t = from_numpy(a)
    >>> a[0] = 7
    >>> t
    tensor([7., 0., 0.], dtype=tatamu.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        name = f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__
        raise TypeError(
            f"expected np.ndarray (got {name})\n  torch.tensor(...) takes numbers and lists"
        )
    out: Any = _over(ndarray)
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. This means writing to this tensor will result in undefined behavior. You "
            "may want to copy the array to protect its data or make it writable before converting "
            "it to a tensor. This type of warning will be suppressed for the rest of this program.",
            stacklevel=2,
        )
    return out  # type: ignore[no-any-return]


def frombuffer(
    buffer: Any,
    *,
    dtype: DType,
    count: int = -1,
    offset: int = 0,
    requires_grad: bool = False,
) -> Tensor:
    """``count`` (all) numbers over a buffer's memory, from byte ``offset`` on.

    ValueError, with torch's sentences, for what is no buffer, or holds fewer.

    >>> frombuffer(bytearray(b"ab"), dtype=dtypes.uint8)
    tensor([97, 98], dtype=tatamu.uint8)
    """
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    length, size = view.nbytes, dtype.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1"
        )
    if count < 0:
        if (length - offset) % size:
            raise ValueError(
                f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a "
                f"multiple of element size ({size})"
            )
        count = (length - offset) // size
    if offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({length} bytes)"
        )
    array = np.frombuffer(view, dtype.numpy, count, offset)
    out: Any = wrap(array, dtype)
    out.storage.expose()
    return leaf(out, requires_grad)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor over the memory of what speaks DLPack: a NumPy array, a tensor of torch, JAX.

    RuntimeError for what does not.

    >>> a = np.zeros(2, "float32")
    >>> t = from_dlpack(a)
    >>> t += 1
    >>> a
    array([1., 1.], dtype=float32)
    """
    if isinstance(ext_tensor, Array):
        return ext_tensor.detach()  # type: ignore[attr-defined, no-any-return]
    if not hasattr(ext_tensor, "__dlpack__"):
        raise RuntimeError(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed "
            "only once, so you might have already constructed a tensor from it once.\n"
            f"  {type(ext_tensor).__name__} has no __dlpack__"
        )
    if isinstance(ext_tensor, np.ndarray):
        return from_numpy(ext_tensor)
    array = np.from_dlpack(ext_tensor)
    if array.flags.writeable:
        return from_numpy(array)
    # NumPy takes memory of others as read-only unless they promise otherwise; torch does not ask.
    return from_numpy(np.asarray(_Memory(array)))


class _Memory:
    """The bytes of an array, to be written to."""

    def __init__(self, array: Numpy) -> None:
        self.kept = array
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
