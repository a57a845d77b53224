"""TensorFlow's tensors as far as tutorials see them: `tf.Tensor`, its shape and its dtypes.

A value wraps a tensor of tatamu, which holds the numbers and the graph; here are the printing, the
stricter promotion and the immutability that TensorFlow has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tatamu.dtypes as types
from tatamu.creation import from_numpy, tensor
from tatamu.dtypes import DType
from tatamu.tensor import Tensor

__all__ = [
    "DTYPES",
    "EagerTensor",
    "InvalidArgumentError",
    "TensorShape",
    "TfDType",
    "raw",
    "value",
]


class InvalidArgumentError(ValueError):
    """Operands that TensorFlow does not take together."""


class TfDType:
    """A dtype as TensorFlow writes it.

    >>> DTYPES["float32"], str(DTYPES["float32"])
    (tf.float32, "<dtype: 'float32'>")
    """

    def __init__(self, dtype: DType) -> None:
        self.own = dtype
        self.name = dtype.name

    @property
    def as_numpy_dtype(self) -> Any:
        """NumPy's type."""
        return self.own.numpy.type

    @property
    def is_floating(self) -> bool:
        """Whether it is a floating-point dtype."""
        return self.own.is_floating_point

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __eq__(self, other: object) -> bool:
        name = getattr(other, "name", other)
        return name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


DTYPES = {name: TfDType(dtype) for name, dtype in types.BY_NAME.items()}


def own_dtype(dtype: Any) -> DType:
    """Our dtype for one of TensorFlow, NumPy or a name. TypeError for what is none."""
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    found = DTYPES.get(name)
    if found is None:
        raise TypeError(f"Cannot convert value {dtype!r} to a TensorFlow DType.")
    return found.own


