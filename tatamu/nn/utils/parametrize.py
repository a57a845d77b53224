"""Parameters that are computed from others each time they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from typing import Any, TypeVar

from tatamu import naming
from tatamu.autograd import no_grad
from tatamu.nn.containers import ModuleDict, ModuleList
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter
from tatamu.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]

M = TypeVar("M", bound=Module)


class _Cache:
    """What was computed inside ``with cached():``."""

    def __init__(self) -> None:
        self.depth = 0
        self.found: dict[tuple[int, str], Tensor] = {}


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrised tensor once inside the block, however often it is read."""
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if not _cache.depth:
            _cache.found = {}


def _enter(module: Module, name: str, value: Any) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _same(
    kind: str, what: str, sentence: str, before: tuple[str, Any], after: tuple[str, Any]
) -> None:
    """ValueError unless dtype or shape, which ``kind`` says, are the same."""
    first, second = getattr(before[1], kind), getattr(after[1], kind)
    if first != second:
        raise ValueError(f"{sentence.format(kind)}\n{before[0]}: {first}\n{after[0]}: {second}")


_MAY_NOT = (
    "Registering a parametrization may not change the {} of the tensor, unless `unsafe` flag is "
    "enabled."
)
_MAY_NOT_THE = _MAY_NOT.replace("unless `", "unless the `")
_BACK = (
    "The tensor returned by parametrization.right_inverse must have the same {{}} as module.{name},"
    " unless the `unsafe` flag is enabled."
)


def _must_be_tensor(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, applied in order to ``original`` (or ``original0`` ...).

    Raises ValueError, with torch's sentences, if they change dtype or shape without ``unsafe``.
    """

    original: Any

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            _same(
                "dtype", "",
                "When `right_inverse` outputs one tensor, it may not change the {}.",
                ("original.dtype", original), ("right_inverse(original).dtype", new),
            )  # fmt: skip
            original.data = new.data
            _enter(self, "original", original)
        else:
            self._enter_several(new, original)
        if not unsafe:
            found = self()
            _must_be_tensor(found)
            for kind, was in (("dtype", dtype), ("shape", shape)):
                if getattr(found, kind) != was:
                    raise ValueError(
                        f"{_MAY_NOT.format(kind)}\nunparametrized {kind}: {was}\n"
                        f"parametrized {kind}: {getattr(found, kind)}"
                    )

    def _enter_several(self, new: Sequence[Any], original: Any) -> None:
        for number, one in enumerate(new):
            if not isinstance(one, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {number} of the sequence with type "
                    f"{type(one).__name__}."
                )
            own: Any = one
            if isinstance(original, Parameter):
                own = Parameter(one.detach(), original.requires_grad)
            own.requires_grad_(original.requires_grad)
            _enter(self, f"original{number}", own)

    def right_inverse(self, value: Any) -> None:
        """Set the originals so that the parametrised tensor is ``value``."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ValueError(
                        f"`right_inverse` should return a tensor. Got {type(value).__name__}"
                    )
                if value.dtype is not self.original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {value.dtype} while "
                        f"`original` has dtype {self.original.dtype}"
                    )
                self.original.data = value.data
                return
            if not isinstance(value, Sequence):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors. Got "
                    f"{type(value).__name__}."
                )
            if len(value) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. "
                    f"Got a sequence of length {len(value)}."
                )
            for number, one in enumerate(value):
                getattr(self, f"original{number}").data = one.data

    def forward(self) -> Any:
        first, *rest = self
        if self.is_tensor:
            x = first(self.original)
        else:
            x = first(*(getattr(self, f"original{number}") for number in range(self.ntensors)))
        for module in rest:
            x = module(x)
        return x


def _deepcopy(module: Any, memo: dict[int, Any]) -> Any:
    """A copy of a module whose class refuses pickling, and with it ``copy.deepcopy``."""
    if id(module) in memo:
        return memo[id(module)]
    copy = memo[id(module)] = module.__new__(type(module))
    copy.__setstate__(deepcopy(Module.__getstate__(module), memo))
    return copy


def _refuse(module: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _property(name: str) -> property:
    def read(module: Any) -> Any:
        own = module.parametrizations[name]
        if not _cache.depth:
            return own()
        key = (id(module), name)
        if key not in _cache.found:
            _cache.found[key] = own()
        return _cache.found[key]

    def write(module: Any, value: Any) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(read, write)


def _check_another(module: Any, name: str, parametrization: Any) -> None:
    """Raise torch's sentences unless a further parametrisation keeps dtype and shape."""
    before = getattr(module, name)
    after = parametrization(before)
    _must_be_tensor(after)
    for kind in ("dtype", "shape"):
        _same(
            kind, "", _MAY_NOT_THE,
            (f"module.{name}.{kind}", before), (f"parametrization(module.{name}).{kind}", after),
        )  # fmt: skip
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(
            f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}"
        )
    for kind in ("dtype", "shape"):
        sentence = _BACK.format(name=name)
        _same(kind, "", sentence, (f"module.{name}.{kind}", before), (f"returned {kind}", back))


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Have ``module.tensor_name`` be ``parametrization(original)`` from now on.

    The original is ``module.parametrizations.tensor_name.original``, which is trained. Assigning to
    the name works if the parametrisation has a ``right_inverse``. Raises ValueError, with torch's
    sentences, where dtype or shape would change, unless ``unsafe``.

    >>> import tatamu
    >>> from tatamu import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x + x.t()
    >>> layer = register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    >>> (layer.weight == layer.weight.t()).tolist()
    [[True, True], [True, True]]
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_another(module, tensor_name, parametrization)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        own = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        kind = type(module)
        if not is_parametrized(module):
            path = f"{naming.prefix}.nn.utils.parametrize"
            entries: dict[str, Any] = {"__getstate__": _refuse, "__module__": path}
            if not hasattr(kind, "__deepcopy__"):
                entries["__deepcopy__"] = _deepcopy
            own_kind: Any = type(f"Parametrized{kind.__name__}", (kind,), entries)
            module.__class__ = own_kind
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _property(tensor_name))
        module.parametrizations[tensor_name] = own
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module, or this tensor of it, is parametrised."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """A plain tensor again: the parametrised one, or the original.

    Raises ValueError if it is not parametrised, or if there is no one original to leave.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    own = module.parametrizations[tensor_name]
    value = getattr(module, tensor_name)
    if own.is_tensor:
        original = own.original
        if leave_parametrized:
            original.data = value.data
    elif leave_parametrized:
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _enter(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type_before(module)
    return module


def type_before(module: Any) -> Any:
    """The class that a parametrised class was made from."""
    return type(module).__bases__[0]


def type_before_parametrizations(module: Any) -> Any:
    """The class of a module, or the one it had before it was parametrised."""
    return type_before(module) if is_parametrized(module) else type(module)
