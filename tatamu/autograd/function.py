"""Functions of one's own: a forward, and a backward that the engine calls."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tatamu import naming
from tatamu.naming import known_as
from tatamu.ops.array import Array, Node, Packed, attached, changed, detached, local, unpacked
from tatamu.ops.common import full
from tatamu.ops.inplace import check_writable
from tatamu.ops.op import NOTHING, Call, view
from tatamu.ops.reshape import reshape_view
from tatamu.ops.saving import edge, kept_version, packed, places_of

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class _Own:
    """What stands in a call where other nodes have the record of an operation."""

    title = "Function"
    aliases = False
    saves = NOTHING
    listed = ()


_own: Any = _Own()


@known_as("autograd.function.FunctionCtx")
class FunctionCtx(Node):
    """What forward leaves for backward; it is the node in the graph, too."""

    foreign = True
    function: type[Function]

    def __init__(self) -> None:
        super().__init__(Call(_own, None, ()), ())
        self.to_save: tuple[Any, ...] = ()
        self.dirty: tuple[Any, ...] = ()
        self.non_differentiable: tuple[Any, ...] = ()
        self.materialize_grads = True
        self.needs_input_grad: tuple[bool, ...] = ()
        self.own: tuple[int | None, ...] = ()
        self.made: list[tuple[Any, Any]] = []
        self.arguments: list[int] = []

    @property
    def outputs(self) -> int:
        return len(self.made)

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for backward, where ``saved_tensors`` gives them."""
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted as torch accepts it; there is no forward mode."""

    def mark_dirty(self, *args: Any) -> None:
        """Say which inputs forward has overwritten. They must be among its outputs."""
        self.dirty = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros, or None, for outputs that had no gradient."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` was given. RuntimeError if overwritten or freed since."""
        if self.saved is None:
            raise RuntimeError(FREED)
        found: list[Any] = []
        for x, version, output in zip(self.saved, self.versions, self.own, strict=True):
            kept: Any = unpacked(x) if isinstance(x, Packed) else x
            if isinstance(x, Array) and x.storage.version != version:
                raise changed(self, x, version, output)
            found.append(kept if output is None or kept is None else attached(kept, self, output))
        return tuple(found)

    def keep(self, outputs: Sequence[Any]) -> None:
        """Save what is to be saved; own outputs detached, for a node must not hold itself."""
        own: list[int | None] = []
        saved: list[Any] = []
        for place, x in enumerate(self.to_save):
            if x is not None and not isinstance(x, Array):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {place} is of type "
                    f"{type(x).__name__}"
                )
            found = [n for n, y in enumerate(outputs) if y is x and x is not None]
            place_of = found[0] if found and x is not None and x.node is self else None
            own.append(place_of)
            saved.append(x if x is None or place_of is None else detached(x))
        self.own = tuple(own)
        self.versions = tuple([0 if x is None else kept_version(x) for x in saved])
        if local.packing is not None:
            saved = [None if x is None else packed(x) for x in saved]
        self.saved = tuple(saved)
        self.to_save = ()

    def pull(self, gradients: tuple[Any, ...]) -> Sequence[Any]:
        given: list[Any] = list(gradients)
        if self.materialize_grads:
            for place, (shape, dtype) in enumerate(self.made):
                if given[place] is None and shape is not None:
                    given[place] = full(shape, 0, dtype)
        result = self.function.backward(self, *given)
        found = list(result) if isinstance(result, (tuple, list)) else [result]
        count = len(self.needs_input_grad)
        while len(found) > count and found[-1] is None:
            found.pop()
        if len(found) != count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {count}, got {len(found)})"
            )
        for place, d in enumerate(found):
            if place not in self.arguments and d is not None:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position "
                    f"{place + 1}, but the corresponding forward input was not a Variable"
                )
            if d is not None and not isinstance(d, Array):
                raise RuntimeError(f"expected Variable or None (got {type(d).__name__})")
        return [found[place] for place in self.arguments]


FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