class TensorShape(tuple[Any, ...]):
    """A shape whose unknown sizes are None.

    >>> TensorShape((None, 3)), str(TensorShape((2, 3)))
    (TensorShape([None, 3]), '(2, 3)')
    """

    __slots__ = ()

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self)

    @property
    def ndims(self) -> int:
        """The number of axes."""
        return len(self)

    def as_list(self) -> list[Any]:
        """The sizes as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """The product of the sizes; None if one is unknown."""
        return None if None in self else int(np.prod(self, dtype=np.int64))

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"

    def __str__(self) -> str:
        return tuple.__repr__(self)


class EagerTensor:
    """`tf.Tensor`: numbers that cannot be changed.

    >>> print(value([[1.0, 2.0], [3.0, 4.0]]))
    tf.Tensor(
    [[1. 2.]
     [3. 4.]], shape=(2, 2), dtype=float32)
    """

    __array_priority__ = 2000

    def __init__(self, own: Tensor) -> None:
        self.own = own

    # ---- what it is ----

    @property
    def shape(self) -> TensorShape:
        """The sizes of its axes."""
        return TensorShape(self.own.shape)

    @property
    def dtype(self) -> TfDType:
        """The type of its numbers."""
        return DTYPES[self.own.dtype.name]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.own.shape)

    @property
    def device(self) -> str:
        """Where it lies."""
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    def get_shape(self) -> TensorShape:
        """The sizes of its axes."""
        return self.shape

    def numpy(self) -> Any:
        """The numbers as a NumPy array, or as a NumPy number if there are no axes."""
        array = np.array(self.own.detach().numpy())
        return array if array.ndim else array[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.numpy(), dtype)

    # ---- Python ----

    def __repr__(self) -> str:
        array = np.asarray(self.numpy())
        if array.ndim == 0:
            text = repr(array.item())
        else:
            text = repr(array)
            text = f"\n{text}" if "\n" in text else text
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={text}>"

    def __str__(self) -> str:
        array = np.asarray(self.numpy())
        text = str(array) if array.ndim else str(array[()])
        text = f"\n{text}" if "\n" in text else text
        return f"tf.Tensor({text}, shape={self.shape}, dtype={self.dtype.name})"

    def __len__(self) -> int:
        if not self.own.shape:
            raise TypeError("Scalar tensor has no `len()`")
        return self.own.shape[0]

    def __iter__(self) -> Iterator[EagerTensor]:
        return (self[index] for index in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.own)

    def __float__(self) -> float:
        return float(self.own.detach())

    def __int__(self) -> int:
        return int(self.own.detach())

    def __index__(self) -> int:
        return self.own.__index__()

    def __hash__(self) -> int:
        raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")

    def __getitem__(self, where: Any) -> EagerTensor:
        parts = where if isinstance(where, tuple) else (where,)
        at = tuple(raw(part) if isinstance(part, EagerTensor) else part for part in parts)
        return EagerTensor(self.own[at])

    def __setitem__(self, where: Any, given: Any) -> None:
        raise TypeError(
            "'tensorflow.python.framework.ops.EagerTensor' object does not support item assignment"
            "\n  tensors of TensorFlow cannot be changed; tf.tensor_scatter_nd_update or "
            "tensor.numpy() give a changed copy"
        )

    # ---- arithmetic ----

    def _with(self, name: str, other: Any, swapped: bool = False) -> Any:
        if not isinstance(other, (EagerTensor, Tensor, np.ndarray, np.generic, int, float, list)):
            return NotImplemented
        right = value(other, self.dtype) if not isinstance(other, EagerTensor) else other
        if right.dtype != self.dtype:
            raise InvalidArgumentError(
                f"cannot compute {name} as input #1(zero-based) was expected to be a "
                f"{_spoken(self.dtype)} tensor but is a {_spoken(right.dtype)} tensor "
                f"[Op:{name}] name: \n  tf.cast(x, tf.{self.dtype.name}) converts it"
            )
        a, b = (right.own, self.own) if swapped else (self.own, right.own)
        return EagerTensor(_OPERATIONS[name](a, b))

    def __add__(self, other: Any) -> Any:
        return self._with("AddV2", other)

    def __radd__(self, other: Any) -> Any:
        return self._with("AddV2", other, swapped=True)

    def __sub__(self, other: Any) -> Any:
        return self._with("Sub", other)

    def __rsub__(self, other: Any) -> Any:
        return self._with("Sub", other, swapped=True)

    def __mul__(self, other: Any) -> Any:
        return self._with("Mul", other)

    def __rmul__(self, other: Any) -> Any:
        return self._with("Mul", other, swapped=True)

    def __truediv__(self, other: Any) -> Any:
        return self._with("RealDiv", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with("RealDiv", other, swapped=True)

    def __pow__(self, other: Any) -> Any:
        return self._with("Pow", other)

    def __matmul__(self, other: Any) -> Any:
        return self._with("MatMul", other)

    def __neg__(self) -> EagerTensor:
        return EagerTensor(-self.own)

    def __abs__(self) -> EagerTensor:
        return EagerTensor(self.own.abs())

    def __eq__(self, other: object) -> Any:
        return self._with("Equal", other)

    def __ne__(self, other: object) -> Any:
        return self._with("NotEqual", other)

    def __lt__(self, other: Any) -> Any:
        return self._with("Less", other)

    def __le__(self, other: Any) -> Any:
        return self._with("LessEqual", other)

    def __gt__(self, other: Any) -> Any:
        return self._with("Greater", other)

    def __ge__(self, other: Any) -> Any:
        return self._with("GreaterEqual", other)


_OPERATIONS: dict[str, Any] = {
    "AddV2": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "RealDiv": lambda a, b: a / b,
    "Pow": lambda a, b: a**b,
    "MatMul": lambda a, b: a @ b,
    "Equal": lambda a, b: a == b,
    "NotEqual": lambda a, b: a != b,
    "Less": lambda a, b: a < b,
    "LessEqual": lambda a, b: a <= b,
    "Greater": lambda a, b: a > b,
    "GreaterEqual": lambda a, b: a >= b,
}


def _spoken(dtype: TfDType) -> str:
    """The dtype as TensorFlow's sentences name it."""
    return {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)


def value(data: Any, dtype: Any = None) -> EagerTensor:
    """``data`` as a `tf.Tensor`: Python's whole numbers become int32, others float32.

    NumPy's arrays keep their dtype. Raises ValueError for what is no array of numbers.
    """
    wanted = None if dtype is None else own_dtype(dtype)
    if isinstance(data, EagerTensor):
        own = data.own
    elif isinstance(data, Tensor):
        own = data
    elif isinstance(data, (np.ndarray, np.generic)):
        own = from_numpy(np.array(data, order="C"))
    else:
        own = _of_python(data)
    return EagerTensor(own if wanted is None or own.dtype is wanted else own.to(wanted))


def _of_python(data: Any) -> Tensor:
    if isinstance(data, (list, tuple)):
        data = [raw(item).tolist() if isinstance(item, EagerTensor) else item for item in data]
    array = np.array(data)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"Attempt to convert a value ({data!r}) with an unsupported type ({type(data)}) "
            "to a Tensor."
        )
    kind = {"f": np.float32, "i": np.int32, "u": np.int32, "b": np.bool_}[array.dtype.kind]
    return tensor(array.astype(kind))


def raw(data: Any) -> Tensor:
    """``data`` as a tensor of tatamu."""
    return data.own if isinstance(data, EagerTensor) else value(data).own
