"""Who ran what: the operations of a thread, told apart by the layers and functions that ran them.

A layer's call is known by a wrapper around ``Module.__call__``, a function's by the frames between
the operation and the user's code; both are fed by `tatamu.ops.watching`, and nothing that is
computed changes. Whoever records says what becomes of each call; see `Watcher`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from tatamu.nn import Module
    from tatamu.ops import Event

__all__ = [
    "PACKAGE",
    "Watcher",
    "first_tensor",
    "is_layer",
    "main_event",
    "split",
    "watching_calls",
]

PACKAGE = str(Path(__file__).parents[1]) + os.sep

R = TypeVar("R")


class Watcher(Generic[R]):
    """Hears of the calls of layers and functions of the thread that it was started in.

    Subclasses say what becomes of them; an R is what they keep of one call, None of a call that is
    not to be kept.
    """

    # ---- what subclasses decide ----

    def enter_module(self, module: Module, inputs: tuple[Any, ...], frame: FrameType) -> R | None:
        """A layer is called by ``frame``."""
        raise NotImplementedError

    def enter_function(
        self, event: Event, user: FrameType | None, own: Sequence[FrameType]
    ) -> R | None:
        """A function is called outside every layer; ``event`` is its first operation.

        ``user`` is the innermost frame that is not tatamu's, ``own`` those inside it.
        """
        raise NotImplementedError

    def operation(self, call: R, event: Event) -> None:
        """An operation of a call has run."""
        raise NotImplementedError

    def leave_module(self, call: R, module: Module, output: Any) -> None:
        """A layer has given its output."""
        raise NotImplementedError

    def counts(self, module: Module) -> bool:
        """Whether a module's call is one, with all that runs inside."""
        return is_layer(module)

    def split(self, frame: FrameType | None) -> tuple[FrameType | None, list[FrameType]]:
        """The innermost frame of the user's code, and tatamu's own inside it, innermost first."""
        return split(frame)

    # ---- what is heard ----

    def __init__(self, thread: int | None = None) -> None:
        """Hear of one thread's layers, or of every thread's. Operations are of this one."""
        self.local = Local()
        self.thread = thread

    def hear(self, call: Callable[..., Any], module: Module, *inputs: Any, **options: Any) -> Any:
        """``Module.__call__``, told of if it is a layer's."""
        local = self.local
        if local.layer is not None or self.thread not in (None, threading.get_ident()):
            return call(module, *inputs, **options)
        if not self.counts(module):
            local.modules = (*local.modules, module)
            try:
                return call(module, *inputs, **options)
            finally:
                local.modules = local.modules[:-1]
        local.pending = None
        record = self.enter_module(module, inputs, sys._getframe(1))
        local.layer = Inside(record)
        try:
            output = call(module, *inputs, **options)
        finally:
            local.layer = None
        if record is not None:
            self.leave_module(record, module, output)
        return output

    def on_event(self, event: Event) -> None:
        """Hear of an operation."""
        local = self.local
        if local.layer is not None:
            if local.layer.call is not None:
                self.operation(local.layer.call, event)
            return
        user, own = self.split(sys._getframe(1))
        outermost = own[-1] if own else None
        pending = local.pending
        if pending is None or pending.frame is not outermost:
            pending = local.pending = Inside(self.enter_function(event, user, own), outermost)
        if pending.call is not None:
            self.operation(pending.call, event)


class Inside(Generic[R]):
    """The call that operations belong to now; of a function, its outermost frame."""

    def __init__(self, call: R | None, frame: FrameType | None = None) -> None:
        self.call = call
        self.frame = frame


class Local(threading.local):
    """What runs in each thread: the layer, or the function, and the modules around them."""

    layer: Inside[Any] | None = None
    pending: Inside[Any] | None = None
    modules: tuple[Any, ...] = ()


class Told:
    """Who is to be told of calls of modules now, and ``Module.__call__`` as it is otherwise."""

    def __init__(self) -> None:
        self.watchers: tuple[Watcher[Any], ...] = ()
        self.lock = threading.Lock()
        self.plain: Callable[..., Any] | None = None

    def start(self, watcher: Watcher[Any]) -> None:
        from tatamu.nn import Module

        with self.lock:
            if not self.watchers:
                self.plain = Module.__call__
                Module.__call__ = _told  # type: ignore[method-assign, assignment]
            self.watchers = (*self.watchers, watcher)

    def stop(self, watcher: Watcher[Any]) -> None:
        from tatamu.nn import Module

        with self.lock:
            self.watchers = tuple(other for other in self.watchers if other is not watcher)
            if not self.watchers and self.plain is not None:
                Module.__call__ = self.plain  # type: ignore[method-assign]


_telling = Told()


def _told(module: Module, *inputs: Any, **options: Any) -> Any:
    call = _telling.plain
    assert call is not None
    for watcher in _telling.watchers:
        call = partial(watcher.hear, call)
    return call(module, *inputs, **options)


@contextmanager
def watching_calls(watcher: Watcher[Any]) -> Iterator[None]:
    """Tell ``watcher`` of the layers and functions that are called inside."""
    from tatamu.ops import watching

    _telling.start(watcher)
    try:
        with watching(watcher.on_event):
            yield
    finally:
        _telling.stop(watcher)


def is_layer(module: Module) -> bool:
    """Whether a module is one of tatamu's own layers, and not a box around others."""
    where = getattr(type(module).forward, "__module__", "")
    return where.startswith("tatamu.nn.") and not where.startswith(
        ("tatamu.nn.containers", "tatamu.nn.module")
    )


def split(frame: FrameType | None) -> tuple[FrameType | None, list[FrameType]]:
    """The innermost frame of the script, and tatamu's own frames inside it, innermost first."""
    own: list[FrameType] = []
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        own.append(frame)
        frame = frame.f_back
    return frame, own


def first_tensor(values: Any) -> Any:
    """The first tensor of a call's inputs or outputs; None where there is none."""
    from tatamu import Tensor

    if isinstance(values, Tensor):
        return values
    for value in values if isinstance(values, (tuple, list)) else ():
        if isinstance(value, Tensor):
            return value
    return None


def main_event(events: Sequence[Event], layer: str) -> Event | None:
    """The op that gave the layer its name, else the last: a layer may pad before it convolves."""
    named = [e for e in events if e.op.name.replace("_", "") == layer.lower()]
    found: list[Event] = named or list(events)
    return found[-1] if found else None
