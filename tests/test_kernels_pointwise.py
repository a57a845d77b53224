"""Elementwise kernels: rows, broadcasting, casts, chains, tails; and what is left to NumPy.

What is right is NumPy's broadcasting on the same arrays. Outputs stand between guards.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from covering import covering, varied
from direct_cases import GUARD, HOST, RUNNABLE, SENTINEL, every_isa_and_dtype, every_isa_in_float32
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu import ops
from tatamu.kernels import pointwise
from tatamu.kernels.pointwise import PointwiseProblem
from tatamu.kernels.pointwise_emit import Expression, Step, single
from tatamu.ops import elementwise
from tatamu.ops.arithmetic import add
from tatamu.ops.elementwise import Elementwise
from tatamu.ops.layout import broadcast_order, broadcast_strides, contiguous_strides
from tatamu.ops.op import Call
from tatamu.runtime.launch import Launch
from tatamu.stage import TARGETS, host

Numpy = Any
needs_host = pytest.mark.skipif(HOST is None, reason="no kernel runs here")


def problem_of(expression: Expression, arrays: list[Numpy], **given: Any) -> PointwiseProblem:
    """The problem of these arrays, the result lying as the ops have it."""
    shapes = tuple(a.shape for a in arrays)
    steps = tuple(tuple(s // a.itemsize for s in a.strides) for a in arrays)
    shape = np.broadcast_shapes(*shapes)
    out = broadcast_order(shapes, steps, shape) or contiguous_strides(shape)
    spread = [broadcast_strides(s, t, shape) for s, t in zip(shapes, steps, strict=True)]
    return PointwiseProblem(expression, shape, (*spread, out), **given)


def run(isa: str, problem: PointwiseProblem, arrays: list[Numpy], workers: int = 1) -> Numpy:
    """What the kernel makes of arrays; nothing beside the output is written."""
    target = RUNNABLE[isa]
    assert pointwise.accepts(problem, target) is None
    kind = np.dtype(problem.expression.output)
    space = np.empty(prod(problem.shape) + 2 * GUARD, kind)
    space[:] = SENTINEL if kind.kind == "f" else 77
    inner = space[GUARD : len(space) - GUARD]
    out = np.ndarray(
        problem.shape, kind, inner, 0, tuple(kind.itemsize * s for s in problem.strides[-1])
    )
    addresses = (*(a.ctypes.data for a in arrays), out.ctypes.data)
    before = [a.copy() for a in arrays]
    Launch(pointwise.plan(problem, target))(addresses, workers)
    edge = space[:1].copy()
    assert (space[:GUARD] == edge).all() and (space[-GUARD:] == edge).all()
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)
    return out


def noise(shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> Numpy:
    values = np.asarray(np.random.default_rng(seed).uniform(-9, 9, shape))
    return values > 0 if dtype == "bool" else values.astype(dtype)


def last(x: Numpy) -> Numpy:
    """The same numbers, channels-last."""
    axes = (0, *range(2, x.ndim), 1)
    return np.ascontiguousarray(x.transpose(axes)).transpose(*np.argsort(axes))


@every_isa_and_dtype
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 15, 16, 17, 33, 70_000])
def test_every_length(isa: str, dtype: str, count: int) -> None:
    a, b = noise((count,), dtype), noise((count,), dtype, 1)
    problem = problem_of(single("add", (dtype, dtype), dtype), [a, b])
    np.testing.assert_array_equal(run(isa, problem, [a, b]), a + b)


BROADCAST = [
    ((2, 20, 5, 7), (1, 20, 1, 1)), ((2, 20, 5, 7), (2, 20, 1, 1)), ((2, 20, 5, 7), (7,)),
    ((2, 20, 5, 7), (5, 1)), ((2, 20, 5, 7), ()), ((6, 1), (1, 9)), ((3, 1, 4), (1, 5, 1)),
    ((1, 1), (1, 1)), ((2, 1, 3, 4), (2, 6, 3, 1)),
]  # fmt: skip


@every_isa_in_float32
@pytest.mark.parametrize(("one", "other"), BROADCAST, ids=str)
@pytest.mark.parametrize("order", ["C", "channels-last"])
def test_broadcasting(isa: str, one: Any, other: Any, order: str) -> None:
    a, b = noise(one), noise(other, seed=1)
    if order != "C":
        a, b = (last(x) if x.ndim == 4 else x for x in (a, b))
    for arrays in ([a, b], [b, a]):
        problem = problem_of(single("sub", ("float32",) * 2, "float32"), arrays)
        if pointwise.accepts(problem, RUNNABLE[isa]) is None:
            np.testing.assert_array_equal(run(isa, problem, arrays), arrays[0] - arrays[1])
        else:
            assert order != "C" or len(one) < 4


shapes = st.lists(st.integers(1, 5), min_size=0, max_size=4).map(tuple)


@needs_host
@given(shapes, st.integers(0, 15), st.permutations(range(4)))
def test_any_broadcast_shape(shape: tuple[int, ...], ones: int, order: list[int]) -> None:
    other = tuple(1 if ones >> axis & 1 else n for axis, n in enumerate(shape))
    axes = [axis for axis in order if axis < len(shape)]
    a = np.ascontiguousarray(noise(shape).transpose(axes)).transpose(
        *np.argsort(axes, kind="stable")
    )
    b = noise(other, seed=1)
    problem = problem_of(single("sub", ("float32",) * 2, "float32"), [a, b])
    if pointwise.accepts(problem, HOST) is None:  # type: ignore[arg-type]
        np.testing.assert_array_equal(run(HOST.isa, problem, [a, b]), a - b)  # type: ignore[union-attr]
    # Whatever the strides, the op gives the same numbers.
    got = add(tatamu.from_numpy(a), tatamu.from_numpy(np.asarray(-b)))
    np.testing.assert_array_equal(got.numpy(), a - b)


CASTS = [
    (have, want)
    for have, want in product(("float32", "float64", "uint8", "int64", "bool"), repeat=2)
    if have != want
]


def kinds(cast: tuple[str, str]) -> set[Any]:
    return {*cast, tuple(np.dtype(name).kind for name in cast)}


@needs_host
@varied("have,want", CASTS, covering(CASTS, kinds))
def test_casts(have: str, want: str) -> None:
    x = noise((2, 37), have)
    if want == "uint8":
        x = abs(x) if have != "bool" else x
    problem = problem_of(Expression((have,), (Step(want, (0,)),), want), [x])
    np.testing.assert_array_equal(run(HOST.isa, problem, [x]), x.astype(want))  # type: ignore[union-attr]


@every_isa_in_float32
def test_choosing_and_comparing(isa: str) -> None:
    c, a, b = noise((5, 33), "bool"), noise((5, 33)), noise((5, 1), seed=1)
    problem = problem_of(single("where", ("bool", "float32", "float32"), "float32"), [c, a, b])
    np.testing.assert_array_equal(run(isa, problem, [c, a, b]), np.where(c, a, b))
    problem = problem_of(single("lt", ("float32",) * 2, "bool"), [a, b])
    np.testing.assert_array_equal(run(isa, problem, [a, b]), a < b)
    x, y = noise((70,), "int64"), noise((70,), "int64", 1)
    problem = problem_of(single("lt", ("int64",) * 2, "bool"), [x, y])
    np.testing.assert_array_equal(run(isa, problem, [x, y]), x < y)


@every_isa_in_float32
def test_a_chain_is_one_kernel(isa: str) -> None:
    """relu(a * b + p): two inputs, a number of the call, three steps."""
    steps = (Step("mul", (0, 1)), Step("add", (3, 2)), Step("relu", (4,)))
    chain = Expression(("float32", "float32"), steps, "float32", 1, "float32")
    a, b = noise((3, 50)), noise((3, 1), seed=1)
    for number in (0.5, -4.0):
        problem = problem_of(chain, [a, b], parameters=(number,))
        wanted = np.maximum(a * b + np.float32(number), 0)
        np.testing.assert_allclose(run(isa, problem, [a, b]), wanted, 1e-6, 1e-6)
    assert chain.cost == 3


@needs_host
def test_any_number_of_threads_gives_the_same_bits() -> None:
    a, b = noise((3, 40, 61, 50)), noise((1, 40, 1, 1), seed=1)
    for arrays in ([a, b], [last(a), b]):
        problem = problem_of(single("sub", ("float32",) * 2, "float32"), arrays)
        assert pointwise.plan(problem, HOST).items > 5  # type: ignore[arg-type]
        results = [run(HOST.isa, problem, arrays, workers=n).tobytes() for n in (1, 2, 5)]  # type: ignore[union-attr]
        assert results[0] == results[1] == results[2]


def test_axes_are_merged() -> None:
    dense, channel = (60, 20, 5, 1), (0, 1, 0, 0)
    assert pointwise.merged((2, 3, 4, 5), (dense, dense)) == ((120,), ((1,), (1,)))
    assert pointwise.merged((2, 3, 4, 5), (dense, channel, dense))[0] == (2, 3, 20)
    tail = (60, 1, 15, 3)
    assert pointwise.merged((2, 3, 4, 5), (tail, channel, tail))[0] == (40, 3)
    assert pointwise.merged((1, 1), ((0, 0), (1, 1))) == ((), ((), ()))


def test_refusals() -> None:
    target = TARGETS["AVX2"]
    expression = single("neg", ("float16",), "float16")
    reason = pointwise.accepts(PointwiseProblem(expression, (3,), ((1,), (1,))), target)
    assert reason is not None and reason.endswith("not with float16")
    expression = single("neg", ("float32",), "float32")
    strided = PointwiseProblem(expression, (3, 4), ((1, 3), (4, 1)))
    assert "side by side" in str(pointwise.accepts(strided, target))
    shape, out = (2, 3, 4, 5, 6), contiguous_strides((2, 3, 4, 5, 6))
    many = PointwiseProblem(single("add", ("float32",) * 2, "float32"), shape, (
        (0, 120, 0, 6, 0), out, out,
    ))  # fmt: skip
    assert "5 axes remain" in str(pointwise.accepts(many, target))


# ---- through the operations ----------------------------------------------------------------------


def test_every_operation_fits_its_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters and inputs are as many as the formula takes; nothing is compiled."""
    monkeypatch.setattr(elementwise, "FEWEST", 0)
    tried = 0
    for op in ops.registry().values():
        for kernel in op.kernels:
            if not isinstance(kernel, Elementwise):
                continue
            for sample in op.samples(np.random.default_rng(0)):
                inputs = [tatamu.from_numpy(np.array(a)) for a in sample.inputs]
                found = kernel._problem(Call(op, sample.attrs, tuple(inputs)))
                if isinstance(found, str):
                    continue
                plan = pointwise.plan(found[0], host() or TARGETS["AVX2"])
                assert len(plan.arguments()) > 0
                assert plan.emit().text().startswith("target triple")
                tried += 1
    assert tried > 60


