"""Optimizer: parameter groups, state, and the one way in which every rule is applied.

A rule is a method ``_update(group, memory, w, g)`` on NumPy arrays: the weights ``w``, which it
overwrites, their gradient ``g``, and what it remembers of earlier steps by name in ``memory``. What
it puts there for the first time is kept as tensors in ``optimizer.state[parameter]``. (Elementwise
rules, which most are, are said in another way: see ``ruled``.)
"""

from __future__ import annotations

import copy
import functools
import itertools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from tatamu.autograd import enable_grad, no_grad
from tatamu.dtypes import float32, narrow, widen
from tatamu.nn.members import typename
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.ops.hooks import RemovableHandle
from tatamu.ops.inplace import check_writable
from tatamu.pitfalls import hint
from tatamu.tensor import Tensor

__all__ = ["Optimizer", "check_options", "number", "overwrite", "zero"]

Closure = Callable[[], Any]


def number(value: Any) -> Any:
    """A tensor of one element as a Python number; a number as it is."""
    return value.item() if isinstance(value, (Tensor, np.generic)) else value


def zero() -> Numpy:
    """How many steps there were, before the first."""
    return np.zeros((), np.float32)


def check_options(lr: Any, betas: Any = None, **options: float) -> None:
    """ValueError with torch's sentences for numbers below 0 and betas outside [0, 1)."""
    if isinstance(lr, Array) and lr.shape.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0:
        raise ValueError(f"Invalid learning rate: {lr}\n  it must be 0 or more")
    first = {"eps": "epsilon"}
    if "eps" in options and not options["eps"] >= 0:
        raise ValueError(f"Invalid epsilon value: {options['eps']}\n  it must be 0 or more")
    for index, beta in enumerate(betas or ()):
        if not 0 <= beta < 1:
            raise ValueError(
                f"Invalid beta parameter at index {index}: {beta}\n  it must be from [0, 1)"
            )
    for name, value in options.items():
        if not value >= 0:
            raise ValueError(
                f"Invalid {first.get(name, name)} value: {value}\n  it must be 0 or more"
            )


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` between the hooks that were registered for it."""

    @functools.wraps(step)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for before in list(self._step_pre_hooks.values()):
            changed = before(self, args, kwargs)
            if changed is None:
                continue
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                    f"{changed}."
                )
            args, kwargs = changed
        out = step(self, *args, **kwargs)
        for after in list(self._step_post_hooks.values()):
            after(self, args, kwargs)
        return out

    return wrapper


_HOOKS = (
    "_step_pre_hooks", "_step_post_hooks", "_state_dict_pre_hooks", "_state_dict_post_hooks",
    "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip


def _registers(name: str, what: str) -> Any:
    def register(self: Any, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        return RemovableHandle(getattr(self, name), hook, first=prepend)

    register.__doc__ = f"Call ``hook`` {what}; gives a handle that takes it away again."
    return register


class Optimizer:
    """The base of all optimizers: give ``__init__`` the parameters, or dicts of them with options.

    Raises ValueError for no parameters and for one that is in two groups, TypeError for what is no
    tensor.

    >>> import tatamu
    >>> w = tatamu.tensor([1.0], requires_grad=True)
    >>> optimizer = tatamu.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    _step_pre_hooks: OrderedDict[int, Any]
    _step_post_hooks: OrderedDict[int, Any]
    _state_dict_pre_hooks: OrderedDict[int, Any]
    _state_dict_post_hooks: OrderedDict[int, Any]
    _load_state_dict_pre_hooks: OrderedDict[int, Any]
    _load_state_dict_post_hooks: OrderedDict[int, Any]
    missing: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._add_hooks()
        if isinstance(params, Array):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {typename(params)}\n  put it in a list: [parameter]"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError(
                f"optimizer got an empty parameter list\n  {hint('module_list')}\n"
                "  model.parameters() can be walked through once: list(model.parameters()) stays"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        if defaults.get("fused"):
            if defaults.get("differentiable"):
                raise RuntimeError("`fused` does not support `differentiable`")
            if defaults.get("foreach"):
                raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def _add_hooks(self) -> None:
        for name in _HOOKS:
            if name not in self.__dict__:
                setattr(self, name, OrderedDict())

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults, "state": self.state, "param_groups": self.param_groups,
        }  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._add_hooks()
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines += [""] * (index > 0) + [f"Parameter Group {index}"]
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])

    # ---- steps ----

    def step(self, closure: Closure | None = None) -> Any:
        """Change every parameter that has a gradient; gives the loss that ``closure`` computes."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad(), np.errstate(all="ignore"):
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        self._step_one(group, parameter)
        return loss

    step = _hooked(step)

    def _step_one(self, group: dict[str, Any], parameter: Tensor) -> None:
        check_writable(parameter)
        state = self.state[parameter]
        memory = {
            name: widen(value.array, value.dtype)
            for name, value in state.items()
            if isinstance(value, Array)
        }
        assert parameter.grad is not None
        g = widen(parameter.grad.array, parameter.grad.dtype)
        if group.get("maximize"):
            g = -g
        w = widen(parameter.array, parameter.dtype)
        self._update(group, memory, w, g)
        overwrite(parameter, w)
        self._remember(parameter, memory)

    def _remember(self, parameter: Tensor, memory: dict[str, Any]) -> None:
        state = self.state[parameter]
        for name, array in memory.items():
            if name in state:
                overwrite(state[name], array)
            else:
                dtype = float32 if name in _COUNTS else parameter.dtype
                state[name] = wrap(narrow(array, dtype), dtype)

    def _update(self, group: dict[str, Any], memory: dict[str, Any], w: Numpy, g: Numpy) -> None:
        """The rule; see above."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients, or fill them with zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if set_to_none:
                    parameter.grad = None
                else:
                    parameter.grad = parameter.grad.detach()
                    parameter.grad.zero_()

    # ---- groups ----

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; what is not given is the optimizer's default.

        Raises TypeError for what is no dict and holds no tensors, ValueError for a parameter that
        is in another group and for the result of an operation.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        listed = [given] if isinstance(given, Array) else list(given)
        names = [item[0] for item in listed if isinstance(item, tuple)]
        params = [item[1] if isinstance(item, tuple) else item for item in listed]
        param_group["params"] = params
        if names:
            if len(names) != len(params):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are "
                    "missing"
                )
            param_group["param_names"] = names
        for parameter in params:
            _check_parameter(parameter, bool(self.defaults.get("differentiable")))
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self._check_group(param_group)
        self.param_groups.append(param_group)

    def _check_group(self, param_group: dict[str, Any]) -> None:
        own = {id(parameter) for parameter in param_group["params"]}
        if len(own) != len(param_group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=4,
            )
        for group in self.param_groups:
            named = "param_names" in param_group
            if named != ("param_names" in group):
                how = "with names" if named else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    f"group {how} to the optimizer"
                )
            if own & {id(parameter) for parameter in group["params"]}:
                raise ValueError("some parameters appear in more than one parameter group")

    # ---- state ----

    def state_dict(self) -> dict[str, Any]:
        """The groups with numbers for parameters, and what is remembered of each."""
        for before in self._state_dict_pre_hooks.values():
            before(self)
        numbers: dict[int, int] = {}
        groups = []
        count = 0
        for group in self.param_groups:
            packed = {name: value for name, value in group.items() if name != "params"}
            for index, parameter in enumerate(group["params"], count):
                numbers.setdefault(id(parameter), index)
            packed["params"] = [numbers[id(parameter)] for parameter in group["params"]]
            count += len(packed["params"])
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Array) else key: value
            for key, value in self.state.items()
        }
        out: dict[str, Any] = {"state": state, "param_groups": groups}
        for after in self._state_dict_post_hooks.values():
            out = after(self, out) or out
        return out

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what ``state_dict`` gave, in the parameters' dtypes.

        ValueError where groups or their numbers of parameters differ.
        """
        state_dict = dict(state_dict)
        for before in self._load_state_dict_pre_hooks.values():
            state_dict = before(self, state_dict) or state_dict
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups\n"
                f"  it has {len(saved)}, the optimizer {len(self.param_groups)}"
            )
        pairs = list(zip(self.param_groups, saved, strict=True))
        for own, other in pairs:
            if len(own["params"]) != len(other["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group\n  it has {len(other['params'])} parameters, the "
                    f"optimizer {len(own['params'])}"
                )
        numbered = itertools.chain.from_iterable(
            zip(other["params"], own["params"], strict=True) for own, other in pairs
        )
        by_number = dict(numbered)
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _cast(by_number[key], value, "")
            else:
                state[key] = value
        for own, other in pairs:
            other["params"] = own["params"]
            if "param_names" in own:
                other.setdefault("param_names", own["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for after in self._load_state_dict_post_hooks.values():
            after(self)

    register_step_pre_hook = _registers("_step_pre_hooks", "before each step")
    register_step_post_hook = _registers("_step_post_hooks", "after each step")
    register_state_dict_pre_hook = _registers("_state_dict_pre_hooks", "before state_dict()")
    register_state_dict_post_hook = _registers("_state_dict_post_hooks", "with what it gives")
    register_load_state_dict_pre_hook = _registers(
        "_load_state_dict_pre_hooks", "with what is to be loaded"
    )
    register_load_state_dict_post_hook = _registers(
        "_load_state_dict_post_hooks", "after state was loaded"
    )


_COUNTS = ("step", "mu_product", "eta", "mu")


def overwrite(tensor: Any, array: Numpy) -> None:
    """Numbers that were worked on in another dtype go back; the version counts either way."""
    if not np.may_share_memory(tensor.array, array):
        np.copyto(tensor.array, narrow(array, tensor.dtype))
    tensor.storage.touch()


def _check_parameter(parameter: Any, differentiable: bool) -> None:
    if not isinstance(parameter, Tensor):
        raise TypeError(
            "optimizer can only optimize Tensors, but one of the params is "
            f"{typename(parameter)}\n  model.parameters() gives a model's tensors"
        )
    if not differentiable and not parameter.is_leaf and not parameter.retains_grad:
        raise ValueError(
            "can't optimize a non-leaf Tensor\n"
            f"  it is the result of {parameter.grad_fn.name()}: "  # type: ignore[union-attr]
            "x.detach().requires_grad_() makes a leaf of it"
        )


def _cast(parameter: Any, value: Any, key: Any) -> Any:
    """State in the parameter's dtype, but for the count of steps."""
    if isinstance(value, Tensor):
        wanted = key != "step" and parameter.dtype.is_floating_point
        return value.to(dtype=parameter.dtype) if wanted else value
    if isinstance(value, dict):
        return {name: _cast(parameter, item, name) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_cast(parameter, item, "") for item in value)  # type: ignore[call-arg]
    return value
