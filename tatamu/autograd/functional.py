"""Jacobians, Hessians, and their products with vectors, of functions of tensors.

vjp: v^T J      jvp: J v      vhp: v^T H      hvp: H v
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tatamu.autograd.calls import grad
from tatamu.autograd.grad_mode import enable_grad
from tatamu.ops.arithmetic import add
from tatamu.ops.array import Array, detached
from tatamu.ops.common import full
from tatamu.ops.index import Placed
from tatamu.ops.index import place as put
from tatamu.ops.layout import Size
from tatamu.ops.op import view
from tatamu.ops.reshape import reshape, reshape_view
from tatamu.ops.saving import edge

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Function = Callable[..., Any]
_ONE_INPUT = "the input to the user-provided function is a single Tensor with a single element"


def _tuple(given: Any, what: str, name: str) -> tuple[bool, tuple[Any, ...]]:
    """Whether several were given, and all of them as a tuple."""
    several = isinstance(given, tuple)
    found = given if several else (given,)
    for place, x in enumerate(found):
        if not isinstance(x, Array):
            which = f"value at index {place}" if several else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the "
                f"{which} has type {type(x)}."
            )
    return several, found


def _leaves(inputs: Sequence[Any], create_graph: bool) -> tuple[Any, ...]:
    """Inputs to differentiate by: of their own, or joined to the caller's graph."""
    found = []
    for x in inputs:
        if create_graph and edge(x) is not None:
            leaf = view(reshape_view, x.shape, x)
        else:
            leaf = detached(x)
            leaf._requires_grad = True
        found.append(leaf)
    return tuple(found)


def _required(outputs: Sequence[Any], strict: bool) -> None:
    """RuntimeError, if ``strict``, where an output does not depend on anything."""
    for place, y in enumerate(outputs):
        if strict and edge(y) is None:
            raise RuntimeError(
                f"Output {place} of the user-provided function does not require gradients. The "
                "outputs must be computed in a differentiable manner from the input when running "
                "in strict mode."
            )


def _gradients(
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    seeds: Sequence[Any],
    create_graph: bool,
    strict: bool = False,
    what: str = "The output",
    curved: bool = False,
) -> tuple[Any, ...]:
    """``grad`` that gives zeros for what does not depend; RuntimeError if ``strict``.

    ``curved``: the gradients must depend on the inputs, too.
    """
    live = [(y, v) for y, v in zip(outputs, seeds, strict=True) if edge(y) is not None]
    found: tuple[Any, ...] = (None,) * len(inputs)
    if live:
        found = grad(
            [y for y, _ in live],
            list(inputs),
            [v for _, v in live],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
    for place, g in enumerate(found if strict else ()):
        if g is None:
            raise RuntimeError(
                f"{what} of the user-provided function is independent of input {place}. This is "
                "not allowed in strict mode."
            )
        if curved and edge(g) is None:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided "
                f"function with respect to input {place} is independent of the input. This is not "
                "allowed in strict mode. You should ensure that your function is twice "
                "differentiable and that the jacobian depends on the inputs (this would be "
                "violated by a linear function for example)."
            )
    pairs = zip(found, inputs, strict=True)
    return tuple([full(x.shape, 0, x.dtype) if g is None else g for g, x in pairs])


def _result(several: bool, found: Sequence[Any], create_graph: bool) -> Any:
    kept = tuple(found) if create_graph else tuple([detached(x) for x in found])
    return kept if several else kept[0]


