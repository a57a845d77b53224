"""The graph itself: operations with several outputs, memory, depth, threads, Functions, hooks."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import autograd, nn
from tatamu.ops import op as op_module
from tatamu.ops.arithmetic import add, mul
from tatamu.ops.common import full, interned, moved_bytes, none
from tatamu.ops.index import Placed, place
from tatamu.ops.op import NOTHING, Op, Out, Saves, apply_all
from tatamu.utils.checkpoint import checkpoint


@contextmanager
def no_collector() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def outside_registry(op: Op) -> Op:
    del op_module._registry[op.name]
    return op


def _both_vjp(node: Any, g: Any, h: Any) -> tuple[Any]:
    x, y = node.recall()
    parts = []
    if g is not None:
        parts.append(mul(g, y))
    if h is not None:
        parts.append(mul(h, mul(x, full((), 2, x.dtype))))
    return (parts[0] if len(parts) == 1 else add(*parts),)


BOTH = outside_registry(
    Op(
        name="both",
        title="Both",
        shape=lambda call: (Out(call.shape(0), call.dtype(0)),) * 2,
        reference=lambda attrs, x: (np.exp(x), x * x),
        vjp=_both_vjp,
        saves=Saves(((0, 0),), (0,)),
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=lambda random: (),
        kernels=(),
        differentiable=2,
    )
)


def _rows_vjp(node: Any, *gradients: Any) -> tuple[Any]:
    shape = node.call.shape(0)
    given = [(n, g) for n, g in enumerate(gradients) if g is not None]
    parts = [place(g, attrs=Placed(shape, (n, ...))) for n, g in given]
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return (total,)


ROWS = outside_registry(
    Op(
        name="rows",
        title="Unbind",
        shape=lambda call: (Out(call.shape(0)[1:], call.dtype(0)),) * call.shape(0)[0],
        reference=lambda attrs, x: tuple(x),
        vjp=_rows_vjp,
        saves=NOTHING,
        aliases=True,
        flops=none,
        bytes=none,
        samples=lambda random: (),
        kernels=(),
        differentiable=3,
    )
)


def test_several_outputs_join_the_graph() -> None:
    x = tatamu.tensor([1.0, 2.0], dtype=tatamu.float64, requires_grad=True)
    e, s = apply_all(BOTH, None, x)
    assert (e.grad_fn is s.grad_fn, e.output_nr, s.output_nr) == (True, 0, 1)
    assert "BothBackward0" in repr(s)
    (e * s).sum().backward()
    expected = np.exp([1, 2]) * np.array([1, 4]) + np.exp([1, 2]) * np.array([2, 4])
    np.testing.assert_allclose(x.grad.numpy(), expected)
    assert autograd.grad(apply_all(BOTH, None, x)[1].sum(), x)[0].tolist() == [2, 4]
    assert (s * 2).grad_fn.next_functions == ((s.grad_fn, 1), (None, 0))
    assert autograd.gradcheck(lambda x: apply_all(BOTH, None, x), (x,))
    assert autograd.gradgradcheck(lambda x: apply_all(BOTH, None, x), (x,))


def test_a_linear_layer_lists_its_bias_first_as_torch_does() -> None:
    layer = tatamu.nn.Linear(3, 2)
    hidden = tatamu.ones(4, 3, requires_grad=True).relu()
    listed = [node for node, _ in layer(hidden).grad_fn.next_functions]
    assert [node.name() for node in listed[:2]] == [
        "torch::autograd::AccumulateGrad",
        "ReluBackward0",
    ]
    assert listed[0].variable is layer.bias and listed[2].variable is layer.weight


def test_hooks_and_kept_gradients_of_a_second_output() -> None:
    x = tatamu.tensor([1.0, 2.0], requires_grad=True)
    e, s = apply_all(BOTH, None, x)
    s.retain_grad()
    s.register_hook(lambda g: g * 10)
    ds, dx = autograd.grad((s * 3).sum(), [s, x], retain_graph=True)
    assert (ds.tolist(), dx.tolist()) == ([3, 3], [60, 120])
    s.grad = None
    (s * 3).sum().backward(retain_graph=True)
    assert s.grad.tolist() == [30, 30]
    with pytest.warns(UserWarning, match="not a leaf"):
        assert e.grad is None
    e.detach().mul_(2)
    with pytest.raises(RuntimeError, match="which is output 0 of Both, is at version 1"):
        e.sum().backward()


def test_views_with_several_outputs() -> None:
    x = tatamu.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    a, b, c = apply_all(ROWS, None, x * 1)
    assert (b.output_nr, b.grad_fn is a.grad_fn, b.data_ptr() - a.data_ptr()) == (1, True, 4)
    (b * 5 + c).sum().backward()
    assert x.grad.tolist() == [[0], [5], [1]]
    with pytest.raises(RuntimeError, match="Output 1 of Unbind is a view and is being modified"):
        b.add_(1)
    with tatamu.no_grad():
        b.add_(1)
    assert b.tolist() == [3]
    assert autograd.gradcheck(
        lambda x: apply_all(ROWS, None, x), (x.detach().double().requires_grad_(),)
    )


class Twice(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x * 2
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2


class Same(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.exp().relu() * x,
        lambda x: apply_all(BOTH, None, x)[1] * apply_all(BOTH, None, x)[0],
        lambda x: apply_all(ROWS, None, x * 1)[0],
        Twice.apply,
        lambda x: checkpoint(lambda t: (t * t).exp(), x, use_reentrant=False),
        lambda x: checkpoint(lambda t: (t * t).exp(), x, use_reentrant=True),
        lambda x: (x * 1).mul_(x),
        lambda x: x[0] * x[1],
    ],
)
def test_graphs_go_without_the_collector(function: Any) -> None:
    gc.collect()
    with no_collector():
        x = tatamu.tensor([[1.0, 2.0]] * 3, requires_grad=True)
        y = function(x)
        assert y.grad_fn.next_functions
        node, storage = weakref.ref(y.grad_fn), weakref.ref(y.storage)
        y.sum().backward()
        del y
        assert node() is None
        assert storage() is None
        y = function(x)
        y.retain_grad()
        y.register_hook(lambda g: g)
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None


@pytest.mark.slow
def test_long_chains_of_functions_do_not_recurse() -> None:
    x = tatamu.ones(1, requires_grad=True)
    y = x
    for _ in range(30_000):
        y = Same.apply(y)
    y.sum().backward()
    del y
    z = x * 1
    for _ in range(100_000):
        z.add_(1)
    z.sum().backward()
    del z
    assert x.grad.tolist() == [2]
    u = x
    for _ in range(30_000):
        u = Same.apply(u)
    del u


def test_a_leaf_is_added_to_from_several_threads() -> None:
    w = tatamu.zeros(2000, dtype=tatamu.float64, requires_grad=True)
    seen: list[int] = []
    w.register_post_accumulate_grad_hook(lambda p: seen.append(1))

    def work() -> None:
        for _ in range(50):
            (w * 2).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (w.grad.numpy() == 400).all()
    assert len(seen) == 200


def test_checkpoints_keep_less_and_draw_the_same_numbers() -> None:
    x = tatamu.ones(1000, requires_grad=True)

    def block(t: Any) -> Any:
        return (t * tatamu.rand(1000)).exp()

    for reentrant in (False, True):
        gradients = []
        for wrapped in (False, True):
            tatamu.manual_seed(3)
            x.grad = None
            y = checkpoint(block, x, use_reentrant=reentrant) if wrapped else block(x)
            after = tatamu.rand(3).tolist()
            y.sum().backward()
            gradients.append((x.grad.tolist(), after, tatamu.rand(2).tolist()))
        assert gradients[0] == gradients[1]


def test_batched_gradients_are_refused_by_name() -> None:
    x = tatamu.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match=r"vmap.*\n.*call grad once for each row"):
        autograd.grad(x * 2, x, tatamu.ones(3, 2), is_grads_batched=True)


def test_attributes_of_equal_numbers_are_kept_apart() -> None:
    floats, whole, window = (701.0, 702.0), (701, 702), Placed((701,), (702,))
    assert interned(floats) == interned(whole)
    assert [type(n) for n in interned(whole)] == [int, int]
    assert [type(n) for n in interned(floats)] == [float, float]
    assert type(interned(window)) is Placed
    assert type(interned(((701,), (702,)))) is tuple


def test_older_names_of_arguments() -> None:
    x = tatamu.ones(2, requires_grad=True)
    with pytest.warns(FutureWarning, match="`grad_variables` is deprecated"):
        autograd.backward(x * 2, grad_variables=tatamu.ones(2))
    assert x.grad.tolist() == [2, 2]
    with (
        pytest.warns(FutureWarning),
        pytest.raises(RuntimeError, match="arguments both passed to `backward"),
    ):
        autograd.backward(x * 2, tatamu.ones(2), grad_variables=tatamu.ones(2))
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        autograd.grad(x.sum(), x, only_inputs=False)
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        autograd.backward([x.sum(), x.sum()], [None])


def test_anomaly_mode_shows_the_forward_call() -> None:
    x = tatamu.zeros(1, requires_grad=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with autograd.detect_anomaly(), pytest.raises(RuntimeError, match="nan values in its 0th"):
            (x.sqrt() * 0).backward()
        y = x.sqrt() * 0
        with (
            autograd.set_detect_anomaly(True),
            pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan"),
        ):
            y.backward()
    told = [str(w.message) for w in caught]
    assert "Error detected in SqrtBackward0. Traceback of forward call" in told[1]
    assert "test_graph.py" in told[1] and "(x.sqrt() * 0).backward()" in told[1]
    assert "No forward pass information available" in told[2]
    assert not tatamu.is_anomaly_enabled()


def test_jacobians_refuse_an_unknown_strategy() -> None:
    with pytest.raises(AssertionError, match='either "forward-mode" or "reverse-mode"'):
        autograd.functional.jacobian(lambda x: x, tatamu.ones(1), strategy="sideways")


def test_checks_find_wrong_derivatives() -> None:
    class Wrong(Twice):
        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 3

    x = tatamu.ones(2, dtype=tatamu.float64, requires_grad=True)
    with pytest.raises(autograd.check.GradcheckError, match="Jacobian mismatch for output 0 with"):
        autograd.gradcheck(Wrong.apply, (x,))
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double"):
        autograd.gradcheck(lambda x: x * 2, (x.float().detach().requires_grad_(),), eps=1e-2)


def test_a_function_without_setup_context_says_so() -> None:
    with pytest.raises(NotImplementedError, match="setup_context is not implemented"):
        autograd.Function.setup_context(None, (), None)


def test_checkpoints_notice_what_changed() -> None:
    x = tatamu.ones(2, requires_grad=True)
    calls: list[int] = []

    def shrinking(t: Any) -> Any:
        calls.append(1)
        return (t[: 2 - len(calls) + 1] * t[: 2 - len(calls) + 1]).sum()

    y = checkpoint(shrinking, x, use_reentrant=False)
    with pytest.raises(RuntimeError, match="have different metadata than during the forward"):
        y.backward()
    with pytest.raises(RuntimeError, match="none of output has requires_grad=True"):
        checkpoint(lambda t: t.detach(), x, use_reentrant=True).sum().backward()
    with pytest.warns(UserWarning, match="checkpoint_sequential: the use_reentrant parameter"):
        tatamu.utils.checkpoint.checkpoint_sequential([nn.Tanh()], 1, x)
