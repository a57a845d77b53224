"""The training loop: what it computes, what it keeps, and that it goes on to the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts_of_fixtures import script

import tatamu
from tatamu import nn, ops, optim, train
from tatamu.train import checkpoints
from tatamu.train.history import written
from tatamu.utils.data import DataLoader, TensorDataset
from tatamu.vision.transforms import v2

FIXTURES = Path(__file__).parent / "fixtures"


def data(count: int = 64) -> TensorDataset:
    """Points in a plane, and on which side of a line they lie."""
    x = tatamu.randn(count, 2, generator=tatamu.Generator().manual_seed(3))
    return TensorDataset(x, (x[:, 0] > x[:, 1]).long())


def net() -> nn.Sequential:
    tatamu.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3),
                         nn.Linear(8, 2))  # fmt: skip


def fit(model: Any = None, **options: Any) -> tuple[train.History, list[Any]]:
    model = net() if model is None else model
    options = {"epochs": 3, "batch_size": 8, "seed": 1, "progress": False, **options}
    history = train.fit(model, options.pop("data", data()), **options)
    return history, [t.detach().numpy().copy() for t in model.state_dict().values()]


def same(a: list[Any], b: list[Any]) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_loss_curve_is_torchs(name: str) -> None:
    facts = json.loads((FIXTURES / "loss_curve.json").read_text())
    runs = script("loss_curve")
    model, loader, optimizer = runs.parts(tatamu, name)
    history = train.fit(model, loader, epochs=runs.EPOCHS, optimizer=optimizer, progress=False)
    np.testing.assert_allclose(history.column("loss"), facts[name], 0, 1e-3)
    # Step by step, too: the loop by hand, as the script writes it for torch.
    np.testing.assert_allclose(runs.losses(tatamu, name), facts[f"{name}.steps"], 0, 1e-3)


def test_history_and_files(tmp_path: Path) -> None:
    history, _ = fit(val=data(), folder=tmp_path, lr=0.01)
    assert history.columns == [
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds"
    ]  # fmt: skip
    assert history.seed == 1
    assert history.column("epoch") == [1, 2, 3]
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["best.pt", "curves.svg", "history.csv", "last.pt"]
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0] == ",".join(history.columns) and len(lines) == 4
    drawing = (tmp_path / "curves.svg").read_text()
    assert drawing.count('<path class="val"') == 2
    with pytest.raises(KeyError, match="'f1' is not in the history; there are epoch, loss"):
        history.column("f1")
    model = net()
    model.load_state_dict(tatamu.load(tmp_path / "best.pt"))
    found = train.evaluate(model, data())
    assert found["loss"] == pytest.approx(history[-1]["val_loss"])
    assert train.predict(model, data()).shape == (64, 2)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"epochs": 0}, "epochs is a positive number, but got 0"),
        ({"accumulate": 0}, "accumulate is a positive number, but got 0"),
        ({"data": []}, "fit got no batch"),
        ({"stop": train.EarlyStopping("val_f1")}, "EarlyStopping waits for 'val_f1'"),
    ],
)
def test_refusals(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fit(**options)
    with pytest.raises(ValueError, match="evaluate got no batch"):
        train.evaluate(net(), [])
    with pytest.raises(ValueError, match="cache_features got no batch"):
        train.cache_features(net(), [])


def test_accumulated_batches_are_one_large_one() -> None:
    def plain() -> Any:
        tatamu.manual_seed(0)
        return nn.Linear(2, 2)

    def run(size: int, accumulate: int) -> list[Any]:
        loader = DataLoader(data(56), size)
        model = plain()
        optimizer = optim.SGD(model.parameters(), lr=0.5)
        return fit(model, data=loader, optimizer=optimizer, accumulate=accumulate)[1]

    for a, b in zip(run(16, 1), run(4, 4), strict=True):  # the last step has fewer samples
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)


def test_schedulers_clip_and_mix() -> None:
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.4)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    history, _ = fit(model, optimizer=optimizer, scheduler=scheduler, clip=0.1)
    assert history.column("lr") == [0.4, 0.2, 0.1]
    optimizer = optim.SGD(model.parameters(), lr=0.4)
    per_step = optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.5, 16)
    history, _ = fit(model, optimizer=optimizer, step_scheduler=per_step)
    assert history.column("lr") == pytest.approx([0.3, 0.2, 0.2])
    optimizer = optim.SGD(model.parameters(), lr=1e-6)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.9)
    history, _ = fit(model, optimizer=optimizer, scheduler=plateau, val=data())
    assert history.column("lr") == pytest.approx([1e-6, 1e-6, 1e-7])
    seen = []
    mix = v2.MixUp(num_classes=2)

    def mixed(x: Any, y: Any) -> Any:
        seen.append(y)
        return mix(x, y)

    tatamu.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    history, _ = fit(model, data=pictures(64), mix=mixed)
    assert len(seen) == 24 and 0 < history[-1]["accuracy"] <= 1


def test_early_stopping_restores_the_best_weights(tmp_path: Path) -> None:
    kept: list[Any] = []
    model = net()

    def after(row: dict[str, Any]) -> None:
        kept.append([t.numpy().copy() for t in model.state_dict().values()])

    stop = train.EarlyStopping("val_loss", patience=2, min_delta=0.5)
    history, last = fit(model, val=data(), stop=stop, epochs=50, after_epoch=after, folder=tmp_path)
    assert (len(history), history.best) == (3, 0)
    assert "val_loss has not been better" in history.stopped
    same(last, kept[0])
    assert stop.epoch == -1  # the training's own is a copy
    again, weights = fit(net(), val=data(), stop=stop, epochs=50, folder=tmp_path)
    assert len(again) == 3  # it is over, and stays so
    same(weights, kept[0])
    for wrong, sentence in (({"mode": "up"}, "mode is"), ({"patience": 0}, "patience is")):
        with pytest.raises(ValueError, match=sentence):
            train.EarlyStopping(**wrong)


SCRIPT = """
import sys, time, random
sys.path[:0] = [{tests!r}]
import numpy as np, tatamu
from pathlib import Path
from test_train import data, net
from tatamu import optim, train
from tatamu.utils.data import DataLoader, Dataset

