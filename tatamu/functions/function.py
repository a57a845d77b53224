"""A method of Tensor as torch's function of the same name."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from tatamu.dtypes import DType, category
from tatamu.methods.operands import NUMBERS, alike
from tatamu.ops.array import Array, local
from tatamu.ops.common import constant
from tatamu.ops.layout import contiguous_strides
from tatamu.ops.op import Op, apply
from tatamu.runtime.storage import Storage

__all__ = ["function", "must_be_tensor", "number_first", "of_tensor", "put", "type_name"]

P = ParamSpec("P")
R = TypeVar("R")


def must_be_tensor(name: str, value: Any) -> None:
    """TypeError with torch's sentence unless ``value``, the first argument, is a tensor."""
    if not isinstance(value, Array):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type_name(value)}\n"
            "  torch.tensor(...) or torch.from_numpy(...) makes one"
        )


_HEAP_TYPE = 1 << 9
"""The flag of a class that was not written in C; those that were have their module in the name."""


def type_name(value: Any) -> str:
    """How C code names the type of a value.

    >>> import numpy
    >>> type_name(numpy.ones(1)), type_name([])
    ('numpy.ndarray', 'list')
    """
    kind = type(value)
    if kind.__flags__ & _HEAP_TYPE or kind.__module__ == "builtins":
        return kind.__name__
    return f"{kind.__module__}.{kind.__name__}"


def of_tensor(name: str = "", attribute: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Calls that fail because their first argument is no tensor raise torch's sentence for that.

    ``name`` is what torch calls the function there; with ``attribute`` torch begins in Python, and
    stumbles over that.
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        called = name or function.__name__

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except Exception:
                value = args[0] if args else kwargs.get("input")
                if isinstance(value, Array) or not (args or "input" in kwargs):
                    raise
                if attribute:
                    raise AttributeError(
                        f"'{type_name(value)}' object has no attribute '{attribute}'\n"
                        "  torch.tensor(...) or torch.from_numpy(...) makes a tensor of it"
                    ) from None
                must_be_tensor(called, value)
                raise

        return call

    return mark


def function(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """``method(self, ...)`` as ``name(input, ...)``, which also takes ``out=``, as torch's do.

    Raises TypeError with torch's sentence for an input that is no tensor.

    >>> import tatamu
    >>> function(tatamu.Tensor.exp)(tatamu.zeros(1))
    tensor([1.])
    """
    name = method.__name__

    @functools.wraps(method)
    def call(*args: Any, out: Any = None, **options: Any) -> Any:
        if not args:
            if "input" not in options:
                raise TypeError(f'{name}() missing 1 required positional arguments: "input"')
            args = (options.pop("input"),)
        must_be_tensor(name, args[0])
        try:
            if out is None:
                return method(*args, **options)
            _check_differentiable(name, out, *args, *options.values())
            return put(name, out, method(*args, **options))
        except TypeError as error:
            own = vars(error).get("of_function")
            if own is None:
                raise
            raise own from None

    return call


def number_first(method: Callable[..., Any], of_number: Op | None = None) -> Callable[..., Any]:
    """As ``function``, for what also takes a number and then a tensor: ``torch.pow(2, x)``.

    ``of_number`` is the operation for these, where it has a record of its own.
    """
    plain = function(method)

    @functools.wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        if args and isinstance(args[0], NUMBERS) and len(args) > 1 and isinstance(args[1], Array):
            first, second, *rest = args
            number = constant(first, second.dtype)
            if of_number is not None and not options:
                return apply(of_number, None, *alike(of_number, number, second))
            args = (number, second, *rest)
        return plain(*args, **options)

    return call


def _check_differentiable(name: str, *values: Any) -> None:
    if not local.grad:
        return
    for value in values:
        several = value if isinstance(value, (tuple, list)) else (value,)
        if any([isinstance(x, Array) and x._requires_grad for x in several]):
            raise RuntimeError(
                f"{name}(): functions with out=... arguments don't support automatic "
                "differentiation, but one of the arguments requires grad.\n"
                "  leave out= out, or call it inside `with torch.no_grad():`"
            )


def put(name: str, out: Any, result: Any) -> Any:
    """``result`` written to the tensor, or the tensors, that the caller has given for it.

    One of another shape is resized, with torch's warning if it held numbers. Raises TypeError for
    what is no tensor, RuntimeError for one of a lower kind of dtype.
    """
    if isinstance(result, tuple):
        for target, part in zip(out, result, strict=True):
            put(name, target, part)
        return type(result)(*out) if hasattr(result, "_fields") else out
    if not isinstance(out, Array):
        raise TypeError(
            f"{name}(): argument 'out' must be Tensor, not {type_name(out)}\n"
            "  torch.empty(0) makes one, which is resized"
        )
    if not isinstance(result, Array):
        return result
    if not _can_hold(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {result.dtype.legacy_name} can't be cast to the desired output type "
            f"{out.dtype.legacy_name}\n  out is {out.dtype}, the result {result.dtype}"
        )
    if out.shape != result.shape:
        _resize(out, result)
    return out.copy_(result)  # type: ignore[attr-defined]


def _can_hold(source: DType, target: DType) -> bool:
    return source is target or category(source) <= category(target)


def _resize(out: Array, like: Array) -> None:
    if out.shape.numel():
        warnings.warn(
            "An output with one or more elements was resized since it had shape "
            f"{list(out.shape)}, which does not match the required output shape "
            f"{list(like.shape)}. This behavior is deprecated, and in a future PyTorch release "
            "outputs will not be resized unless they have zero elements. You can explicitly reuse "
            "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
            UserWarning,
            stacklevel=4,
        )
    count = like.shape.numel() * out.dtype.itemsize
    if out.storage.nbytes < count or out.offset:
        out.storage = Storage(count)
        out.offset = 0
    out.shape = like.shape
    out.strides = contiguous_strides(like.shape)
    out._array = None
