"""Module: a tree of layers that finds its parameters among its attributes."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from tatamu import dtypes
from tatamu.autograd import no_grad
from tatamu.nn import located
from tatamu.nn.parameter import Parameter
from tatamu.tensor import Tensor

__all__ = ["Module"]


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` did not find, and did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class Handle:
    """Takes a hook away again: ``handle.remove()``."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks = hooks
        self._key = key

    def remove(self) -> None:
        """Take the hook away; doing so twice is no error."""
        self._hooks.pop(self._key, None)


_keys = itertools.count()


class Module:
    """The base of every layer: give it parameters and modules as attributes, and a ``forward``.

    Attributes live where Python keeps them; the module only notes which names are parameters,
    buffers and modules, so that reaching one costs no more than reaching any attribute.

    >>> import tatamu
    >>> class Double(Module):
    ...     def forward(self, x):
    ...         return x * 2
    >>> Double()(tatamu.ones(2))
    tensor([2., 2.])
    """

    training: bool
    _parameter_names: dict[str, None]
    _buffer_names: dict[str, bool]
    _module_names: dict[str, None]
    _forward_hooks: dict[int, Callable[..., Any]]
    _forward_pre_hooks: dict[int, Callable[..., Any]]

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameter_names={},
            _buffer_names={},
            _module_names={},
            _forward_hooks={},
            _forward_pre_hooks={},
        )

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; every subclass has its own."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        try:
            if not self._forward_hooks and not self._forward_pre_hooks:
                return self.forward(*inputs, **options)
            return self._call_with_hooks(inputs, options)
        except located.KINDS as error:
            located.locate(error, self)
            raise

    def _call_with_hooks(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        for before in tuple(self._forward_pre_hooks.values()):
            changed = before(self, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*inputs, **options)
        for after in tuple(self._forward_hooks.values()):
            changed = after(self, inputs, output)
            if changed is not None:
                output = changed
        return output

    def register_forward_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(module, inputs, output)`` after forward; a result replaces the output."""
        key = next(_keys)
        self._forward_hooks[key] = hook
        return Handle(self._forward_hooks, key)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(module, inputs)`` before forward; a result replaces the inputs."""
        key = next(_keys)
        self._forward_pre_hooks[key] = hook
        return Handle(self._forward_pre_hooks, key)

    # ---- attributes ----

    def __setattr__(self, name: str, value: Any) -> None:
        if "_module_names" not in self.__dict__:
            if isinstance(value, (Parameter, Module)):
                kind = "module" if isinstance(value, Module) else "parameters"
                raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        elif isinstance(value, Parameter):
            self._enter(name, self._parameter_names)
        elif isinstance(value, Module):
            self._enter(name, self._module_names)
        elif value is not None and name in self._parameter_names:
            raise TypeError(
                f"cannot assign '{type(value).__name__}' as parameter '{name}' "
                "(tatamu.nn.Parameter or None expected)"
            )
        elif value is not None and name in self._module_names:
            raise TypeError(
                f"cannot assign '{type(value).__name__}' as child module '{name}' "
                "(tatamu.nn.Module or None expected)"
            )
        object.__setattr__(self, name, value)

    def _enter(self, name: str, kind: dict[str, None]) -> None:
        """Note what a name stands for now; one that stood for the same keeps its place."""
        for names in (self._parameter_names, self._buffer_names, self._module_names):
            if names is not kind:
                names.pop(name, None)
        kind[name] = None

    def __delattr__(self, name: str) -> None:
        for names in (self._parameter_names, self._buffer_names, self._module_names):
            names.pop(name, None)
        object.__delattr__(self, name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps the name for one that is not there."""
        setattr(self, name, param)
        self._parameter_names[name] = None

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; ``persistent`` ones are saved."""
        if hasattr(self, name) and name not in self._buffer_names:
            raise KeyError(f"attribute '{name}' already exists")
        object.__setattr__(self, name, tensor)
        self._buffer_names[name] = persistent

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child. TypeError for what is no module, KeyError for a name that is taken."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        if hasattr(self, name) and name not in self._module_names:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if not name:
            raise KeyError('module name can\'t be empty string ""')
        setattr(self, name, module)
        self._module_names[name] = None

    register_module = add_module

    # ---- walking the tree ----

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Names and modules directly below."""
        for name in self._module_names:
            module = self.__dict__[name]
            if module is not None:
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = ""
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below, each once, with dotted names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        memo.add(self)
        yield prefix, self
        for name, module in self.named_children():
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """This module and all below, each once."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name. AttributeError if there is none."""
        module = self
        for part in target.split(".") if target else ():
            if part not in module._module_names:
                raise AttributeError(f"{type(module).__name__} has no attribute `{part}`")
            module = module.__dict__[part]
        return module

    def _named_tensors(
        self, lists: str, prefix: str, recurse: bool
    ) -> Iterator[tuple[str, Any, str, Module]]:
        """(dotted name, tensor, own name, owner) of every parameter or buffer, each once."""
        seen: set[int] = set()
        owners = self.named_modules(prefix=prefix) if recurse else iter([(prefix, self)])
        for path, module in owners:
            for name in getattr(module, lists):
                tensor = module.__dict__[name]
                if tensor is not None and id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield f"{path}.{name}" if path else name, tensor, name, module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, with its dotted name."""
        for path, tensor, _, _ in self._named_tensors("_parameter_names", prefix, recurse):
            yield path, tensor

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter once."""
        return (tensor for _, tensor in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Every buffer once, with its dotted name."""
        for path, tensor, _, _ in self._named_tensors("_buffer_names", prefix, recurse):
            yield path, tensor

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer once."""
        return (tensor for _, tensor in self.named_buffers(recurse=recurse))

    def apply(self, function: Callable[[Module], object]) -> Self:
        """Call ``function`` on every module, children first."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    # ---- modes ----

    def train(self, mode: bool = True) -> Self:
        """Training behaviour on or off, for all modules."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Training behaviour off."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients of every parameter, or stop asking."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients, or fill them with zeros."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                parameter.grad = parameter.grad.detach().zero_()

    def to(self, target: Any = None, **options: Any) -> Self:
        """Parameters and buffers in another dtype or memory order, in place."""
        targets = () if target is None else (target,)
        for tensor in itertools.chain(self.parameters(), self.buffers()):
            if tensor.dtype.is_floating_point:
                with no_grad():
                    moved = tensor.detach().to(*targets, **options)
                tensor.dtype = moved.dtype
                tensor.data = moved
        return self

    def float(self) -> Self:
        """Parameters as float32."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Parameters as float64."""
        return self.to(dtypes.float64)

    def half(self) -> Self:
        """Parameters as float16."""
        return self.to(dtypes.float16)

    def cpu(self) -> Self:
        """The module itself: there is no other device."""
        return self

    # ---- state ----

    def state_dict(self, prefix: str = "") -> OrderedDict[str, Tensor]:
        """Parameters and persistent buffers by dotted name, sharing their memory."""
        state: OrderedDict[str, Tensor] = OrderedDict()
        for path, module in self.named_modules_repeated(prefix.rstrip(".")):
            names = [*module._parameter_names]
            names += [name for name, persistent in module._buffer_names.items() if persistent]
            for name in names:
                tensor = module.__dict__[name]
                if tensor is not None:
                    state[f"{path}.{name}" if path else name] = tensor.detach()
        return state

    def named_modules_repeated(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """As ``named_modules``, but a module that is shared comes under each of its names."""
        yield prefix, self
        for name, module in self.named_children():
            yield from module.named_modules_repeated(f"{prefix}.{name}" if prefix else name)

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy tensors into parameters and buffers by name.

        Raises RuntimeError, listing every problem as torch does, for shapes that differ and, if
        ``strict``, for names that are missing or not known.
        """
        own = self.state_dict()
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        problems = []
        if strict and unexpected:
            listed = ", ".join(f'"{name}"' for name in unexpected)
            problems.append(f"Unexpected key(s) in state_dict: {listed}. ")
        if strict and missing:
            listed = ", ".join(f'"{name}"' for name in missing)
            problems.append(f"Missing key(s) in state_dict: {listed}. ")
        for name, target in own.items():
            if name in state_dict and state_dict[name].shape != target.shape:
                problems.append(
                    f"size mismatch for {name}: copying a param with shape "
                    f"{state_dict[name].shape} from checkpoint, the shape in current model is "
                    f"{target.shape}."
                )
        if problems:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                + "\n\t".join(problems)
            )
        with no_grad():
            for name, target in own.items():
                if name in state_dict:
                    target.copy_(state_dict[name])
        return IncompatibleKeys(missing, unexpected)

    # ---- text ----

    def extra_repr(self) -> str:
        """What stands in the module's own brackets."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        head = extra.split("\n") if extra else []
        lines = []
        for name in self._module_names:
            text = repr(self.__dict__[name]).replace("\n", "\n  ")
            lines.append(f"({name}): {text}")
        if len(head) == 1 and not lines:
            return f"{self._get_name()}({head[0]})"
        if not head and not lines:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(head + lines) + "\n)"
