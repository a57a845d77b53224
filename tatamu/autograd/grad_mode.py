"""Whether operations record a graph: blocks and decorators, each thread for itself."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any, ParamSpec, Self, TypeVar

from tatamu.naming import known_as
from tatamu.ops.array import Array, local
from tatamu.runtime.storage import mode as storage_mode

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]

P = ParamSpec("P")
R = TypeVar("R")


class _Mode:
    """A context manager, also a decorator of functions and generators, that restores the mode."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.before.append((local.grad, storage_mode.inference))
        self._set()

    def _set(self) -> None:
        local.grad = self.mode

    def __exit__(self, *error: object) -> None:
        local.grad, storage_mode.inference = self.before.pop()

    def clone(self) -> Self:
        """The same mode, not yet entered."""
        return type(self)(self.mode)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function):
            stepped: Any = functools.partial(_stepped, self, function)
            return functools.wraps(function)(stepped)

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.clone():
                return function(*args, **kwargs)

        return wrapper


def _stepped(
    mode: _Mode, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Generator[Any, Any, Any]:
    """A generator whose own steps run in a mode, while its caller's do not."""
    generator = function(*args, **kwargs)
    step: Callable[[], Any] = functools.partial(generator.send, None)
    while True:
        try:
            with mode.clone():
                value = step()
        except StopIteration as end:
            return end.value
        try:
            step = functools.partial(generator.send, (yield value))
        except GeneratorExit:
            with mode.clone():
                generator.close()
            raise
        except BaseException as error:  # whatever is thrown into this one, the inner one gets
            step = functools.partial(generator.throw, error)


class _Fixed(_Mode):
    """A mode that also decorates without being called: ``@no_grad``."""

    wanted = True

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if function is None else cls()(function)

    def __init__(self) -> None:
        super().__init__(self.wanted)

    def clone(self) -> Self:
        return type(self)()


@known_as("autograd.grad_mode.no_grad")
class no_grad(_Fixed):
    """Record no graph in this thread: ``with no_grad():`` or ``@no_grad()``.

    >>> import tatamu
    >>> x = tatamu.ones(2, requires_grad=True)
    >>> with tatamu.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    wanted = False


@known_as("autograd.grad_mode.enable_grad")
class enable_grad(_Fixed):
    """Record a graph again inside a ``no_grad`` block."""

    wanted = True


@known_as("autograd.grad_mode.set_grad_enabled")
class set_grad_enabled(_Mode):
    """Record a graph or not, in this thread, until the block ends; without a block, from now on.

    >>> import tatamu
    >>> with tatamu.set_grad_enabled(False):
    ...     tatamu.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self.outside = (local.grad, storage_mode.inference)
        self._set()

    def __enter__(self) -> None:
        self.before.append(self.outside)
        self._set()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        local.grad = self.outside[0]
        return super().__call__(function)


@known_as("autograd.grad_mode.inference_mode")
class inference_mode(_Mode):
    """Record no graph, and make tensors that never enter one. RuntimeError where they would.

    >>> import tatamu
    >>> with tatamu.inference_mode():
    ...     y = tatamu.ones(2)
    >>> y.is_inference()
    True
    """

    def __new__(cls, mode: Any = True) -> Any:
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(mode)

    def _set(self) -> None:
        local.grad = not self.mode
        storage_mode.inference = self.mode


def is_grad_enabled() -> bool:
    """Whether operations of this thread record a graph."""
    return local.grad


def is_inference(input: Array) -> bool:
    """Whether a tensor was made in inference mode."""
    return input.storage.inference


def is_inference_mode_enabled() -> bool:
    """Whether this thread makes tensors for inference alone."""
    return storage_mode.inference
