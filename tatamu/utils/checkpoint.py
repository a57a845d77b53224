"""Memory for time: what backward needs of a part of a network is computed again, not kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tatamu import autograd
from tatamu.autograd.graph import saved_tensors_hooks
from tatamu.naming import known_as
from tatamu.nn.containers import Sequential
from tatamu.ops.array import Array, detached, local
from tatamu.ops.saving import edge
from tatamu.random import default_generator

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential"]


@known_as("utils.checkpoint.CheckpointError")
class CheckpointError(RuntimeError):
    """A function computed again has not done what it did the first time."""


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    determinism_check: str = "default",
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args)``, whose inner values are computed again in backward instead of kept.

    Raises CheckpointError, in backward, if the second time other tensors are saved than the first;
    ValueError for keywords beside ``use_reentrant=True``.

    >>> import tatamu
    >>> x = tatamu.tensor(2.0, requires_grad=True)
    >>> y = checkpoint(lambda x: (x * x).exp(), x, use_reentrant=False); y
    tensor(54.5981, grad_fn=<ExpBackward0>)
    >>> y.backward(); x.grad
    tensor(218.3926)
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
            "exception. use_reentrant=False is recommended, but if you need to preserve the "
            "current default behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        return CheckpointFunction.apply(function, preserve_rng_state, *args)
    frame = _Frame(lambda: function(*args, **kwargs), preserve_rng_state, determinism_check)
    frame.early = early_stop
    with saved_tensors_hooks(frame.pack, frame.unpack):
        return function(*args, **kwargs)


@contextmanager
def _random_state(state: Any) -> Iterator[None]:
    """Random numbers as they came then; afterwards as they would have come."""
    if state is None:
        yield
        return
    before = default_generator.get_state()
    default_generator.set_state(state)
    try:
        yield
    finally:
        default_generator.set_state(before)


class _Stop(Exception):
    """Everything that was to be computed again is there."""


class _Frame:
    """One checkpointed call: what was saved is but counted, and found again when asked for."""

    def __init__(self, again: Callable[[], Any], preserve: bool, check: str) -> None:
        self.again = again
        self.state = default_generator.get_state() if preserve else None
        self.checked = check != "none"
        self.early = True
        self.saved: list[tuple[Any, Any]] = []
        self.found: dict[int, Array] = {}

    def pack(self, x: Array) -> int:
        self.saved.append((x.shape, x.dtype))
        return len(self.saved) - 1

    def unpack(self, number: int) -> Array:
        if number not in self.found:
            self.recompute()
        return self.found.pop(number)

    def recompute(self) -> None:
        """Run the function again, keeping what it saves."""
        kept: list[Array] = []

        def keep(x: Array) -> Array:
            kept.append(detached(x))
            if self.early and len(kept) == len(self.saved):
                raise _Stop
            return kept[-1]

        hooks = saved_tensors_hooks(keep, lambda x: x)
        try:
            with autograd.enable_grad(), _random_state(self.state), hooks:
                self.again()
        except _Stop:
            pass
        if len(kept) != len(self.saved):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.saved)}\n"
                f"Number of tensors saved during recomputation: {len(kept)}."
            )
        again = [(x.shape, x.dtype) for x in kept]
        if self.checked and again != self.saved:
            place = next(
                n
                for n, pair in enumerate(zip(again, self.saved, strict=True))
                if pair[0] != pair[1]
            )
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                "different metadata than during the forward pass.\n"
                f"tensor at position {place}:\n"
                f"saved metadata: {_metadata(self.saved[place])}\n"
                f"recomputed metadata: {_metadata(again[place])}"
            )
        self.found = dict(enumerate(kept))


def _metadata(pair: tuple[Any, Any]) -> dict[str, Any]:
    return {"shape": pair[0], "dtype": pair[1], "device": "cpu"}


class CheckpointFunction(autograd.Function):
    """The older form: forward records nothing; backward runs it again and differentiates it."""

    @staticmethod
    def forward(ctx: Any, function: Any, preserve: bool, *args: Any) -> Any:
        tensors = [x for x in args if isinstance(x, Array)]
        if not any(edge(x) is not None for x in tensors):
            warnings.warn(
                "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=3
            )
        ctx.again = function
        ctx.state = default_generator.get_state() if preserve else None
        ctx.rest = [None if isinstance(x, Array) else x for x in args]
        ctx.places = [place for place, x in enumerate(args) if isinstance(x, Array)]
        ctx.save_for_backward(*tensors)
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        if local.pruning:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        inputs = list(ctx.rest)
        for place, x in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[place] = detached(x)
            inputs[place]._requires_grad = edge(x) is not None
        with _random_state(ctx.state), autograd.enable_grad():
            outputs = ctx.again(*inputs)
        listed = outputs if isinstance(outputs, tuple) else (outputs,)
        wanted = [
            (y, g)
            for y, g in zip(listed, gradients, strict=True)
            if isinstance(y, Array) and edge(y) is not None
        ]
        if not wanted:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        autograd.backward([y for y, _ in wanted], [g for _, g in wanted])
        return (None, None, *(x.grad_array if isinstance(x, Array) else None for x in inputs))


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """A Sequential, or a list of functions, in so many segments; all but the last checkpointed."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. In version 2.9 we will raise an exception if use_reentrant is not "
            "passed. use_reentrant=False is recommended, but if you need to preserve the current "
            "default behavior, you can pass use_reentrant=True. Refer to docs for more details on "
            "the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    steps = list(functions.children()) if isinstance(functions, Sequential) else list(functions)
    size = len(steps) // segments
    end = size * (segments - 1)
    for start in range(0, end, size):
        input = checkpoint(
            _in_turn(steps[start : start + size]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )
    return _in_turn(steps[end:])(input)


def _in_turn(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run