class Noisy(Dataset):
    def __init__(self): self.inner = data(48)
    def __len__(self): return 48
    def __getitem__(self, i):
        x, y = self.inner[i]
        time.sleep({nap})
        return x + 0.1 * tatamu.rand(2) + random.random() + np.random.rand(), y

random.seed(5); np.random.seed(6)
model = net()
optimizer = optim.AdamW(model.parameters(), lr=0.01)
loader = DataLoader(Noisy(), 6, shuffle=True, num_workers={workers}, {generator})
history = train.fit(
    model, loader, data(), epochs=4, optimizer=optimizer, accumulate=2, seed=7, save_every=1,
    scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, 4), stop=10,
    step_scheduler=None, folder=sys.argv[1], progress=False)
state = dict(model.state_dict())
tatamu.save({{**state, "rows": [[r["loss"], r["accuracy"], r["val_loss"]] for r in history],
    "next": tatamu.rand(1).item() + random.random() + np.random.rand()}}, sys.argv[1] + "/end.pt")
"""


def run_killed(folder: Path, code: str, moments: list[float], how: int) -> tuple[Any, int]:
    """Run to the end, killed after each of these seconds of training; how often it was."""
    kills = 0
    for moment in [*moments, None]:
        with subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stderr=subprocess.PIPE, text=True
        ) as child:
            assert child.stderr is not None
            if moment is not None:
                last = folder / "last.pt"
                before = last.stat().st_mtime_ns if last.exists() else 0
                while child.poll() is None and (
                    not last.exists() or last.stat().st_mtime_ns == before
                ):
                    time.sleep(0.002)
                time.sleep(moment)
                if child.poll() is None:
                    child.send_signal(how)
                    kills += 1
                child.communicate()
                continue
            said = child.communicate()[1]
            assert child.returncode == 0, said
    return tatamu.load(folder / "end.pt"), kills


def equal(a: Any, b: Any) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        if isinstance(value, tatamu.Tensor):
            assert tatamu.equal(value, b[name]), name
        else:
            assert value == b[name], name


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are ended in another way there")
@pytest.mark.parametrize(
    ("workers", "generator", "how"),
    [(0, "", signal.SIGKILL), (2, "", signal.SIGKILL),
     (0, "generator=tatamu.Generator().manual_seed(2)", signal.SIGINT)],
)  # fmt: skip
def test_killed_and_resumed_to_the_same_bits(
    tmp_path: Path, workers: int, generator: str, how: int
) -> None:
    names = {"tests": str(Path(__file__).parent), "workers": workers, "generator": generator}
    whole, _ = run_killed(tmp_path / "whole", SCRIPT.format(nap=0, **names), [], how)
    killed, kills = run_killed(
        tmp_path / "killed", SCRIPT.format(nap=0.002, **names), [0.0, 0.11, 0.23, 0.05], how
    )
    assert kills >= 3
    equal(whole, killed)


def test_an_interrupt_leaves_a_checkpoint_and_goes_on(tmp_path: Path) -> None:
    whole = fit(folder=tmp_path / "a")
    model = net()
    count = []

    def loss(outputs: Any, targets: Any) -> Any:
        count.append(1)
        if len(count) == 11:
            os.kill(os.getpid(), signal.SIGINT)
        return nn.functional.cross_entropy(outputs, targets)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(model, folder=tmp_path / "b", loss=loss, metrics=[train.Accuracy()])
    assert signal.getsignal(signal.SIGINT) is before
    assert len(count) == 11
    kept = checkpoints.read(tmp_path / "b")
    assert kept is not None and (kept["epoch"], kept["done"]) == (1, 3)
    again = fit(net(), folder=tmp_path / "b")
    same(whole[1], again[1])
    assert [r["loss"] for r in whole[0]] == [r["loss"] for r in again[0]]


def test_checkpoints_are_whole_or_not_there(tmp_path: Path, monkeypatch: Any) -> None:
    fit(folder=tmp_path, epochs=1)
    good = (tmp_path / "last.pt").read_bytes()

    def fails(*args: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk is full"):
        patch.setattr(os, "replace", fails)
        fit(folder=tmp_path, epochs=2)
    assert (tmp_path / "last.pt").read_bytes() == good
    tatamu.save({"a": tatamu.ones(1)}, tmp_path / "last.pt")
    with pytest.raises(RuntimeError, match="is no checkpoint of a training"):
        fit(folder=tmp_path)
    fit(folder=tmp_path, resume=False, epochs=1)
    written(tmp_path / "deep" / "file", b"1")
    assert (tmp_path / "deep" / "file").read_bytes() == b"1"


# ---- numbers that are none ----


class Broken(nn.Module):
    """The logarithm of 0 in forward."""

    def forward(self, x: Any) -> Any:
        return (x - x).log() * x


class Rooted(nn.Module):
    """Finite forward, 0 times infinity in backward."""

    def forward(self, x: Any) -> Any:
        return x + (x.abs() * 0).sqrt()


@pytest.mark.parametrize(
    ("layer", "phase", "words"),
    [
        (Broken(), "forward", r"the loss is nan in epoch 1, batch 1: the output of 1 \(Broken\) "
         "holds 32 Inf among 32 numbers"),
        (Rooted(), "backward", "a gradient is not finite in epoch 1, batch 1: the gradient that 1 "
         r"\(Rooted\) gives its input holds 32 NaN among 32 numbers"),
    ],
    ids=["forward", "backward"],
)  # fmt: skip
def test_the_layer_of_the_first_nan_is_named(
    layer: Any, phase: str, words: str, tmp_path: Path
) -> None:
    tatamu.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), layer, nn.BatchNorm1d(4), nn.Linear(4, 2))
    with pytest.raises(train.NonFiniteError, match=words) as e:
        fit(model, folder=tmp_path)
    assert (e.value.phase, e.value.layer) == (phase, "1")
    assert "learning rate 0.001" in str(e.value) and "last.pt holds the training" in str(e.value)
    assert model[2].num_batches_tracked.item() == 1  # the second look has left nothing


def test_nan_in_inputs_in_the_loss_and_in_weights() -> None:
    bad = TensorDataset(tatamu.full((8, 2), float("nan")), tatamu.zeros(8).long())
    with pytest.raises(train.NonFiniteError, match="the batch itself holds 16 NaN among 16") as e:
        fit(data=bad)
    assert e.value.phase == "input"

    def loss(outputs: Any, targets: Any) -> Any:
        return outputs.sum() / 0

    with pytest.raises(train.NonFiniteError, match="all layers' outputs are finite") as e:
        fit(loss=loss)
    assert (e.value.phase, e.value.layer) == ("loss", "")

    def steep(outputs: Any, targets: Any) -> Any:
        return ((outputs - outputs) ** 2).sqrt().sum()

    with pytest.raises(train.NonFiniteError, match="the loss, or what stands between") as e:
        fit(loss=steep)
    assert (e.value.phase, e.value.layer) == ("backward", "4")
    model = net()
    with tatamu.no_grad():
        model[4].weight[0, 0] = float("inf")
    with pytest.raises(train.NonFiniteError, match=r"its weight holds 1 Inf among 16") as e:
        fit(model)
    assert e.value.layer == "4"


# ---- freezing ----


def small() -> nn.Sequential:
    tatamu.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5))
    return nn.Sequential(trunk, nn.Flatten(), nn.Linear(4 * 16, 2))


def pictures(count: int = 12) -> TensorDataset:
    stream = tatamu.Generator().manual_seed(1)
    return TensorDataset(tatamu.randn(count, 1, 6, 6, generator=stream), tatamu.arange(count) % 2)


def test_a_frozen_trunk_costs_no_backward_work() -> None:
    x, y = pictures().tensors

    def count(model: Any) -> tuple[list[str], list[str]]:
        events: list[Any] = []
        with ops.watching(events.append):
            loss = nn.functional.cross_entropy(model(x), y)
        names = []
        node, queue = None, [loss.grad_fn]
        while queue:
            node = queue.pop()
            names.append(node.name())
            queue += [n for n, _ in node.next_functions if n is not None]
        loss.backward()
        return [e.op.name for e in events], names

    free, chain = count(small())
    assert any("Convolution" in name for name in chain)
    model = small()
    table = train.freeze(model, except_="2")
    assert [(p.name, p.training) for p in table] == [("0", 0), ("2", 130)]
    for part in train.freezing.frozen_parts(model):
        part.eval()
    frozen, chain = count(model)
    # Addmm, the loss, and the leaves of the last layer: nothing of the trunk.
    assert not any(word in name for name in chain for word in ("Conv", "Norm", "Relu", "Drop"))
    assert len(frozen) <= len(free)
    assert all(p.grad is None for p in model[0].parameters())
    assert model[2].weight.grad is not None


def test_features_are_what_the_frozen_trunk_gives_and_fit_agrees(monkeypatch: Any) -> None:
    model = small()
    train.freeze(model, except_="2")
    runs: list[int] = []
    model[0].register_forward_hook(lambda m, a, o: runs.append(1))
    features = train.cache_features(model[0], DataLoader(pictures(), 5), flatten=True)
    assert len(runs) == 2  # traced for the batches of 5 and for the last one of 2
    assert model[0].training  # as it was
    assert features.tensors[0].shape == (12, 64)
    assert not features.tensors[0].is_inference()
    start = {n: t.clone() for n, t in model[2].state_dict().items()}
    options: dict[str, Any] = {"epochs": 2, "batch_size": 4, "seed": 3, "progress": False}
    train.fit(model, pictures(), **options)
    head = nn.Linear(64, 2)
    head.load_state_dict(start)
    train.fit(head, features, **options)
    for a, b in zip(model[2].parameters(), head.parameters(), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-4, 1e-6)
    statistics = model[0][1].running_mean.clone()
    train.fit(model, pictures(), **options, frozen_eval=False)
    assert not tatamu.equal(statistics, model[0][1].running_mean)


def test_table_of_what_trains() -> None:
    model = small()
    train.freeze(model, except_=["0.1", "2.bias"])
    table = train.trainable(model)
    assert str(table).splitlines() == [
        "0.0  Conv2d        40  frozen",
        "0.1  BatchNorm2d    8  trains",
        "2    Linear       130  2 train",
        "10 of 178 weights train (5.6 %)",
    ]
    html = table._repr_html_()
    assert "<td" in html and "10 of 178 weights train" in html and "opacity" in html
    assert train.unfreeze(model, "0").training == 50
    assert train.unfreeze(model).training == 178
    model[2] = nn.Identity()
    assert train.trainable(model).weights == 48
    with pytest.raises(KeyError, match="Sequential has no part 'head'"):
        train.freeze(model, except_="head")


def test_quiet_in_pipes_and_a_bar_where_it_is_wanted(capfd: Any) -> None:
    fit(progress=None)
    assert capfd.readouterr() == ("", "")
    fit(progress=True, val=data())
    said = capfd.readouterr().err
    assert "1/3" in said and "loss 0." in said and "val_accuracy" in said
