"""The training loop, and what goes with it: evaluation and prediction."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import tatamu
from tatamu import nn, optim
from tatamu.autograd import no_grad
from tatamu.nn.module import Module
from tatamu.train.history import History
from tatamu.train.metrics import Accuracy, Metric
from tatamu.train.run import Plan, Run
from tatamu.train.stopping import EarlyStopping
from tatamu.utils.data import DataLoader

__all__ = ["evaluate", "fit", "predict"]

Batches = Iterable[Any]


def fit(
    model: Module,
    train: Any,
    val: Any = None,
    *,
    epochs: int = 10,
    loss: Callable[[Any, Any], Any] | None = None,
    optimizer: Any = None,
    lr: float = 1e-3,
    scheduler: Any = None,
    step_scheduler: Any = None,
    metrics: Sequence[Metric] | None = None,
    batch_size: int = 32,
    accumulate: int = 1,
    mix: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    clip: float | None = None,
    stop: EarlyStopping | int | None = None,
    folder: str | Path | None = None,
    resume: bool = True,
    save_every: int | None = None,
    seed: int | None = None,
    frozen_eval: bool = True,
    progress: bool | None = None,
    after_epoch: Callable[[dict[str, Any]], object] | None = None,
) -> History:
    """Train ``model`` on ``train``, look at ``val`` after each epoch, and give what came of it.

    ``train`` and ``val`` are loaders of (inputs, targets), or datasets, which are then taken in
    batches of ``batch_size``, the first of them shuffled. ``loss(outputs, targets)`` is the cross
    entropy of class numbers unless given; the optimizer is AdamW with ``lr`` over all weights that
    train, unless given. ``scheduler`` steps after each epoch (with the loss of ``val``, if it is a
    ``ReduceLROnPlateau``), ``step_scheduler`` after each step of the optimizer.

    ``metrics`` (accuracy, for class numbers) are counted on both. ``accumulate`` batches make one
    step; ``mix`` changes each batch, as ``v2.MixUp`` and ``v2.CutMix`` do; ``clip`` bounds the norm
    of all gradients. ``stop`` is an ``EarlyStopping``, or the patience of one by the loss of
    ``val``: the model then ends with its best epoch's weights. Layers that are frozen wholly run as
    in evaluation, unless ``frozen_eval`` is False: dropout and statistics of batches rest.

    ``folder`` receives ``last.pt`` (everything that going on needs, at each epoch's end, every
    minute, and after every ``save_every`` steps), ``best.pt`` (weights alone), ``history.csv`` and
    ``curves.svg``. With ``resume``, a training that was killed at whatever moment goes on from
    ``last.pt`` and ends with the same bits as one that was not; ``seed`` seeds all randomness
    before a new one begins and is recorded, as is the seed there was without one. Ctrl-C ends after
    the step under way, with a checkpoint, as KeyboardInterrupt; a second one at once.

    Raises ``NonFiniteError``, naming the layer in which the first NaN or infinity appeared, for a
    loss or gradients that are not finite; ValueError for no batches and numbers that make no sense.
    """
    _check(epochs, accumulate, save_every)
    if seed is not None:
        tatamu.manual_seed(seed)
    loader = as_loader(train, batch_size, shuffle=True)
    held = None if val is None else as_loader(val, batch_size)
    criterion = nn.CrossEntropyLoss() if loss is None else loss
    if optimizer is None:
        optimizer = optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr)
    if metrics is None:
        metrics = [Accuracy()] if isinstance(criterion, nn.CrossEntropyLoss) else []
    plan = Plan(
        model=model,
        train=loader,
        val=held,
        epochs=epochs,
        loss=criterion,
        optimizer=optimizer,
        scheduler=scheduler,
        step_scheduler=step_scheduler,
        metrics=list(metrics),
        accumulate=accumulate,
        mix=mix,
        clip=clip,
        stop=_stopping(stop, held is not None),
        folder=None if folder is None else Path(folder),
        save_every=save_every,
        frozen_eval=frozen_eval,
        progress=progress,
        after_epoch=after_epoch,
        measure=lambda: evaluate(model, held, loss=criterion, metrics=metrics),
    )
    return Run(plan, seed, resume).go()


def _check(epochs: int, accumulate: int, save_every: int | None) -> None:
    for name, value in (("epochs", epochs), ("accumulate", accumulate), ("save_every", save_every)):
        if value is not None and value < 1:
            raise ValueError(f"{name} is a positive number, but got {value}")


def _stopping(stop: EarlyStopping | int | None, has_val: bool) -> EarlyStopping | None:
    if isinstance(stop, int):
        stop = EarlyStopping("val_loss" if has_val else "loss", stop)
    return copy.copy(stop)


def as_loader(data: Any, batch_size: int, shuffle: bool = False) -> Any:
    """A loader of a dataset; what gives batches already, as it is."""
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, list):
        return DataLoader(data, batch_size, shuffle=shuffle)
    return data


def evaluate(
    model: Module,
    data: Any,
    *,
    loss: Callable[[Any, Any], Any] | None = None,
    metrics: Sequence[Metric] | None = None,
    batch_size: int = 32,
) -> dict[str, Any]:
    """The mean loss over ``data`` and each metric by its name, in evaluation mode.

    The loss is the cross entropy unless given. ValueError for data without a batch.

    >>> from tatamu import nn
    >>> model = nn.Identity()
    >>> scores = tatamu.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0]])
    >>> data = tatamu.utils.data.TensorDataset(scores, tatamu.tensor([0, 1, 1]))
    >>> found = evaluate(model, data)
    >>> round(found["loss"], 3), round(found["accuracy"], 3)
    (1.351, 0.667)
    """
    criterion = nn.CrossEntropyLoss() if loss is None else loss
    own = [Accuracy()] if metrics is None else [copy.deepcopy(metric) for metric in metrics]
    for metric in own:
        metric.reset()
    total, count = 0.0, 0
    for outputs, targets in _passed(model, as_loader(data, batch_size)):
        total += float(criterion(outputs, targets).detach()) * len(targets)
        count += len(targets)
        for metric in own:
            metric.update(outputs, targets)
    if not count:
        raise ValueError("evaluate got no batch\n  the data are empty")
    return {"loss": total / count, **{metric.name: metric.value() for metric in own}}


def predict(model: Module, data: Any, batch_size: int = 32) -> Any:
    """The outputs for all of ``data``, one after the other, in evaluation mode."""
    return tatamu.cat([outputs for outputs, _ in _passed(model, as_loader(data, batch_size))])


def _passed(model: Module, loader: Any) -> Iterable[tuple[Any, Any]]:
    """Outputs and targets of every batch; each module is afterwards in the mode it was in."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        for batch in loader:
            inputs, *targets = batch if isinstance(batch, list | tuple) else (batch,)
            with no_grad():
                yield model(inputs), targets[0] if targets else None
    finally:
        for module, training in before:
            module.training = training
