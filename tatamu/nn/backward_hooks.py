"""Hooks on the backward pass of a module: a node of the graph around its inputs, and one around its
outputs, both of which hand on what they are given, are where the hooks stand.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from tatamu.autograd import is_grad_enabled
from tatamu.autograd.function import Function
from tatamu.nn.hooks import everywhere
from tatamu.tensor import Tensor

if TYPE_CHECKING:
    from tatamu.nn.module import Module

__all__ = ["Watch"]


class BackwardHookFunction(Function):
    """Hands on tensors, and their gradients."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.mark_non_differentiable(*[arg for arg in args if not arg.requires_grad])
        return args

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients


def _spread(places: list[int], values: Any, size: int) -> tuple[Any, ...]:
    """Values at their places, None elsewhere."""
    found: list[Any] = [None] * size
    for place, value in zip(places, values, strict=True):
        found[place] = value
    return tuple(found)


def _through_node(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int] | None, Any]:
    """The values with their tensors behind a node; where those are; the node, if there is one."""
    places = [place for place, value in enumerate(values) if isinstance(value, Tensor)]
    tensors = [values[place] for place in places]
    if not is_grad_enabled() or not any(tensor.requires_grad for tensor in tensors):
        return values, None, None
    handed: Any = BackwardHookFunction.apply(*tensors)
    handed = handed if isinstance(handed, tuple) else (handed,)
    found = list(values)
    for place, tensor in zip(places, handed, strict=True):
        if values[place].requires_grad:
            found[place] = tensor
    node = next(tensor.grad_fn for tensor in handed if tensor.grad_fn is not None)
    return tuple(found), places, node


def _replaced(found: tuple[Any, ...], changed: Any, kind: str, what: str) -> tuple[Any, ...]:
    """The gradients that a hook gave in place of ``found``; None leaves them. RuntimeError for
    another number of them.
    """
    if changed is None:
        return found
    given = tuple(changed) if isinstance(changed, (tuple, list)) else (changed,)
    if len(given) != len(found):
        raise RuntimeError(
            f"Backward {kind} returned an invalid number of {what}, got {len(given)}, "
            f"but expected {len(found)}"
        )
    return given


class Watch:
    """One call whose backward pass is watched."""

    def __init__(self, module: Module) -> None:
        self.module = module
        own, everyones = list(module._backward_hooks.values()), list(everywhere.backward.values())
        self.full = (everyones if everywhere.backward_full else []) + (
            own if module._is_full_backward_hook else []
        )
        self.legacy = ([] if everywhere.backward_full else everyones) + (
            [] if module._is_full_backward_hook else own
        )
        self.before = [*everywhere.backward_pre.values(), *module._backward_pre_hooks.values()]
        self.grad_outputs: tuple[Any, ...] | None = None
        self.places: list[int] | None = None
        self.count = 0

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments for forward."""
        if not self.full and not self.before:
            return args
        args, self.places, node = _through_node(args)
        self.count = len(args)
        if node is not None:
            node.register_hook(self._at_inputs)
        return args

    def _at_inputs(self, grad_inputs: Any, _: Any) -> Any:
        if self.grad_outputs is None:  # no gradient has come to the outputs
            return None
        assert self.places is not None
        found = _spread(self.places, grad_inputs, self.count)
        for hook in self.full:
            changed = hook(self.module, found, self.grad_outputs)
            found = _replaced(found, changed, "hook", "grad_input")
        self.grad_outputs = None
        return tuple(found[place] for place in self.places)

    def outputs(self, args: tuple[Any, ...], result: Any) -> Any:
        """What the call gives."""
        if self.full or self.before:
            if not isinstance(result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple "
                    f"of Tensors but received {type(result)}",
                    stacklevel=5,
                )
            alone = not isinstance(result, tuple)
            found, places, node = _through_node((result,) if alone else result)
            if node is not None and places is not None:
                size = len(found)

                def at_outputs(_: Any, grad_outputs: Any) -> Any:
                    return self._at_outputs(places, grad_outputs, size)

                node.register_hook(at_outputs)
            result = found[0] if alone else found
        if self.legacy:
            self._at_last_node(args, result)
        return result

    def _at_outputs(self, places: list[int], grad_outputs: Any, size: int) -> Any:
        found = _spread(places, grad_outputs, size)
        for hook in self.before:
            found = _replaced(found, hook(self.module, found), "pre hook", "grad_output")
        self.grad_outputs = found
        if self.places is None and self.full:
            self._without_inputs(found)
        return tuple(found[place] for place in places)

    def _without_inputs(self, found: tuple[Any, ...]) -> None:
        """No input wants a gradient: the hooks are called with the outputs' alone."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients. See https://docs.pytorch.org/docs/main/"
            "generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more "
            "details.",
            stacklevel=5,
        )
        for hook in self.full:
            changed = hook(self.module, (None,) * self.count, found)
            if changed is not None and any(one is not None for one in changed):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_outputs = None

    def _at_last_node(self, args: tuple[Any, ...], result: Any) -> None:
        """The older hooks stand at the operation that made the (first) output."""
        first = result
        while not isinstance(first, Tensor):
            if isinstance(first, dict):
                first = next(value for value in first.values() if isinstance(value, Tensor))
            else:
                first = first[0]
        node: Any = first.grad_fn
        if node is None:
            return
        for hook in self.legacy:
            node.register_hook(
                lambda grad_inputs, grad_outputs, hook=hook: hook(
                    self.module, grad_inputs, grad_outputs
                )
            )
        missing = _missing(args, result, node)
        if missing:
            warnings.warn(
                f"Using {missing} Please use register_full_backward_hook to get the documented "
                "behavior.",
                FutureWarning,
                stacklevel=5,
            )


def _missing(args: tuple[Any, ...], result: Any, node: Any) -> str:
    """What the older hooks will not see of a call, in torch's words; '' if they see all."""
    end = "is deprecated and will be removed in future versions. This hook will be missing some"
    results = result if isinstance(result, tuple) else (result,)
    if not all(isinstance(one, Tensor) for one in results):
        return (
            "non-full backward hooks on a Module that does not return a single Tensor or a tuple "
            f"of Tensors {end} of the grad_output."
        )
    if not all(isinstance(one, Tensor) for one in args):
        return (
            "non-full backward hooks on a Module that does not take as input a single Tensor or a "
            f"tuple of Tensors {end} of the grad_input."
        )
    if len({id(one.grad_fn) for one in results if one.grad_fn is not None}) > 1:
        return (
            "a non-full backward hook when outputs are generated by different autograd Nodes "
            f"{end} grad_output."
        )
    sources = {id(one.grad_fn) for one in args if one.grad_fn is not None}
    if sources != {id(source) for source, _ in node.next_functions}:
        return (
            "a non-full backward hook when the forward contains multiple autograd Nodes "
            f"{end} grad_input."
        )
    return ""
