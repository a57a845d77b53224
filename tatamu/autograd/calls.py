"""``backward`` and ``grad``: what is asked of the engine, and torch's objections."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from typing import Any, TypeVar

from tatamu.autograd.engine import Place, run
from tatamu.ops.array import Array, local
from tatamu.ops.cast import cast
from tatamu.ops.common import full
from tatamu.ops.saving import edge

__all__ = ["backward", "grad", "retain"]

T = TypeVar("T", bound=Array)


def retain(x: Array) -> None:
    """Have a tensor keep its gradient, though it is no leaf."""
    target = edge(x)
    if target is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if x.node is not None:
        x.node.note().retained[x.output_nr] = weakref.ref(x)


def _seed(index: int, output: Array, gradient: Any) -> Array:
    if gradient is None:
        if output.shape.numel() != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs\n"
                f"  the output has shape {list(output.shape)}: reduce it, for example with "
                ".sum(), or give backward() a gradient of that shape"
            )
        return full(output.shape, 1, output.dtype)
    if not isinstance(gradient, Array):
        raise TypeError(
            f"gradients can be either Tensors or None, but got {type(gradient).__name__}"
        )
    if gradient.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of {gradient.shape} and "
            f"output[{index}] has a shape of {output.shape}."
        )
    return cast(gradient, output.dtype)


def _starts(outputs: Sequence[Array], gradients: Sequence[Any]) -> list[tuple[Place, Array]]:
    if len(outputs) > len(gradients):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(gradients)} gradients")
    starts = []
    for index, (output, gradient) in enumerate(zip(outputs, gradients, strict=False)):
        target = edge(output)
        if target is None:
            raise RuntimeError(
                f"element {index} of tensors does not require grad and does not have a grad_fn\n"
                "  nothing it was computed from has requires_grad=True, or it was computed inside "
                "no_grad()"
            )
        starts.append((Place(target, output.output_nr), _seed(index, output, gradient)))
    return starts


def _listed(value: Any, count: int | None = None) -> list[Any]:
    if value is None:
        return [None] * (count or 0)
    return [value] if isinstance(value, (Array, str)) else list(value)


def backward(
    tensors: Array | Sequence[Array],
    grad_tensors: Array | Sequence[Array | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Array | Sequence[Array] | None = None,
) -> None:
    """Add the derivatives of ``tensors`` to ``.grad`` of every leaf that requires it.

    With ``inputs``, only to theirs. Raises RuntimeError, with torch's sentences, if a tensor has
    no history, is not a scalar and comes without a gradient, if the graph was freed by an earlier
    call, or if a value that is needed was overwritten.

    >>> import tatamu
    >>> x = tatamu.tensor([1.0, 2.0], requires_grad=True)
    >>> tatamu.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    outputs = _listed(tensors)
    if grad_variables is not None:
        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    wanted = None if inputs is None else _listed(inputs)
    if wanted is not None and not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the "
            "parameter and its gradient which can cause a memory leak. We recommend using "
            "autograd.grad when creating the graph to avoid this. If you have to use this "
            "function, make sure to reset the .grad fields of your parameters to None after use "
            "to break the cycle and avoid the leak.",
            stacklevel=3,
        )
    keep = create_graph if retain_graph is None else retain_graph
    before = local.grad
    local.grad = create_graph
    try:
        starts = _starts(outputs, _listed(grad_tensors, len(outputs)))
        for x in wanted or ():
            retain(_checked(x))
        places = None if wanted is None else [_place(x) for x in wanted]
        run(starts, keep=keep, create_graph=create_graph, inputs=places, accumulate=True)
    finally:
        local.grad = before


def _checked(x: Any) -> Array:
    if not isinstance(x, Array):
        raise RuntimeError(
            f"all inputs have to be Tensors or GradientEdges, but got {type(x).__name__}"
        )
    return x


def _place(x: Array) -> Place:
    target = edge(_checked(x))
    if target is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return Place(target, x.output_nr)


def grad(
    outputs: T | Sequence[T],
    inputs: T | Sequence[T],
    grad_outputs: T | Sequence[T | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[T, ...]:
    """The derivatives of ``outputs`` with respect to ``inputs``, without touching any ``.grad``.

    With ``create_graph`` they have a history themselves and can be differentiated again. Raises
    RuntimeError as ``backward`` does, and for an input that is not part of the graph (with
    ``allow_unused`` its derivative is None, with ``materialize_grads`` it is zeros).
    NotImplementedError for ``is_grads_batched``.

    >>> import tatamu
    >>> x = tatamu.tensor(3.0, requires_grad=True)
    >>> (dx,) = tatamu.autograd.grad(x ** 3, x, create_graph=True)
    >>> tatamu.autograd.grad(dx, x)
    (tensor(18.),)
    """
    if is_grads_batched:
        raise NotImplementedError(
            "grad(is_grads_batched=True) needs vmap, which tatamu does not have\n"
            "  call grad once for each row of grad_outputs, with retain_graph=True"
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    ends, wanted = _listed(outputs), _listed(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    before = local.grad
    local.grad = create_graph
    try:
        starts = _starts(ends, _listed(grad_outputs, len(ends)))
        places = [_place(x) for x in wanted]
        captured = run(starts, keep=keep, create_graph=create_graph, inputs=places)
    finally:
        local.grad = before
    found: list[Any] = [captured.get(place.key) for place in places]
    for index, g in enumerate(found):
        if g is not None or (allow_unused and not materialize_grads):
            continue
        if not materialize_grads:
            raise RuntimeError(
                f"The differentiated Tensor at index {index} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
        found[index] = full(wanted[index].shape, 0, wanted[index].dtype)
    return tuple(found)
