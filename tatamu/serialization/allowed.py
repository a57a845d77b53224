"""What a checkpoint may ask for by name, and what it is given for it.

The names are those of torch's ``weights_only`` list. Under them stand functions of ours that take
only what torch writes: none allocates by a number that the file states, and none hashes what could
take for ever to hash.
"""

from __future__ import annotations

import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import cache
from pickle import UnpicklingError
from typing import Any

from tatamu import dtypes
from tatamu.device import device
from tatamu.dtypes import DType, strided
from tatamu.nn.parameter import Parameter
from tatamu.ops.layout import Size
from tatamu.serialization.stored import dtype_of, rebuilt, shown
from tatamu.tensor import Tensor

__all__ = ["BLOCKED", "NEW", "StorageType", "absent", "find", "key", "may_call", "modern"]

BLOCKED = ("sys", "os", "posix", "nt")
"""Modules whose names are never answered, whatever the user allows."""

MOST_IN_KEY = 64

_users: dict[str, Any] = {}
"""What the user allowed, by full name."""


class StorageType:
    """``torch.FloatStorage`` and its like: the dtype of a storage."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"StorageType(dtype={self.dtype})"


def key(value: Any) -> Any:
    """A key of a dict or member of a set, which must be quick to hash; UnpicklingError if not."""
    left = MOST_IN_KEY
    waiting = [value]
    while waiting:
        item = waiting.pop()
        left -= 1
        if isinstance(item, tuple) and len(item) <= left:
            waiting += item
        elif left < 0 or not isinstance(item, _PLAIN):
            raise UnpicklingError(
                f"Weights only load failed. WeightsUnpickler error: unhashable type: "
                f"{type(item).__name__!r}\n"
                "  keys are text, numbers, None, dtypes, devices or short tuples of these"
            )
    return value


_PLAIN = (str, bytes, int, float, complex, type(None), DType, device)


def _ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
    items = pairs.items() if isinstance(pairs, dict) else pairs
    return OrderedDict((key(name), value) for name, value in items)


def _counted(counts: Any = ()) -> Counter[Any]:
    found: Counter[Any] = Counter()
    found.update({key(name): counts[name] for name in counts})
    return found


def _set_of(items: Any = ()) -> set[Any]:
    return {key(item) for item in items}


def _bytearray_of(content: Any = b"", encoding: str = "latin1") -> bytearray:
    if isinstance(content, str):
        return bytearray(_encoded(content, encoding))
    if not isinstance(content, bytes):
        raise TypeError(f"bytes are wanted, and not {type(content).__name__}")
    return bytearray(content)


def _empty_bytes() -> bytes:
    return b""


def _encoded(text: str, encoding: str = "utf-8") -> bytes:
    if encoding.lower() not in ("latin1", "latin-1", "ascii", "utf-8", "utf8"):
        raise ValueError(f"encoding {encoding!r}")
    return text.encode(encoding)


def _size(values: Any = ()) -> Size:
    if any(type(value) is not int for value in values):
        raise TypeError("sizes are whole numbers")
    return Size(values)


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    return rebuilt(storage, offset, size, stride)


def _rebuild_tensor_v2(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    metadata: Any = None,
) -> Tensor:
    if metadata:
        raise TypeError(f"conjugated and negated views are not in tatamu: {shown(metadata)}")
    return _with_grad(rebuilt(storage, offset, size, stride), requires_grad)


def _rebuild_tensor_v3(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    if not isinstance(dtype, DType):
        raise TypeError(f"a tensor's dtype is asked for, and not {shown(dtype)}")
    typed = type(storage)(
        storage.storage,
        dtype,
        storage.nbytes() // dtype.itemsize,
        storage.start * storage.dtype.itemsize // dtype.itemsize,
    )
    return _rebuild_tensor_v2(typed, offset, size, stride, requires_grad, hooks, metadata)


def _with_grad(x: Tensor, wanted: Any) -> Tensor:
    x._requires_grad = bool(wanted) and x.dtype.is_floating_point
    return x


def _rebuild_parameter(data: Any, requires_grad: Any, hooks: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise TypeError(f"a parameter is made of a tensor, and not of {type(data).__name__}")
    return Parameter(data, bool(requires_grad))


def _rebuild_parameter_with_state(
    data: Any, requires_grad: Any, hooks: Any, state: Any
) -> Parameter:
    _drop(state)
    return _rebuild_parameter(data, requires_grad)


def _rebuild_from_type_v2(function: Any, kind: Any, arguments: Any, state: Any) -> Tensor:
    """A tensor with attributes of its own, which ours cannot have."""
    known = any(function is one for one in _REBUILDS)
    if not known or not (kind is Tensor or kind is Parameter):
        raise TypeError(f"{shown(kind)} made by {shown(function)}")
    found: Tensor = function(*arguments)
    _drop(state)
    return found


def _drop(state: Any) -> None:
    names = [str(name) for part in _parts(state) if isinstance(part, dict) for name in part]
    if names:
        warnings.warn(
            f"attributes of a tensor are left out, since tatamu's have none: {', '.join(names)}",
            stacklevel=2,
        )


def _parts(state: Any) -> tuple[Any, ...]:
    return state if isinstance(state, tuple) else (state,)


def _layout(name: str) -> Any:
    if name != "torch.strided":
        raise TypeError(f"{shown(name)}: every tensor of tatamu is dense")
    return strided


_REBUILDS: tuple[Any, ...] = (_rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3)


def _new_parameter(data: Any = None, requires_grad: Any = True) -> Parameter:
    return _rebuild_parameter(data, requires_grad)


NEW: tuple[tuple[Any, Callable[..., Any]], ...] = (
    (Parameter, _new_parameter),
    *((function, function) for function in (_ordered, _counted, _set_of, _size)),
)
"""What a pickle may make new objects of, and what makes them."""

_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "collections.Counter": _counted,
    "builtins.set": _set_of,
    "builtins.bytearray": _bytearray_of,
    "builtins.bytes": _empty_bytes,
    "builtins.complex": complex,
    "_codecs.encode": _encoded,
    "torch.Size": _size,
    "torch.device": device,
    "torch.serialization._get_layout": _layout,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter_with_state,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type_v2,
}


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = dict(_CALLS)
    found |= {f"torch.{name}": dtype for name, dtype in dtypes.BY_NAME.items()}
    for name, dtype in dtypes.BY_LEGACY_NAME.items():
        found[f"torch.{name}Storage"] = StorageType(dtype)
    found["torch.storage.UntypedStorage"] = StorageType(dtypes.uint8)
    found["torch.nn.parameter.Parameter"] = Parameter
    found["torch.Tensor"] = found["torch._tensor.Tensor"] = Tensor
    return found


# Old names of what torch and Python have since moved.
_MOVED = {
    "__builtin__": "builtins",
    "torch.tensor": "torch._tensor",
    "copy_reg": "copyreg",
}


def modern(module: str, name: str) -> str:
    """The full name of today for one that an old pickle may have."""
    return f"{_MOVED.get(module, module)}.{name}"


def find(path: str) -> Any:
    """What is given for a name; None for what is not allowed."""
    own = _table().get(path)
    return _users.get(path) if own is None else own


def absent(path: str) -> str:
    """Why one of torch's types is not there; '' for what is none of them."""
    module, _, name = path.rpartition(".")
    if module in ("torch", "torch.cuda", "torch.storage") and name.endswith("Storage"):
        if module == "torch.cuda" and dtype_of(name) is not None:
            return "a very old file with storages of CUDA's own: save it again from the processor"
        return f"tatamu has no dtype {name.removesuffix('Storage')}: convert it under torch"
    if path in (
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_qtensor",
        "torch._utils._rebuild_nested_tensor",
        "torch._utils._rebuild_meta_tensor_no_storage",
        "torch._utils._rebuild_wrapper_subclass",
    ):
        return "every tensor of tatamu is dense and in memory: convert it under torch"
    if module == "torch" and name.islower() and name[-1:].isdigit():
        return f"tatamu has no dtype {name}: convert it under torch"
    return ""


def may_call(function: Any) -> bool:
    """Whether REDUCE may call it."""
    # By identity: to hash or compare what a file gives could take for ever.
    return any(function is known for known in _CALLS.values()) or is_users(function)


# ---- what the user allows ----


def is_users(thing: Any) -> bool:
    """Whether the user allowed it."""
    return any(thing is known for known in _users.values())


def full_name(thing: Any) -> tuple[str, Any]:
    """The name that a pickle has for a class or function, and the thing itself."""
    if isinstance(thing, tuple):
        if len(thing) != 2:
            raise ValueError(
                "Expected tuple of length 2 (global, str of callable full path), but got tuple of "
                f"length: {len(thing)}"
            )
        if type(thing[1]) is not str:
            raise TypeError(
                "Expected second item in tuple to be str of callable full path, but got: "
                f"{type(thing[1])}"
            )
        return thing[1], thing[0]
    return f"{thing.__module__}.{thing.__qualname__}", thing


def users() -> dict[str, Any]:
    """What the user allowed, by name; changes to it count."""
    return _users


def set_state(target: Any, state: Any) -> None:
    """Give an object of the user's classes its state, as Python's unpickler does."""
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)
