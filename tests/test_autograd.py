"""The engine: order, memory, modes, writes in place, errors."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tatamu
from tatamu import autograd, nn

STALE = "one of the variables needed for gradient computation has been modified by an inplace"


def leaf(*values: float) -> tatamu.Tensor:
    return tatamu.tensor(list(values), dtype=tatamu.float64, requires_grad=True)


@pytest.mark.slow
def test_a_chain_of_100_000_goes_through_and_comes_apart() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + x
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 100_001
    z = x
    for _ in range(100_000):
        z = -z
    del z


def test_shared_subgraphs_are_walked_once() -> None:
    x = leaf(2.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 2.0**60


def test_the_graph_is_freed_without_the_collector() -> None:
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        nodes = []
        y = x
        for function in (lambda t: t.exp(), lambda t: t.relu(), lambda t: t * t, lambda t: t[0]):
            y = function(y)
            nodes.append(weakref.ref(y.grad_fn))
        storage = weakref.ref((y * 1).storage)
        y.backward()
        del y, function
        assert [node() for node in nodes] == [None] * 4
        assert storage() is None
    finally:
        gc.enable()


def test_backward_frees_what_was_saved() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = (y * y).sum()
    saved = weakref.ref(y.storage)
    del y
    assert saved() is not None
    z.backward()
    assert saved() is None
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        z.backward()


def test_retain_graph_allows_a_second_time() -> None:
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 12


def test_where_nothing_was_saved_twice_is_fine() -> None:
    x = leaf(3.0)
    y = (x + x).sum()
    y.backward()
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 4


def test_gradients_belong_to_their_leaf_alone() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = tatamu.ones(2, dtype=tatamu.float64)
    (a + b).backward(seed)
    assert a.grad is not None and b.grad is not None
    a.grad.zero_()
    seed.fill_(9)
    assert (a.grad.tolist(), b.grad.tolist()) == ([0, 0], [1, 1])
    d, e = leaf(1.0), leaf(2.0)
    ((d + e) * (d + e)).sum().backward()
    assert d.grad is not None and e.grad is not None
    d.grad.zero_()
    assert e.grad.item() == 6
    c = leaf(1.0, 2.0)
    c.sum().backward()
    assert c.grad is not None
    c.grad.mul_(2)
    assert c.grad.tolist() == [2, 2]


def test_accumulation_keeps_the_tensor() -> None:
    x = leaf(1.0)
    (x * 2).backward()
    kept = x.grad
    (x * 3).backward()
    assert x.grad is kept
    assert kept is not None and kept.item() == 5
    x.grad = None
    assert x.grad is None


def test_grad_touches_no_leaf_and_prunes() -> None:
    x, w = leaf(2.0), leaf(5.0)
    y = x * w
    z = y * y
    (dy,) = autograd.grad(z, y, retain_graph=True)
    assert dy.item() == 20
    dx, dw = autograd.grad(z, [x, w])
    assert (dx.item(), dw.item()) == (100, 40)
    assert (x.grad, w.grad) == (None, None)
    unused = leaf(1.0)
    assert autograd.grad((x * x).sum(), [x, unused], allow_unused=True)[1] is None


def test_several_outputs_and_their_gradients() -> None:
    x = leaf(1.0, 2.0)
    outputs = [x * 2, x * x]
    seeds = [tatamu.ones(2), tatamu.tensor([10.0, 100.0])]
    autograd.backward(outputs, seeds)
    assert x.grad is not None
    assert x.grad.tolist() == [22, 402]


def test_third_derivative() -> None:
    x = leaf(2.0)
    y = x**5
    for expected in (80.0, 160.0, 240.0):
        (y,) = autograd.grad(y, x, create_graph=True)
        assert y.item() == expected


def test_create_graph_leaves_a_gradient_with_history() -> None:
    x = leaf(3.0)
    with pytest.warns(UserWarning, match="create_graph=True will create a reference cycle"):
        (x**3).backward(create_graph=True)
    assert x.grad is not None and x.grad.requires_grad
    with pytest.warns(UserWarning, match="make sure to reset the .grad fields"):
        (x**3).backward(create_graph=True)
    assert x.grad.item() == 54
    assert x.grad.requires_grad


def test_mixed_dtypes_get_their_own_gradients() -> None:
    a = tatamu.ones(2, requires_grad=True)
    b = leaf(1.0, 2.0)
    (a * b).sum().backward()
    assert a.grad is not None and b.grad is not None
    assert (a.grad.dtype, b.grad.dtype) == (tatamu.float32, tatamu.float64)


def test_retain_grad() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    y.retain_grad()
    x.retain_grad()
    (y * y).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [6, 12]
    z = x * 3
    z.retain_grad()
    w = z.sum()
    del z
    w.backward()


# ---- modes ---------------------------------------------------------------------------------------


def test_modes_nest_and_restore() -> None:
    x = leaf(1.0)
    with tatamu.no_grad():
        assert not (x * 2).requires_grad
        with tatamu.enable_grad():
            assert (x * 2).requires_grad
        with tatamu.set_grad_enabled(True):
            assert tatamu.is_grad_enabled()
        assert not tatamu.is_grad_enabled()
    assert tatamu.is_grad_enabled()
    with pytest.raises(KeyError), tatamu.no_grad():
        raise KeyError
    assert tatamu.is_grad_enabled()
    tatamu.set_grad_enabled(False)
    assert not tatamu.is_grad_enabled()
    tatamu.set_grad_enabled(True)


def test_modes_decorate() -> None:
    @tatamu.no_grad()
    def quiet(x: tatamu.Tensor, depth: int) -> bool:
        return (x * 2).requires_grad or (depth > 0 and quiet(x, depth - 1))

    assert not quiet(leaf(1.0), 3)
    assert tatamu.is_grad_enabled()
    assert quiet.__name__ == "quiet"


def test_modes_are_each_threads_own() -> None:
    inside, leave = threading.Event(), threading.Event()
    seen: list[bool] = []

    def work() -> None:
        seen.append(tatamu.is_grad_enabled())
        with tatamu.no_grad():
            inside.set()
            leave.wait(10)
            seen.append(tatamu.is_grad_enabled())

    thread = threading.Thread(target=work)
    with tatamu.no_grad():
        thread.start()
        inside.wait(10)
    assert tatamu.is_grad_enabled()
    leave.set()
    thread.join()
    assert seen == [True, False]


def test_backward_in_several_threads() -> None:
    w = tatamu.ones(50, 50, dtype=tatamu.float64)
    results: list[Any] = []

    def work(seed: float) -> None:
        x = tatamu.full((50, 50), seed, dtype=tatamu.float64, requires_grad=True)
        for _ in range(20):
            x.grad = None
            ((x @ w) * x).sum().backward()
        assert x.grad is not None
        results.append((seed, x.grad.numpy().copy()))

    threads = [threading.Thread(target=work, args=(float(n),)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seed for seed, _ in results) == [1, 2, 3, 4]
    for seed, grad in results:
        np.testing.assert_allclose(grad, 100 * seed)


# ---- writes in place -----------------------------------------------------------------------------


@pytest.mark.parametrize("write", ["z.add_(1)", "z[0].mul_(2)", "z.detach().zero_()", "z[0] = 3"])
@pytest.mark.parametrize("use", ["z * z", "z.log()", "z ** 3", "tatamu.ones(2) @ z", "z.abs()"])
def test_a_saved_input_that_was_overwritten_is_caught(write: str, use: str) -> None:
    x = tatamu.tensor([1.0, 2.0], requires_grad=True)
    names = {"z": x * 1, "tatamu": tatamu}
    y = eval(use.replace("tatamu.ones(2)", "(tatamu.ones(2) * z)"), names)
    exec(write, names)
    with pytest.raises(RuntimeError, match=STALE) as caught:
        y.sum().backward()
    assert "is at version 1; expected version 0 instead" in str(caught.value)
    assert "clone() first" in str(caught.value)


def test_a_saved_output_that_was_overwritten_is_caught() -> None:
    x = tatamu.tensor([1.0, 2.0], requires_grad=True)
    for function in ("exp", "sqrt", "relu"):
        y = getattr(x, function)()
        y.add_(1)
        source = f"output 0 of {function.capitalize()}, is at version 1; expected"
        with pytest.raises(RuntimeError, match=rf"{STALE}.*{source} version 0"):
            y.sum().backward()


def test_writes_that_nobody_needs_undone_are_fine() -> None:
    x = tatamu.tensor([1.0, 2.0], requires_grad=True)
    y = (x * 2).add_(1)
    (y + y).mul_(3).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [12, 12]
    with tatamu.no_grad():
        x -= x.grad
    assert (x.tolist(), x.is_leaf, x.requires_grad) == ([-11, -10], True, True)


def test_data_writes_are_not_noticed() -> None:
    x = tatamu.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    x.data.mul_(10)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [20, 40]


WRITES = [
    "a.mul_(x)",
    "a.add_(x * 2)",
    "v = a[1:]; v.mul_(x[:2])",
    "a[0] = x[1] * 3",
    "a[1:].copy_(x[0])",
    "v = a.view(3, 1); v[1:].add_(x[1])",
    "w = a[:2]; a.mul_(2); w.add_(x[1:])",
    "w = a[:2]; u = w[1:]; u.fill_(4); w.mul_(x[:2])",
    "a.div_(x)",
    "a.zero_().add_(x)",
    "w = a[::2]; a[2:].sub_(x[:1]); b = (w.clone() ** 2).sum() + b",
    "w = a.unsqueeze(0).expand(2, 3); a.mul_(x); b = (w.clone() ** 2).sum() + b",
    "a.detach().unsqueeze(0)[0].mul_(1); a = a.clone()",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WRITES), min_size=1, max_size=4))
def test_any_sequence_of_writes_is_its_finite_difference(writes: list[str]) -> None:
    def f(x: tatamu.Tensor) -> tatamu.Tensor:
        names: dict[str, Any] = {"x": x, "a": x * 1.5, "b": (x * x).sum()}
        for write in writes:
            exec(write, names)
        result: tatamu.Tensor = (names["a"] * names["a"]).sum() + names["b"]
        return result

    at = np.array([1.1, 0.7, 1.3])
    x = tatamu.tensor(at, requires_grad=True)
    f(x).backward()
    assert x.grad is not None
    for place in range(3):
        step = np.eye(3)[place] * 1e-6
        up, down = (f(tatamu.tensor(at + s)).item() for s in (step, -step))
        assert x.grad[place].item() == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)


def test_a_view_made_before_its_base_required_grad() -> None:
    x = leaf(2.0, 3.0)
    z = tatamu.zeros(2, 2, dtype=tatamu.float64)
    v = z[1]
    assert not v.requires_grad
    z.add_(x)
    assert v.requires_grad and not v.is_leaf
    assert "AsStridedBackward0" in repr(v.grad_fn) and "AsStridedBackward0" in repr(v)
    (v * v).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4, 6]


def test_writes_to_leaves_are_refused_only_while_recording() -> None:
    w = nn.Parameter(tatamu.ones(2))
    v = w[0]
    for write in (lambda: w.mul_(2), lambda: v.mul_(2), lambda: w.__setitem__(0, 3)):
        with pytest.raises(RuntimeError, match=r"leaf Variable that requires grad.*in-place"):
            write()
        with tatamu.no_grad():
            write()
    assert w.tolist() == [3, 2]


def test_versions_after_a_failed_write() -> None:
    x = tatamu.ones(2)
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        x.add_(tatamu.ones(3))
    assert x._version == 0


def test_node_text() -> None:
    y = leaf(1.0) * 2
    assert y.grad_fn is not None
    assert repr(y.grad_fn).startswith("<MulBackward0 object at 0x")
    assert y.grad_fn.name() == "MulBackward0"