@known_as("autograd.function.Function")
class Function:
    """A function whose backward is written by hand: inherit, define two static methods, ``apply``.

    ``forward(ctx, *inputs)`` computes, outside any graph (or ``forward(*inputs)`` beside
    ``setup_context(ctx, inputs, output)``); ``backward(ctx, *gradients)`` gives a gradient, or
    None, for each input.

    >>> import tatamu
    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x ** 2
    >>> x = tatamu.tensor(2.0, requires_grad=True)
    >>> y = Cube.apply(x); y
    tensor(8., grad_fn=<CubeBackward>)
    >>> y.backward(); x.grad
    tensor(12.)
    """

    _node: type[FunctionCtx]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        members = {"function": cls, "__module__": f"{naming.prefix}.autograd.function"}
        cls._node = type(f"{cls.__name__}Backward", (FunctionCtx,), members)

    def __init__(self) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the function computes; to be defined."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """What is kept for backward, where ``forward`` takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs; to be defined, here or as ``vjp``."""
        if type(ctx).function.vjp is not Function.vjp:
            return type(ctx).function.vjp(ctx, *grad_outputs)
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Compute, and join the graph. Keywords are given to forward in its order."""
        ctx = cls._node()
        apart = cls.setup_context is not Function.setup_context
        if apart or kwargs:
            first = () if apart else (ctx,)
            bound = inspect.signature(cls.forward).bind(*first, *args, **kwargs)
            if apart:
                bound.apply_defaults()
            args = bound.args[len(first) :]
        ctx.arguments = [place for place, x in enumerate(args) if isinstance(x, Array)]
        inputs = tuple([args[place] for place in ctx.arguments])
        edges = tuple([edge(x) if local.grad else None for x in inputs])
        wanted = {
            place for place, target in zip(ctx.arguments, edges, strict=True) if target is not None
        }
        ctx.needs_input_grad = tuple([place in wanted for place in range(len(args))])
        ctx.call = Call(_own, None, inputs)
        ctx.edges, ctx.places = edges, places_of(inputs)
        recording, local.grad = local.grad, False
        try:
            result = cls.forward(*args) if apart else cls.forward(ctx, *args)
            if apart:
                cls.setup_context(ctx, args, result)
        finally:
            local.grad = recording
        results = list(result) if isinstance(result, tuple) else [result]
        outputs = [_joined(ctx, n, y, inputs, bool(wanted)) for n, y in enumerate(results)]
        ctx.made = [(y.shape, y.dtype) if isinstance(y, Array) else (None, None) for y in outputs]
        if wanted:
            ctx.keep(outputs)
        ctx.dirty = ctx.non_differentiable = ()
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]


def _among(x: Any, others: Sequence[Any]) -> bool:
    return any(x is other for other in others)


def _joined(ctx: FunctionCtx, place: int, y: Any, inputs: Sequence[Any], wanted: bool) -> Any:
    """An output of forward as one of the node."""
    if not isinstance(y, Array):
        return y
    if _among(y, ctx.dirty):
        if wanted and y._requires_grad and y.node is None:
            raise RuntimeError(
                "a leaf Variable that requires grad has been used in an in-place operation."
            )
        if wanted:
            check_writable(y, True)
        y.storage.touch()
    elif _among(y, inputs):
        before, local.grad = local.grad, False
        y = view(reshape_view, y.shape, y)
        local.grad = before
    if not wanted:
        return y
    if _among(y, ctx.non_differentiable) or not y.dtype.is_floating_point:
        return y
    y.node, y.output_nr, y._requires_grad = ctx, place, True
    if y.base is not None:
        y.view_kind = "function"
        y.view_version = y.storage.version
    return y


class _Once(FunctionCtx):
    """The end of a graph that cannot be followed: a backward that does not record one."""

    def __init__(self, shape: Any, dtype: Any, x: Array) -> None:
        super().__init__()
        self.call = Call(_own, None, (x,))
        self.edges = (edge(x),)
        self.made = [(shape, dtype)]

    def pull(self, gradients: tuple[Any, ...]) -> Sequence[Any]:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a backward that cannot be differentiated itself: doing so raises RuntimeError."""

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        recording, local.grad = local.grad, False
        try:
            outputs = fn(ctx, *args)
        finally:
            local.grad = recording
        source = next((x for x in args if isinstance(x, Array) and edge(x) is not None), None)
        if not recording or source is None:
            return outputs
        listed = outputs if isinstance(outputs, tuple) else (outputs,)
        found = tuple(
            [
                attached(y, _Once(y.shape, y.dtype, source), 0) if isinstance(y, Array) else y
                for y in listed
            ]
        )
        return found if isinstance(outputs, tuple) else found[0]

    return wrapper