def test_small_arrays_are_numpys() -> None:
    call = Call(add, None, (tatamu.ones(8), tatamu.ones(8)))
    assert "NumPy is as fast" in str(add.kernels[0].accepts(call))


@needs_host
def test_mixed_orders_keep_the_first_ones() -> None:
    a, b = noise((2, 24, 17, 13)), noise((2, 24, 17, 13), seed=1)
    x, y = tatamu.from_numpy(last(a)), tatamu.from_numpy(b)
    assert (x + y).stride() == x.stride()
    assert (y + x).stride() == y.stride()
    np.testing.assert_array_equal((x + y).numpy(), a + b)
    np.testing.assert_array_equal((y + x).numpy(), a + b)


@pytest.mark.parametrize("size", [8, 70_000])
def test_in_place(size: int) -> None:
    array = noise((size,))
    x = tatamu.from_numpy(array.copy()).clone()
    where, version = x.data_ptr(), x._version
    same = x.mul_(2).add_(x).relu_()
    assert same is x and x.data_ptr() == where and x._version == version + 3
    np.testing.assert_array_equal(x.numpy(), np.maximum(array * 4, 0))


@pytest.mark.parametrize("size", [8, 70_000])
def test_in_place_with_history(size: int) -> None:
    a = tatamu.from_numpy(noise((size,))).requires_grad_()
    b = tatamu.from_numpy(noise((size,), seed=1)).requires_grad_()
    (a + 1).relu_().sum().backward()  # saves what it writes
    before = a.numpy(force=True) + 1
    np.testing.assert_array_equal(a.grad.numpy(), before > 0)
    a.grad = None
    y = (a + 1).mul_(b)  # needs the value from before the write
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(force=True), before * b.numpy(force=True))
    np.testing.assert_array_equal(b.grad.numpy(), before)
    np.testing.assert_array_equal(a.grad.numpy(), b.numpy(force=True))


@pytest.mark.parametrize("size", [8, 70_000])
def test_in_place_on_a_view_and_over_itself(size: int) -> None:
    array = noise((2, size))
    x = tatamu.from_numpy(array.copy())
    x[0].add_(x[1])
    np.testing.assert_array_equal(x.numpy(), [array[0] + array[1], array[1]])
    # Overlapping in another way: what is read must not have been written yet.
    x = tatamu.from_numpy(array.copy())
    flat = x.view(-1)
    flat[1:].add_(flat[:-1])
    wanted = array.reshape(-1).copy()
    wanted[1:] = wanted[1:] + array.reshape(-1)[:-1]
    np.testing.assert_array_equal(x.numpy().reshape(-1), wanted)


def test_in_place_on_what_was_saved_is_noticed() -> None:
    x = tatamu.from_numpy(noise((70_000,))).requires_grad_()
    y = (x + 0).sigmoid()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