def _vectors(v: Any, like: Sequence[Any], what: str) -> tuple[Any, ...]:
    """The vector of a product, or ones where there is but one number."""
    if v is None:
        if len(like) != 1 or like[0].shape.numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if {what}.\n  give one tensor for each of the "
                f"shapes {[list(x.shape) for x in like]}"
            )
        return (full(like[0].shape, 1, like[0].dtype),)
    _, found = _tuple(v, "v", what)
    if len(found) != len(like) == 1:
        raise RuntimeError("The given v should contain a single Tensor.")
    if len(found) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}."
        )
    for place, (one, x) in enumerate(zip(found, like, strict=True)):
        if one.shape != x.shape:
            entry = f"Entry {place} in v has" if len(like) > 1 else "v has"
            raise RuntimeError(f"{entry} invalid size: should be {x.shape} but got {one.shape}.")
    return found


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and the product of a vector with its Jacobian.

    >>> import tatamu
    >>> vjp(lambda x: x * x, tatamu.tensor([1.0, 2.0]), tatamu.tensor([1.0, 10.0]))[1]
    tensor([ 2., 40.])
    """
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "vjp")
        leaves = _leaves(given, create_graph)
        many, outputs = _tuple(func(*leaves), "outputs of the user-provided function", "vjp")
        seeds = _vectors(
            v, outputs, "the user-provided function returns a single Tensor with a single element"
        )
        _required(outputs, strict)
        found = _gradients(outputs, leaves, seeds, create_graph, strict)
    return _result(many, outputs, create_graph), _result(several, found, create_graph)


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and the product of its Jacobian with a vector.

    It is the gradient, with respect to ``u``, of ``u^T J``, which is linear in ``u``.

    >>> import tatamu
    >>> jvp(lambda x: x.sum(), tatamu.tensor([1.0, 2.0]), tatamu.tensor([1.0, 10.0]))[1]
    tensor(11.)
    """
    with enable_grad():
        _, given = _tuple(inputs, "inputs", "jvp")
        vectors = _vectors(v, given, _ONE_INPUT)
        leaves = _leaves(given, create_graph)
        many, outputs = _tuple(func(*leaves), "outputs of the user-provided function", "jvp")
        dummies = [full(y.shape, 0, y.dtype) for y in outputs]
        for u in dummies:
            u._requires_grad = True
        _required(outputs, strict)
        pulled = _gradients(outputs, leaves, dummies, True, strict)
        found = _gradients(pulled, dummies, vectors, create_graph)
    return _result(many, outputs, create_graph), _result(many, found, create_graph)


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian, of shape (shape of the output, shape of the input); tuples of them for tuples.

    ``vectorize`` and ``strategy`` are accepted; the rows are computed one by one.

    >>> import tatamu
    >>> jacobian(lambda x: x * x, tatamu.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "jacobian")
        leaves = _leaves(given, create_graph)
        many, outputs = _tuple(func(*leaves), "outputs of the user-provided function", "jacobian")
        found = []
        _required(outputs, strict)
        for number, y in enumerate(outputs):
            what = f"Output {number}"
            rows = [
                _gradients((y,), leaves, (_one_hot(y, place),), create_graph, strict, what)
                for place in range(y.shape.numel())
            ]
            parts = [
                _stacked([row[n] for row in rows], y, x, create_graph) for n, x in enumerate(leaves)
            ]
            found.append(_result(several, parts, create_graph))
    return tuple(found) if many else found[0]


def _one_hot(y: Any, place: int) -> Any:
    seed = full(y.shape, 0, y.dtype)
    seed.array.reshape(-1)[place] = full((), 1, y.dtype).array
    return seed


def _stacked(rows: Sequence[Any], y: Any, x: Any, create_graph: bool) -> Any:
    """The rows of a Jacobian as one tensor."""
    shape = (*y.shape, *x.shape)
    if not rows:
        return full(shape, 0, x.dtype)
    if not create_graph:
        out = full((len(rows), *x.shape), 0, x.dtype)
        for place, row in enumerate(rows):
            out.array[place] = row.array
        return reshape(out, shape)
    total = None
    for number, row in enumerate(rows):
        where = Placed((len(rows), *x.shape), (number, ...))
        part = put(row, attrs=where)
        total = part if total is None else add(total, part)
    return reshape(total, shape)  # type: ignore[type-var]


def _scalar(func: Function, name: str) -> Function:
    """``func``, checked to give one number."""

    def checked(*inputs: Any) -> Any:
        out = func(*inputs)
        _, outputs = _tuple(out, "outputs of the user-provided function", name)
        if isinstance(out, tuple) or outputs[0].shape.numel() != 1:
            raise RuntimeError(
                f"The function given to {name} should return a single Tensor"
                if isinstance(out, tuple)
                else f"The Tensor returned by the function given to {name} should contain a single "
                "element"
            )
        return reshape(outputs[0], Size(()))

    return checked


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The matrix of second derivatives of a function that gives one number.

    >>> import tatamu
    >>> hessian(lambda x: (x ** 3).sum(), tatamu.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several, _ = _tuple(inputs, "inputs", "hessian")
    scalar = _scalar(func, "hessian")

    def slope(*given: Any) -> Any:
        found = jacobian(scalar, given, create_graph=True, strict=strict)
        return found if several else found[0]

    return jacobian(slope, inputs, create_graph=create_graph, strict=strict)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and the product of a vector with its Hessian.

    >>> import tatamu
    >>> vhp(lambda x: (x ** 3).sum(), tatamu.tensor([1.0, 2.0]), tatamu.tensor([1.0, 10.0]))[1]
    tensor([  6., 120.])
    """
    return _curvature("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and the product of its Hessian, which is symmetric, with a vector."""
    return _curvature("hvp", func, inputs, v, create_graph, strict)


def _curvature(
    name: str, func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with enable_grad():
        several, given = _tuple(inputs, "inputs", name)
        vectors = _vectors(v, given, _ONE_INPUT)
        leaves = _leaves(given, create_graph)
        output = _scalar(func, name)(*leaves)
        _required((output,), strict)
        one = full((), 1, output.dtype)
        first = _gradients((output,), leaves, (one,), True, strict, curved=True)
        found = _gradients(first, leaves, vectors, create_graph, strict, "The jacobian")
    return _result(False, (output,), create_graph), _result(several, found, create_graph)
