"""What the records of small operations share: shape rules, costs, broadcasting, samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, reduce
from math import prod
from typing import Any, TypeVar

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType, category, promote
from tatamu.ops.array import Array, Numpy, made, wrap
from tatamu.ops.layout import (
    Ints,
    Size,
    broadcast_order,
    broadcast_shapes,
    contiguous_strides,
    ordered_like,
)
from tatamu.ops.op import Call, Out, Sample
from tatamu.runtime.storage import Storage

__all__ = [
    "as_floats",
    "common_type",
    "constant",
    "fitting",
    "floating",
    "full",
    "interned",
    "like_input",
    "moved_bytes",
    "one_each",
    "ordered_by_all",
    "result_type",
    "same_as_first",
]


T = TypeVar("T")


@lru_cache(maxsize=4096, typed=True)
def _first_equal(value: Any, kinds: tuple[type, ...]) -> Any:
    return value


def interned(value: T) -> T:
    """The one object equal to ``value``: plans are looked up by the identity of attrs."""
    # (1, 2) equals (1.0, 2.0), and so do attrs of these numbers, whatever their class.
    kinds = tuple(map(type, value)) if isinstance(value, tuple) else ()
    first: T = _first_equal(value, kinds)
    return first


def result_type(call: Call, first: int = 0) -> DType:
    """The dtype of an operation on the tensors from ``first``: see ``common_type``."""
    pairs = zip(call.dtypes[first:], call.shapes[first:], strict=True)
    return common_type(*[(d, s) for d, s in pairs if d is not None and s is not None])


def common_type(*operands: tuple[DType, Ints]) -> DType:
    """The dtype of a result of tensors, given by dtype and shape.

    Tensors of no axes only count if they are of a higher category than those that have some.
    """
    first = operands[0][0]
    if all([dtype is first for dtype, _ in operands]):
        return first
    scalars = [dtype for dtype, shape in operands if not shape]
    others = [dtype for dtype, shape in operands if shape]
    if not others or not scalars:
        return reduce(promote, scalars or others)
    scalar, other = reduce(promote, scalars), reduce(promote, others)
    return other if category(scalar) <= category(other) else promote(scalar, other)


def floating(dtype: DType) -> DType:
    """``dtype`` itself, or the default one for integers, as true division and exp give."""
    return dtype if dtype.is_floating_point else dtypes.get_default_dtype()


def as_floats(x: Numpy) -> Numpy:
    """An array that a reference was given, in the precision that ``floating`` gives."""
    return x if x.dtype.kind == "f" else x.astype(dtypes.get_default_dtype().compute)


def like_input(call: Call, shape: Ints, index: int = 0) -> Ints | None:
    """Strides for an output of ``shape`` that keep the memory order of an input, None for C order.

    An output of a convolution lies channels-last, and so does all that follows from it.
    """
    strides = call.strides[index]
    assert strides is not None
    return ordered_like(call.shape(index), strides, shape)


def same_as_first(call: Call) -> tuple[Out, ...]:
    """Shape rule: the output is like input 0, and in its order."""
    shape = call.shape(0)
    return (Out(shape, call.dtype(0), like_input(call, shape)),)


def like_first_floating(call: Call) -> tuple[Out, ...]:
    """Shape rule: like input 0, in floating point."""
    shape = call.shape(0)
    return (Out(shape, floating(call.dtype(0)), like_input(call, shape)),)


def broadcast(call: Call) -> tuple[Out, ...]:
    """Shape rule: two operands, broadcast and promoted."""
    shape = broadcast_shapes(call.shape(0), call.shape(1))
    return (Out(shape, result_type(call), ordered_by_all(call, shape)),)


def broadcast_all(call: Call) -> tuple[Out, ...]:
    """Shape rule: all inputs that are there, broadcast and promoted."""
    shape: Ints = call.shape(0)
    for other in call.shapes[1:]:
        if other is not None:
            shape = broadcast_shapes(shape, other)
    return (Out(shape, result_type(call), ordered_by_all(call, shape)),)


def ordered_by_all(call: Call, shape: Ints) -> Ints | None:
    """Strides for a result of ``shape`` that all inputs are broadcast to, None for C order."""
    shapes = tuple([tuple(s) for s in call.shapes if s is not None])
    strides = tuple([s for s in call.strides if s is not None])
    return broadcast_order(shapes, strides, tuple(shape))


def broadcast_floating(call: Call) -> tuple[Out, ...]:
    """Shape rule: as ``broadcast``, in floating point."""
    out = broadcast(call)[0]
    return (out._replace(dtype=floating(out.dtype)),)


def broadcast_bool(call: Call) -> tuple[Out, ...]:
    """Shape rule: as ``broadcast``, giving truth values."""
    return (broadcast(call)[0]._replace(dtype=dtypes.bool_),)


def view_shape(call: Call) -> tuple[Out, ...]:
    """Shape rule of a view: whatever NumPy makes of an array without elements in memory."""
    stand_in = np.broadcast_to(np.int8(0), call.shape(0))
    return (Out(call.op.reference(call.attrs, stand_in).shape, call.dtype(0)),)


def one_each(call: Call) -> int:
    """FLOPs of an operation that does one per output element."""
    return prod(call.op.shape(call)[0].shape)


def none(call: Call) -> int:
    """FLOPs of an operation that only moves data; bytes of one that does not even do that."""
    return 0


def one_per_input(call: Call) -> int:
    """FLOPs of a reduction."""
    return prod(call.shape(0))


def moved_bytes(call: Call) -> int:
    """Bytes read and written when everything passes through memory once."""
    pairs = zip(call.shapes, call.dtypes, strict=True)
    read = sum(prod(s) * d.itemsize for s, d in pairs if s is not None and d is not None)
    return read + sum(prod(out.shape) * out.dtype.itemsize for out in call.op.shape(call))


def full(shape: Ints, value: Any, dtype: DType) -> Array:
    """A tensor of one value, in C order."""
    size = Size(shape)
    storage = Storage(size.numel() * dtype.itemsize)
    out = made.type(storage, 0, size, contiguous_strides(size), dtype)
    out.array.fill(dtypes.narrow(np.asarray(value, dtype.compute), dtype)[()])
    return out


def constant(value: Any, like: DType) -> Array:
    """A number as a 0-d tensor that does not change the dtype ``like``, unless it must.

    A float beside integers makes the default dtype, an integer beside bools int64: torch's rule.
    An integer too large for the dtype wraps around.
    """
    dtype = like
    if isinstance(value, (bool, np.bool_)):
        pass
    elif isinstance(value, (int, np.integer)):
        dtype = dtypes.int64 if like is dtypes.bool_ else like
    else:
        dtype = floating(like)
    return wrap(dtypes.narrow(_scalar(value, dtype), dtype), dtype)


def _scalar(value: Any, dtype: DType) -> Numpy:
    if isinstance(value, float) and not -_SAFE < value < _SAFE:
        with np.errstate(over="ignore"):
            return dtypes.widen(dtypes.narrow(np.asarray(value, dtype.compute), dtype), dtype)
    try:
        return np.asarray(value, dtype.compute)
    except OverflowError:
        wide = int(value)
        if not -(2**63) <= wide < 2**63:
            raise OverflowError("int too big to convert\n  an int64 holds 63 bits") from None
        return np.asarray(wide).astype(dtype.compute)


_SAFE = 60000.0  # below it no floating point type overflows
_INTEGERS = {"uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int"}


def fitting(value: Any, dtype: DType) -> int:
    """A number as one of an integer dtype; those below 0 wrap around where there is no sign.

    RuntimeError with torch's sentence for those that are too large.
    """
    whole = int(value)
    kind = np.iinfo(dtype.numpy)
    if whole > kind.max or whole < (kind.min if kind.min else -kind.max):
        raise RuntimeError(
            f"value cannot be converted to type {_INTEGERS.get(dtype.name, 'int64_t')} without "
            f"overflow\n  {whole} is not between {kind.min} and {kind.max}"
        )
    return int(np.asarray(whole).astype(dtype.numpy))


def samples(
    *shapes: Ints,
    attrs: Any = None,
    low: float = -2.0,
    high: float = 2.0,
) -> Callable[[np.random.Generator], Iterable[Sample]]:
    """A sample generator: uniform arrays of these shapes."""

    def generate(random: np.random.Generator) -> Iterable[Sample]:
        yield Sample(attrs, tuple(random.uniform(low, high, shape) for shape in shapes))

    return generate


def several(
    *generators: Callable[[np.random.Generator], Iterable[Sample]],
) -> Callable[[np.random.Generator], Iterable[Sample]]:
    """The samples of all ``generators``."""

    def generate(random: np.random.Generator) -> Iterable[Sample]:
        for generator in generators:
            yield from generator(random)

    return generate
