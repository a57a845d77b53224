"""Steps in compiled code: one call for a whole list, and the bits that NumPy gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from direct_cases import HOST
from scripts_of_fixtures import script

import tatamu
from tatamu import nn, optim
from tatamu.kernels import updates
from tatamu.optim import ruled
from tatamu.runtime.launch import Launch

needs_host = pytest.mark.skipif(HOST is None, reason="no kernel runs here")
RULED = [
    code
    for code in script("optim_cases").OPTIMIZERS
    if "[{" not in code and not any(name in code for name in ("ASGD", "Rprop"))
]
SHAPES = [(20, 3, 5, 5), (7,), (33, 129), (), (0, 3), (1, 40_000), (16,)]


def parameters() -> list[tatamu.Tensor]:
    """Weights of many sizes, the first of them channels-last."""
    random = np.random.default_rng(0)
    ps = [tatamu.from_numpy(np.array(random.uniform(-1, 1, s), np.float32)) for s in SHAPES]
    ps[0] = ps[0].to(memory_format=tatamu.channels_last)
    return [p.requires_grad_() for p in ps]


def steps(code: str, count: int, calls: list[Any]) -> tuple[list[Any], list[int]]:
    """Parameters and all that is remembered after so many steps; calls of each step."""
    ps = parameters()
    optimizer = eval(code, {"optim": optim, "ps": ps, "torch": tatamu})
    random = np.random.default_rng(1)
    made = []
    for step in range(count):
        for place, p in enumerate(ps):
            noise = random.uniform(-1, 1, p.shape).astype(np.float32)
            g = tatamu.from_numpy(noise) + p.detach()
            p.grad = None if place == 1 and step == 2 else g
        before = len(calls)
        optimizer.step()
        made.append(len(calls) - before)
    state = optimizer.state_dict()["state"]
    held = [state[n][name] for n in sorted(state) for name in sorted(state[n])]
    return [t.detach().numpy().copy() for t in (*ps, *held)], made


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """One entry for each call of a kernel."""
    seen: list[Any] = []
    call = Launch.__call__

    def counted(self: Launch, addresses: tuple[int, ...], workers: int) -> None:
        seen.append(self.code)
        call(self, addresses, workers)

    monkeypatch.setattr(Launch, "__call__", counted)
    return seen


@needs_host
@pytest.mark.parametrize("code", RULED)
def test_one_call_for_all_parameters_and_numpys_bits(
    code: str, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fused, made = steps(code, 5, calls)
    # Momentum begins as the first gradient, which NumPy copies; some steps of RAdam are of one
    # kind, some of another, but each is one call.
    first = 0 if "SGD" in code and "momentum" in code else 1
    later = made[3] if first == 0 else 1
    assert made[0] == first
    assert made[1] == made[4] == later == 1
    calls.clear()
    monkeypatch.setattr(ruled, "FEWEST", 10**9)
    plain, made = steps(code, 5, calls)
    assert made == [0] * 5
    assert len(fused) == len(plain)
    for a, b in zip(fused, plain, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@needs_host
def test_groups_of_other_numbers_share_the_call(calls: list[Any]) -> None:
    ps = parameters()
    groups = [{"params": ps[:3]}, {"params": ps[3:], "lr": 0.5, "betas": (0.8, 0.9)}]
    optimizer = optim.Adam(groups, lr=0.1)
    for p in ps:
        p.grad = tatamu.ones_like(p)
    optimizer.step()
    assert len(calls) == 1
    optimizer.param_groups[1]["weight_decay"] = 0.1  # another rule
    optimizer.step()
    assert len(calls) == 3


@needs_host
def test_what_no_kernel_serves_takes_its_step_all_the_same(calls: list[Any]) -> None:
    wide = tatamu.ones(70, 70, dtype=tatamu.float64, requires_grad=True)
    narrow = tatamu.ones(70, 70, dtype=tatamu.bfloat16, requires_grad=True)
    plain = tatamu.ones(70, 70, requires_grad=True)
    turned = tatamu.ones(70, 70, requires_grad=True)
    gaps = tatamu.ones(70, 140)[:, ::2].requires_grad_()
    ps = [wide, narrow, plain, turned, gaps]
    optimizer = optim.SGD(ps, lr=0.5)
    for p in ps:
        p.grad = tatamu.ones_like(p)
    turned.grad = tatamu.ones(70, 70).t()
    optimizer.step()
    assert len(calls) == 1
    assert all((p == 0.5).all() for p in ps)


@needs_host
def test_it_can_be_refused_and_few_elements_are_left_to_numpy(calls: list[Any]) -> None:
    for count, fused, wanted in ((5000, False, 0), (5000, True, 1), (5000, None, 1), (50, None, 0)):
        p = tatamu.ones(count, requires_grad=True)
        p.grad = tatamu.ones(count)
        calls.clear()
        optim.SGD([p], lr=0.5, fused=fused).step()
        assert len(calls) == wanted
        assert (p == 0.5).all()


@needs_host
def test_parameters_over_one_memory_change_one_after_the_other(calls: list[Any]) -> None:
    p = tatamu.ones(5000, requires_grad=True)
    q = p.detach()[:4500].requires_grad_()
    for w in (p, q):
        w.grad = tatamu.ones_like(w)
    optim.SGD([p, q], lr=0.25).step()
    assert not calls
    assert p[0].item() == 0.5 and p[4999].item() == 0.75


@needs_host
def test_a_step_is_a_write_to_weights_and_memory() -> None:
    p = tatamu.ones(5000, requires_grad=True)
    loss = (p * p).sum()
    p.grad = tatamu.ones(5000)
    optimizer = optim.Adam([p])
    optimizer.step()
    before = optimizer.state[p]["exp_avg"]._version
    optimizer.step()
    assert optimizer.state[p]["exp_avg"]._version == before + 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@needs_host
def test_a_network_learns_by_it_and_threads_agree(calls: list[Any]) -> None:
    kept = []
    for threads in (1, 2):
        before = tatamu.get_num_threads()
        tatamu.set_num_threads(threads)
        try:
            tatamu.manual_seed(0)
            model = nn.Sequential(nn.Linear(30, 200), nn.ReLU(), nn.Linear(200, 1))
            optimizer = optim.AdamW(model.parameters(), lr=0.01)
            x = tatamu.randn(64, 30)
            losses = []
            for _ in range(10):
                optimizer.zero_grad()
                loss = ((model(x) - x[:, :1]) ** 2).mean()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        finally:
            tatamu.set_num_threads(before)
        kept.append(losses)
    assert kept[0] == kept[1]
    assert kept[0][-1] < kept[0][0] / 2


def test_pieces_cover_every_element_once() -> None:
    rows = updates.pieces([0, 1, updates.PIECE, updates.PIECE + 1])
    assert rows.tolist() == [
        [1, 0, 1], [2, 0, updates.PIECE], [3, 0, updates.PIECE], [3, updates.PIECE, 1]
    ]  # fmt: skip


def test_without_a_compiler_numpy_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from tatamu.errors import CompileError

    def refuse() -> Any:
        raise CompileError("no compiler here")

    said: list[str] = []
    monkeypatch.setattr(ruled, "target", refuse)
    monkeypatch.setattr(ruled, "warn_once", said.append)
    p = tatamu.ones(5000, requires_grad=True)
    p.grad = tatamu.ones(5000)
    optim.SGD([p], lr=0.5).step()
    assert (p == 0.5).all()
    assert said == ["no compiler here"]
