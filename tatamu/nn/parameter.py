"""Parameter: a tensor that a module trains; Buffer: one that it keeps; and ones without a shape."""

from __future__ import annotations

from typing import Any

from tatamu import naming
from tatamu.creation import empty
from tatamu.dtypes import DType
from tatamu.naming import known_as
from tatamu.ops.array import Array
from tatamu.printing import describe
from tatamu.tensor import Tensor

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


@known_as("nn.parameter.Parameter")
class Parameter(Tensor):
    """A leaf that requires grad and that a Module finds among its attributes.

    Raises RuntimeError for integers that are to require grad.

    >>> import tatamu
    >>> Parameter(tatamu.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        _alias(self, empty(0) if data is None else data)
        if requires_grad and not self.dtype.is_floating_point:
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients\n"
                f"  the data is {self.dtype}; Parameter(data, requires_grad=False) keeps it so"
            )
        self._requires_grad = requires_grad

    def __repr__(self) -> str:
        return "Parameter containing:\n" + describe(self, plain=True)


def _alias(own: Tensor, data: Any) -> None:
    """Have ``own`` stand over the memory of ``data``."""
    if not isinstance(data, Array):
        raise AttributeError(
            f"'{type(data).__name__}' object has no attribute 'detach'\n"
            "  a parameter is made of a tensor: Parameter(torch.tensor(...))"
        )
    Tensor.__init__(
        own, data.storage, data.offset, data.shape, data.strides, data.dtype, data._array
    )


@known_as("nn.parameter.Buffer")
class Buffer(Tensor):
    """A tensor that a Module keeps among its buffers when it is assigned to an attribute.

    >>> import tatamu
    >>> Buffer(tatamu.ones(2))
    tensor([1., 1.])
    """

    __slots__ = ("persistent",)

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        _alias(self, empty(0) if data is None else data)
        self._requires_grad = data is not None and data.requires_grad
        self.persistent = persistent

    def __repr__(self) -> str:
        return describe(self, plain=True)


_SHAPE: Any = vars(Array)["shape"]  # the slot that the property below hides


# What a tensor without a shape can do all the same.
_SERVED = (
    "cls_to_become",
    "copy_",
    "detach",
    "is_floating_point",
    "materialize",
    "share_memory_",
    "to",
)

# Operators, and the methods that torch's sentence names for them.
_OPERATORS = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__rsub__": "rsub", "__mul__": "mul",
    "__rmul__": "mul", "__truediv__": "div", "__matmul__": "matmul", "__neg__": "neg",
    "__pow__": "pow", "__bool__": "__bool__",
}  # fmt: skip


def _of_tensors(name: str) -> Any:
    """What Tensor has under a name."""
    return getattr(Tensor, name, None)


def _unready(tensor: Any, method: str) -> ValueError:
    kind = f"{naming.prefix}.nn.parameter.{type(tensor).__name__}"
    return ValueError(
        f"Attempted to use an uninitialized parameter in <method '{method}' of "
        f"'{naming.prefix}._C.TensorBase' objects>. This error happens when you are using a "
        f"`LazyModule` or explicitly manipulating `{kind}` objects. When using LazyModules Call "
        "`forward` with a dummy batch to initialize the parameters before calling torch functions"
    )


def _refusing(method: str) -> Any:
    def refuse(self: Any, *args: Any) -> Any:
        raise _unready(self, method)

    return refuse


class UninitializedTensorMixin(Tensor):
    """A tensor that has a dtype and will have a shape; ``materialize`` gives it one."""

    __slots__ = ()
    cls_to_become: type[Tensor] = Tensor

    def _begin(self, dtype: DType | None, requires_grad: bool) -> None:
        start = empty(0) if dtype is None else empty(0, dtype=dtype)
        Tensor.__init__(self, start.storage, 0, start.shape, start.strides, start.dtype)
        self._requires_grad = requires_grad

    def materialize(self, shape: Any, device: Any = None, dtype: DType | None = None) -> None:
        """Take a shape, and become what this stands for. The numbers are whatever was there."""
        made = empty(shape, dtype=dtype or self.dtype)
        own: Any = self
        own.__class__ = self.cls_to_become
        self.dtype = made.dtype
        self.data = made

    def __getattribute__(self, name: str) -> Any:
        """Methods that need numbers are refused; torch's sentence names them."""
        if not name.startswith("_") and name not in _SERVED and callable(_of_tensors(name)):
            raise _unready(self, name)
        return super().__getattribute__(name)

    @property
    def shape(self) -> Any:
        """Not there yet: RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    @shape.setter
    def shape(self, value: Any) -> None:
        _SHAPE.__set__(self, value)

    def share_memory_(self) -> Any:
        """Not without memory: RuntimeError."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def detach(self) -> Any:
        """The tensor itself: there is nothing to detach."""
        return self

    def to(self, *targets: Any, **options: Any) -> Any:
        """Another dtype for the numbers to come."""
        given = (self.dtype, *targets, options.get("dtype"))
        return self._another([target for target in given if isinstance(target, DType)][-1])

    def _another(self, dtype: DType) -> Any:
        kind: Any = type(self)
        return kind(self._requires_grad, None, dtype)

    def copy_(self, source: Any, non_blocking: bool = False) -> Any:
        """Nothing yet, if the other has no shape either."""
        return self if is_lazy(source) else super().copy_(source, non_blocking)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._requires_grad, None, self.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copy = self._another(self.dtype)
        memo[id(self)] = copy
        return copy


for _operator, _method in _OPERATORS.items():
    setattr(UninitializedTensorMixin, _operator, _refusing(_method))


@known_as("nn.parameter.UninitializedParameter")
class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape the first input will tell.

    >>> UninitializedParameter()
    <UninitializedParameter>
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __init__(
        self, requires_grad: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        self._begin(dtype, requires_grad)


@known_as("nn.parameter.UninitializedBuffer")
class UninitializedBuffer(UninitializedTensorMixin):
    """A buffer whose shape the first input will tell."""

    __slots__ = ()

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: DType | None = None
    ) -> None:
        self._begin(dtype, requires_grad)


def is_lazy(tensor: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(tensor, UninitializedTensorMixin)
