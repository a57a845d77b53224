"""Module: a tree of layers that finds its parameters among its attributes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from tatamu import naming
from tatamu.nn import located
from tatamu.nn.conversion import Conversion
from tatamu.nn.hooks import HookedCall, Hooks, RemovableHandle, checked_in, everywhere, registered
from tatamu.nn.members import Members, changes, typename
from tatamu.nn.parameter import Buffer, Parameter, UninitializedBuffer
from tatamu.nn.state import IncompatibleKeys, State
from tatamu.nn.tree import Tree
from tatamu.tensor import Tensor

__all__ = ["IncompatibleKeys", "Module"]

_MEMBERS = ("_parameters", "_buffers", "_modules")
_HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Module(Tree, State, Conversion):
    """The base of every layer: give it parameters and modules as attributes, and a ``forward``.

    Attributes live where Python keeps them; torch's dictionaries ``_parameters``, ``_buffers`` and
    ``_modules`` stand beside, so reaching one costs no more than reaching any attribute.

    >>> import tatamu
    >>> class Double(Module):
    ...     def forward(self, x):
    ...         return x * 2
    >>> Double()(tatamu.ones(2))
    tensor([2., 2.])
    """

    training: bool
    call_super_init = False
    _is_full_backward_hook: bool | None
    _backward_pre_hooks: Hooks
    _backward_hooks: Hooks
    _forward_hooks: Hooks
    _forward_hooks_with_kwargs: Hooks
    _forward_hooks_always_called: Hooks
    _forward_pre_hooks: Hooks
    _forward_pre_hooks_with_kwargs: Hooks

    def __init__(self, *args: Any, **options: Any) -> None:
        if not self.call_super_init:
            own = f"{type(self).__name__}.__init__()"
            if options:
                first = next(iter(options))
                raise TypeError(f"{own} got an unexpected keyword argument '{first}'")
            if args:
                raise TypeError(f"{own} takes 1 positional argument but {len(args) + 1} were given")
        self._begin()
        if self.call_super_init:
            super().__init__(*args, **options)

    def _begin(self) -> None:
        attributes: dict[str, Any] = {"training": True, "_is_full_backward_hook": None}
        attributes["_non_persistent_buffers_set"] = set()
        attributes.update((name, Members(self)) for name in _MEMBERS)
        attributes.update((name, OrderedDict()) for name in _HOOKS)
        self.__dict__.update(attributes)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; every subclass has its own."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        try:
            if (
                self._forward_hooks
                or self._forward_pre_hooks
                or self._backward_hooks
                or self._backward_pre_hooks
                or everywhere.hooked
            ):
                return HookedCall(self, inputs, options).run()
            return self.forward(*inputs, **options)
        except located.KINDS as error:
            located.locate(error, self)
            raise
        except AttributeError as error:
            located.hint(error)
            raise

    # ---- hooks ----

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, inputs, output)`` after forward; a result replaces the output.

        ``with_kwargs`` gives the hook the keyword arguments too, before the output;
        ``always_call`` calls it even if forward fails; ``prepend`` before the other hooks.

        >>> import tatamu
        >>> layer = Module()
        >>> layer.forward = lambda x: x
        >>> handle = layer.register_forward_hook(lambda module, inputs, output: output * 10)
        >>> layer(tatamu.ones(1))
        tensor([10.])
        >>> handle.remove()
        """
        marks = (
            (self._forward_hooks_with_kwargs, with_kwargs),
            (self._forward_hooks_always_called, always_call),
        )
        return registered(self._forward_hooks, hook, prepend, marks)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, inputs)`` before forward; a result replaces the inputs."""
        marks = ((self._forward_pre_hooks_with_kwargs, with_kwargs),)
        return registered(self._forward_pre_hooks, hook, prepend, marks)

    def _say_which(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = full

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the inputs' gradients are known.

        A result replaces ``grad_input``.
        """
        self._say_which(True)
        return registered(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The older form, which sees the last operation of forward alone."""
        self._say_which(False)
        return registered(self._backward_hooks, hook)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the backward pass of this module.

        A result replaces ``grad_output``.
        """
        return registered(self._backward_pre_hooks, hook, prepend)

    # ---- attributes ----

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A class with __getattr__ reads every attribute more slowly, so Module itself gets one only
        # when a subclass has, and may want to ask it.
        if "__getattr__" in cls.__dict__ and not hasattr(Module, "__getattr__"):
            Module.__getattr__ = _missing  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if "_modules" not in own:
            if isinstance(value, (Parameter, Module)):
                kind = "module" if isinstance(value, Module) else "parameters"
                raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
            object.__setattr__(self, name, value)
            return
        self._mend()
        if isinstance(value, Parameter):
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
            return
        elif name in self._parameters:
            if value is not None:
                self._misfit(name, value, "parameter", "nn.Parameter")
            self._parameters[name] = None
            return
        elif isinstance(value, Module) or name in self._modules:
            if isinstance(value, Module):
                self._forget(name, "_modules")
            elif value is not None:
                self._misfit(name, value, "child module", "nn.Module")
            self._modules[name] = checked_in(everywhere.modules, self, name, value)
            return
        elif isinstance(value, (Buffer, UninitializedBuffer)) or name in self._buffers:
            if value is not None and not isinstance(value, Tensor):
                self._misfit(name, value, "buffer", "nn.Buffer", "Tensor")
            kept = name not in self._non_persistent_buffers_set
            self.register_buffer(name, value, getattr(value, "persistent", kept))
            return
        elif name in _MEMBERS:
            members = own[name]
            entries = dict(value)
            members.clear()
            members.update(entries)
            return
        object.__setattr__(self, name, value)

    def _mend(self) -> None:
        """Make the dictionaries write to the attributes again, where a subclass has restored its
        ``__dict__`` by itself and left them plain."""
        own = self.__dict__
        if type(own["_modules"]) is Members:
            return
        for kind in _MEMBERS:
            entries, own[kind] = own[kind], Members(self)
            own[kind].update(entries)

    def _misfit(self, name: str, value: Any, kind: str, *wanted: str) -> None:
        listed = ", ".join(f"{naming.prefix}.{one}" for one in wanted)
        raise TypeError(
            f"cannot assign '{typename(value)}' as {kind} '{name}' ({listed} or None expected)"
        )

    def _forget(self, name: str, kept: str) -> None:
        """Drop what the name stood for, unless it was something of the same kind."""
        if name in self.__dict__ and name not in self.__dict__[kept]:
            for members in _MEMBERS:
                self.__dict__[members].pop(name, None)
            self._non_persistent_buffers_set.discard(name)
            self.__dict__.pop(name, None)

    def __delattr__(self, name: str) -> None:
        for members in _MEMBERS:
            if name in self.__dict__[members]:
                del self.__dict__[members][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        return sorted(name for name in names if not name[0].isdigit())

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        for members in _MEMBERS:
            for name in state[members]:
                state.pop(name, None)
            state[members] = dict(state[members])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._begin()
        for name, value in state.items():
            if name in _MEMBERS:
                self.__dict__[name].update(value)
            else:
                self.__dict__[name] = value

    def _check_name(self, name: Any, kind: str, known: dict[str, Any], got: str = "") -> None:
        """Raise torch's sentence for a name that cannot be given."""
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if not name:
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in known:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps the name for one that is not there.

        Raises KeyError for a name that is taken or cannot be one, TypeError for what is no
        Parameter.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._mend()
        self._check_name(name, "parameter", self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    f"({naming.prefix}.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must "
                    f"be created explicitly. To express '{name}' as a function of another Tensor, "
                    "compute the value in the forward() method."
                )
            param = checked_in(everywhere.parameters, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; ``persistent`` ones are saved.

        Raises KeyError for a name that is taken or cannot be one, TypeError for what is no tensor.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._mend()
        self._check_name(name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                f"({naming.prefix} Tensor or None required)"
            )
        self._buffers[name] = checked_in(everywhere.buffers, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child. TypeError for what is no module, KeyError for a name that is taken."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._mend()
        self._check_name(name, "module", self._modules, f", got: {name}")
        self._modules[name] = checked_in(everywhere.modules, self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as ``add_module``."""
        self.add_module(name, module)

    # ---- modes ----

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call ``fn`` on every module, children first."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Training behaviour on or off, for all modules. ValueError for what is no bool."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        changes.count += 1
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Training behaviour off."""
        return self.train(False)

    # ---- text ----

    def extra_repr(self) -> str:
        """What stands in the module's own brackets."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        alone = len(lines) == 1 and not self._modules
        lines += [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        if alone or not lines:
            return f"{self._get_name()}({''.join(lines)})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


def _missing(self: Module, name: str) -> Any:
    raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


def indented(text: str) -> str:
    """All lines but the first moved by two; empty ones stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])
