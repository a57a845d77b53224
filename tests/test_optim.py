"""Optimizers beyond their numbers: groups, hooks, state, copies, other dtypes, averages."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn, optim
from tatamu.optim import swa_utils


def leaf(*numbers: float, dtype: Any = tatamu.float32) -> tatamu.Tensor:
    return tatamu.tensor(list(numbers), dtype=dtype, requires_grad=True)


def trained(optimizer: Any, w: tatamu.Tensor, steps: int) -> list[float]:
    for _ in range(steps):
        optimizer.zero_grad()
        ((w - 3) ** 2).sum().backward()
        optimizer.step()
    return w.tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Rprop", "Adamax"])
def test_training_goes_downhill_and_on_from_saved_state(kind: str) -> None:
    make = getattr(optim, kind)
    options = {"momentum": 0.9} if kind == "SGD" else {}
    w = leaf(0.0, 5.0)
    first = make([w], lr=0.05, **options)
    trained(first, w, 5)
    other = leaf(*w.tolist())
    second = make([other], lr=1.0, **options)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert second.param_groups[0]["lr"] == 0.05
    assert trained(first, w, 5) == trained(second, other, 5)
    assert abs(w.tolist()[0] - 3) < 3


def test_a_step_counts_as_a_write_and_only_where_there_is_a_gradient() -> None:
    w, still = leaf(1.0), leaf(1.0)
    optimizer = optim.SGD([w, still], lr=0.5)
    kept = (w * w).sum()
    w.grad = tatamu.ones(1)
    before = w._version, still._version
    optimizer.step()
    assert (w._version > before[0], still._version) == (True, before[1])
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        kept.backward()


def test_zero_grad() -> None:
    w = leaf(1.0)
    optimizer = optim.SGD([w])
    (w * 2).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is not None
    assert w.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_closures_see_gradients_and_give_the_loss() -> None:
    w = leaf(1.0)
    optimizer = optim.SGD([w], lr=0.1)

    def closure() -> tatamu.Tensor:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with tatamu.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert w.tolist() == pytest.approx([0.8])


def test_hooks() -> None:
    w = leaf(1.0)
    optimizer = optim.Adam([w])
    seen: list[str] = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("before"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))
    optimizer.step()
    before.remove()
    optimizer.step()
    assert seen == ["before", "after", "after"]
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    assert optimizer.state_dict()["more"] == 1
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("asked"), prepend=True)
    optimizer.register_load_state_dict_pre_hook(lambda o, state: seen.append("loading"))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen[3:] == ["asked", "loading", "loaded"]
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 1)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args"):
        optimizer.step()


def test_groups_may_be_added() -> None:
    model = nn.Linear(2, 2)
    optimizer = optim.SGD([model.weight], lr=0.1)
    optimizer.add_param_group({"params": model.bias, "lr": 0.5})
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    assert optimizer.param_groups[1]["momentum"] == 0
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optimizer.add_param_group([model.weight])  # type: ignore[arg-type]
    named = optim.SGD(model.named_parameters())
    assert named.param_groups[0]["param_names"] == ["weight", "bias"]


def test_copies_and_pickles() -> None:
    w = leaf(1.0, 2.0)
    optimizer = optim.Adam([w])
    trained(optimizer, w, 2)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (own,) = other.param_groups[0]["params"]
        assert other.state[own]["exp_avg"].tolist() == optimizer.state[w]["exp_avg"].tolist()
        own.grad = tatamu.ones(2)
        other.step()
        assert own.tolist() != w.tolist()


@pytest.mark.parametrize("dtype", [tatamu.float16, tatamu.bfloat16, tatamu.float64])
def test_other_dtypes(dtype: Any) -> None:
    w = leaf(1.0, 2.0, dtype=dtype)
    optimizer = optim.Adam([w], lr=0.5)
    for _ in range(2):
        w.grad = tatamu.ones(2, dtype=dtype)
        optimizer.step()
    assert w.dtype is dtype
    assert w.tolist() == pytest.approx([0.0, 1.0], abs=1e-2)
    state = optimizer.state[w]
    assert (state["exp_avg"].dtype, state["step"].dtype) == (dtype, tatamu.float32)


def test_weights_that_lie_channels_last() -> None:
    before = np.random.default_rng(0).uniform(-1, 1, (4, 3, 2, 2)).astype("f4")
    w = nn.Parameter(tatamu.from_numpy(before.copy()).contiguous(tatamu.channels_last))
    optimizer = optim.SGD([w], lr=1.0, momentum=0.9)
    w.grad = tatamu.from_numpy(before / 2)
    optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), before / 2, 1e-6)


def test_a_model_trains() -> None:
    tatamu.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    x = tatamu.randn(30, 4)
    target = x[:, :3].argmax(1)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 20)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), target)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert scheduler.get_last_lr() == [pytest.approx(0.0005)]


def test_schedulers_go_on_from_saved_state() -> None:
    def made() -> tuple[Any, Any]:
        optimizer = optim.SGD([leaf(1.0)], lr=0.1)
        scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 7)
        return optimizer, scheduler

    (first, one), (second, two) = made(), made()
    for _ in range(3):
        first.step()
        one.step()
    second.load_state_dict(first.state_dict())
    two.load_state_dict(one.state_dict())
    for optimizer, scheduler in ((first, one), (second, two)):
        optimizer.step()
        scheduler.step()
    assert one.get_last_lr() == two.get_last_lr()


class Doubling:
    """A factor with a state of its own."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, epoch: int) -> float:
        self.calls += 1
        return 2.0**epoch


