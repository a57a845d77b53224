"""Hooks: functions that run before and after a module, or when its gradients are known."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tatamu.naming import known_as
from tatamu.ops.hooks import RemovableHandle

if TYPE_CHECKING:
    from tatamu.nn.module import Module

__all__ = [
    "Bound",
    "RemovableHandle",
    "everywhere",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
    "registered",
]

Hooks = OrderedDict[int, Any]
_MARK: Any = True


@known_as("utils.hooks.RemovableHandle")
class MarkedHandle(RemovableHandle):
    """A handle of a hook that has marks in other dictionaries, which go with it."""

    __slots__ = ("marks",)

    def __init__(self, hooks: Hooks, hook: Any, first: bool, marks: list[Hooks]) -> None:
        super().__init__(hooks, hook, first=first)
        self.marks = [weakref.ref(mark) for mark in marks]

    def remove(self) -> None:
        """Take the hook off; nothing happens the second time."""
        super().remove()
        for place in self.marks:
            mark = place()
            if mark is not None:
                mark.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.id, self.hooks(), [place() for place in self.marks]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.id, hooks, marks = state
        self.hooks = weakref.ref(hooks)
        self.marks = [weakref.ref(mark) for mark in marks]


def registered(
    hooks: Hooks, hook: Any, prepend: bool = False, marks: tuple[tuple[Hooks, bool], ...] = ()
) -> RemovableHandle:
    """Enter a hook, first or last, and in those dictionaries of marks that are asked for."""
    handle = MarkedHandle(hooks, hook, prepend, [mark for mark, _ in marks])
    for mark, wanted in marks:
        if wanted:
            mark[handle.id] = _MARK
    return handle


class Bound:
    """A hook that is given a module first, without keeping the module alive."""

    def __init__(self, hook: Callable[..., Any], module: Module) -> None:
        self.hook = hook
        self.module = weakref.ref(module)

    def __call__(self, *args: Any, **options: Any) -> Any:
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **options)

    def __getstate__(self) -> dict[str, Any]:
        return {"hook": self.hook, "module": self.module()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.hook = state["hook"]
        self.module = weakref.ref(state["module"])


class Everywhere:
    """The hooks of all modules; ``hooked`` is set when one is entered, and lazily taken back."""

    def __init__(self) -> None:
        self.hooked = False
        self.forward: Hooks = OrderedDict()
        self.forward_with_kwargs: Hooks = OrderedDict()
        self.forward_always: Hooks = OrderedDict()
        self.forward_pre: Hooks = OrderedDict()
        self.backward: Hooks = OrderedDict()
        self.backward_pre: Hooks = OrderedDict()
        self.backward_full: bool | None = None
        self.buffers: Hooks = OrderedDict()
        self.parameters: Hooks = OrderedDict()
        self.modules: Hooks = OrderedDict()

    def look(self) -> None:
        """See whether calls of all modules have a hook."""
        self.hooked = bool(self.forward or self.forward_pre or self.backward or self.backward_pre)


everywhere = Everywhere()


def checked_in(hooks: Hooks, owner: Any, name: str, value: Any) -> Any:
    """What hooks of registration make of a value."""
    for hook in hooks.values():
        changed = hook(owner, name, value)
        value = value if changed is None else changed
    return value


def _entered(hooks: Hooks, hook: Any, marks: Any = ()) -> RemovableHandle:
    everywhere.hooked = True
    return registered(hooks, hook, marks=marks)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, inputs, output)`` after the forward of every module there is."""
    marks = (
        (everywhere.forward_with_kwargs, with_kwargs),
        (everywhere.forward_always, always_call),
    )
    return _entered(everywhere.forward, hook, marks)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, inputs)`` before the forward of every module there is."""
    return _entered(everywhere.forward_pre, hook)


def _say_which(full: bool) -> None:
    if everywhere.backward_full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. Please use only one of them."
        )
    everywhere.backward_full = full


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` in the backward pass of every module."""
    _say_which(True)
    return _entered(everywhere.backward, hook)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """The older form, which sees the last operation of each module."""
    _say_which(False)
    return _entered(everywhere.backward, hook)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the gradients of every module's inputs."""
    return _entered(everywhere.backward_pre, hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` for every buffer a module is given."""
    return registered(everywhere.buffers, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` for every parameter a module is given."""
    return registered(everywhere.parameters, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` for every module a module is given."""
    return registered(everywhere.modules, hook)


class HookedCall:
    """One call of a module that has hooks."""

    def __init__(self, module: Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.options = options
        self.result: Any = None
        self.called: set[int] = set()

    def run(self) -> Any:
        """Hooks, forward, hooks; after an error those hooks that are always called."""
        if everywhere.hooked:
            everywhere.look()
        try:
            return self._run()
        except Exception:
            self._always()
            raise

    def _run(self) -> Any:
        module = self.module
        self._before()
        watch = None
        if (
            module._backward_hooks
            or module._backward_pre_hooks
            or everywhere.backward
            or everywhere.backward_pre
        ):
            from tatamu.nn.backward_hooks import Watch

            watch = Watch(module)
            self.args = watch.inputs(self.args)
        self.result = module.forward(*self.args, **self.options)
        hooks = (*everywhere.forward.items(), *module._forward_hooks.items())
        for key, hook in hooks:
            self.called.add(key)
            changed = self._after(key, hook)
            if changed is not None:
                self.result = changed
        if watch is not None:
            self.result = watch.outputs(self.args, self.result)
        return self.result

    def _before(self) -> None:
        module = self.module
        for key, hook in (*everywhere.forward_pre.items(), *module._forward_pre_hooks.items()):
            if key in module._forward_pre_hooks_with_kwargs:
                changed = hook(module, self.args, self.options)
                if changed is None:
                    continue
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {changed}."
                    )
                self.args, self.options = changed
                continue
            changed = hook(module, self.args)
            if changed is not None:
                self.args = changed if isinstance(changed, tuple) else (changed,)

    def _after(self, key: int, hook: Callable[..., Any]) -> Any:
        module = self.module
        if key in module._forward_hooks_with_kwargs or key in everywhere.forward_with_kwargs:
            return hook(module, self.args, self.options, self.result)
        return hook(module, self.args, self.result)

    def _always(self) -> None:
        module = self.module
        for kind, hooks, marks in (
            ("global module", everywhere.forward, everywhere.forward_always),
            ("module", module._forward_hooks, module._forward_hooks_always_called),
        ):
            for key, hook in hooks.items():
                if key not in marks or key in self.called:
                    continue
                try:
                    changed = self._after(key, hook)
                    self.result = self.result if changed is None else changed
                except Exception as error:
                    warnings.warn(
                        f"{kind} forward hook with ``always_call=True`` raised an exception that "
                        f"was silenced as another error was raised in forward: {error}",
                        stacklevel=2,
                    )
