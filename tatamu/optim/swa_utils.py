"""Averages of a model's weights over its training. (Izmailov et al., 2018.)"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from tatamu.autograd import no_grad
from tatamu.creation import tensor
from tatamu.dtypes import int64
from tatamu.nn.module import Module
from tatamu.nn.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from tatamu.optim.lr_scheduler.base import LRScheduler, Strategy, one_each
from tatamu.optim.lr_scheduler.cycles import check_strategy
from tatamu.optim.optimizer import Optimizer
from tatamu.tensor import Tensor

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip

Average = Callable[[Any, Any, Any], Any]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The exponential average: decay a + (1 - decay) w."""
    _check_decay(decay)

    @no_grad()
    def ema_update(averaged: Tensor, current: Tensor, _: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> Average:
    """The mean of all weights: a + (w - a) / (n + 1)."""

    @no_grad()
    def swa_update(averaged: Tensor, current: Tensor, count: Any) -> Any:
        return averaged + (current - averaged) / (count + 1)

    return swa_update


def _of_lists(average: Average) -> Average:
    @no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Any) -> None:
        for a, w in zip(averaged, current, strict=True):
            a.copy_(average(a, w, count))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Average:
    """``get_ema_avg_fn`` for lists of weights, in place."""
    return _of_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Average:
    """``get_swa_avg_fn`` for lists of weights, in place."""
    return _of_lists(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of a model whose weights are averages of the model's.

    ``update_parameters(model)`` takes the model's weights in: the mean of all, unless ``avg_fn``
    (or ``multi_avg_fn``, for lists) says otherwise. Buffers are copied, or averaged too.

    >>> import tatamu
    >>> model = tatamu.nn.Linear(1, 1)
    >>> averaged = AveragedModel(model)
    >>> for weight in (1.0, 3.0):
    ...     _ = tatamu.nn.init.constant_(model.weight, weight)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Average | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0, dtype=int64))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the weights of ``model`` into the averages."""
        own, other = ([t.detach() for t in self._averaged(m)] for m in (self.module, model))
        if not self.n_averaged.item():
            for averaged, current in zip(own, other, strict=True):
                averaged.copy_(current)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn(own, other, self.n_averaged)
        else:
            average = self.avg_fn or get_swa_avg_fn()
            for averaged, current in zip(own, other, strict=True):
                averaged.copy_(average(averaged, current, self.n_averaged))
        if not self.use_buffers:
            for mine, its in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(its.detach())
        self.n_averaged.add_(1)

    def _averaged(self, module: Module) -> Iterable[Tensor]:
        buffers = module.buffers() if self.use_buffers else ()
        return itertools.chain(module.parameters(), buffers)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Work out the running statistics of batch normalisation anew, over all of ``loader``."""
    kinds = BatchNorm1d, BatchNorm2d, BatchNorm3d
    layers: list[Any] = [module for module in model.modules() if isinstance(module, kinds)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    for batch in loader:
        model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """The rate annealed to ``swa_lr`` in ``anneal_epochs`` steps, then held.

    ValueError for a strategy that is neither "cos" nor "linear" and for epochs below 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Strategy = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = one_each("swa_lr", optimizer, swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        check_strategy(anneal_strategy)
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of the rate is ``swa_lr`` at this step."""
        part = max(0, min(1, step / max(1, self.anneal_epochs)))
        return part if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * part)) / 2

    def get_lr(self) -> list[Any]:
        self._check_asked()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, share = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, last = group["lr"], group["swa_lr"]
            first = last if before == 1 else (lr - before * last) / (1 - before)
            rates.append(last * share + first * (1 - share))
        return rates