def test_objects_that_are_called_keep_their_state() -> None:
    optimizer = optim.SGD([leaf(1.0)], lr=0.1)
    schedulers = optim.lr_scheduler
    scheduler = schedulers.LambdaLR(optimizer, Doubling())
    state = scheduler.state_dict()
    assert state["lr_lambdas"] == [{"calls": 1}]
    state["lr_lambdas"][0]["calls"] = 7
    scheduler.load_state_dict(state)
    assert scheduler.lr_lambdas[0].calls == 7
    cyclic = schedulers.CyclicLR(optimizer, 0.1, 0.2, scale_fn=Doubling())
    state = cyclic.state_dict()
    assert state["_scale_fn_custom"] == {"calls": 1}
    cyclic.load_state_dict(state)
    assert isinstance(cyclic._scale_fn_custom, Doubling)


def test_plateaus_and_new_groups() -> None:
    optimizer = optim.SGD([leaf(1.0)], lr=0.1)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0])
    optimizer.add_param_group({"params": [leaf(2.0)]})
    scheduler.step(1.0)
    with pytest.raises(RuntimeError, match=r"number of param groups in the `optimizer` \(2\)"):
        scheduler.step(1.0)


def test_averages_of_weights() -> None:
    model = nn.Linear(1, 1, bias=False)
    mean = swa_utils.AveragedModel(model)
    moving = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9))
    listed = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_swa_multi_avg_fn())
    for weight in (1.0, 2.0, 6.0):
        with tatamu.no_grad():
            model.weight.fill_(weight)
        for averaged in (mean, moving, listed):
            averaged.update_parameters(model)
    assert mean.module.weight.item() == listed.module.weight.item() == pytest.approx(3.0)
    assert moving.module.weight.item() == pytest.approx((1 * 0.9 + 0.2) * 0.9 + 0.6)
    assert mean.n_averaged.item() == 3
    assert mean(tatamu.ones(1, 1)).item() == pytest.approx(3.0)
    assert list(mean.state_dict()) == ["n_averaged", "module.weight"]


def test_statistics_of_batch_norm_are_made_anew() -> None:
    tatamu.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)).eval()
    batches = [(tatamu.randn(8, 2) + 5, 0) for _ in range(4)]
    swa_utils.update_bn(batches, model)
    layer: Any = model[0]
    wanted = np.mean([x.numpy().mean(0) for x, _ in batches], axis=0)
    np.testing.assert_allclose(layer.running_mean.numpy(), wanted, 1e-5)
    assert (layer.momentum, model.training) == (0.1, False)
    swa_utils.update_bn(batches, nn.ReLU())


def test_errors_explain_themselves() -> None:
    with pytest.raises(ValueError, match=r"empty parameter list\n.*Use nn\.ModuleList"):
        optim.SGD([])
    with pytest.raises(ValueError, match=r"non-leaf Tensor\n.*MulBackward0: x\.detach"):
        optim.SGD([leaf(1.0) * 2])
    with pytest.raises(ValueError, match=r"Invalid learning rate: -1\n.*0 or more"):
        optim.SGD([leaf(1.0)], lr=-1)
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        w = leaf(1.0)
        optimizer = optim.LBFGS([w], line_search_fn="other")

        def closure() -> Any:
            loss = (w * w).sum()
            loss.backward()
            return loss

        optimizer.step(closure)


def test_names_are_imported_when_asked_for() -> None:
    code = (
        "import sys, tatamu\n"
        "assert not [m for m in sys.modules if m.startswith(('tatamu.optim.', 'tatamu.utils.'))]\n"
        "assert {'SGD', 'lr_scheduler'} <= set(dir(tatamu.optim))\n"
        "assert 'data' in dir(tatamu.utils)\n"
        "assert tatamu.optim.lr_scheduler.StepLR and tatamu.utils.data.DataLoader\n"
        "assert 'tatamu.optim.lbfgs' not in sys.modules\n"
        "from tatamu.optim import *\n"
        "assert SGD is tatamu.optim.sgd.SGD and LBFGS\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    for package in (optim, tatamu.utils):
        with pytest.raises(AttributeError, match=r"module 'tatamu\.\w+' has no attribute 'foo'"):
            package.foo  # noqa: B018
