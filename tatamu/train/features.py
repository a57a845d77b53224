"""What a frozen trunk makes of every sample, computed once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tatamu
from tatamu.autograd import inference_mode
from tatamu.nn.module import Module
from tatamu.utils.data import DataLoader, TensorDataset

__all__ = ["cache_features"]


def cache_features(trunk: Module, loader: Iterable[Any], *, flatten: bool = False) -> TensorDataset:
    """The outputs of ``trunk`` for all batches of ``loader``, with their targets, as a dataset.

    The trunk runs once over each sample, in evaluation mode and outside any graph (through
    ``tatamu.compile`` where there is one); a head is then trained on the dataset in a fraction of
    the time. Random augmentation is drawn once, too. ``flatten`` makes each output one row.
    A dataset in place of a loader is taken in its order, in batches of 32. ValueError for no data.

    >>> from tatamu import nn
    >>> data = TensorDataset(tatamu.ones(10, 3, 8, 8), tatamu.arange(10))
    >>> features = cache_features(nn.Conv2d(3, 4, 3), data, flatten=True)
    >>> features.tensors[0].shape, features.tensors[1].shape
    (tatamu.Size([10, 144]), tatamu.Size([10]))
    """
    if not isinstance(loader, DataLoader) and hasattr(loader, "__getitem__"):
        loader = DataLoader(loader, batch_size=32)
    before = [(module, module.training) for module in trunk.modules()]
    trunk.eval()
    run = _compiled(trunk)
    columns: list[list[Any]] = []
    try:
        for batch in loader:
            first, *others = batch if isinstance(batch, list | tuple) else (batch,)
            with inference_mode():
                features = run(first)
                row = [features.flatten(1) if flatten else features, *others]
            # Out of inference mode, so that what is trained on them may keep them for backward.
            columns.append([t.clone() if isinstance(t, tatamu.Tensor) else t for t in row])
    finally:
        for module, training in before:
            module.training = training
    if not columns:
        raise ValueError("cache_features got no batch\n  the loader is empty")
    return TensorDataset(*(tatamu.cat(list(column)) for column in zip(*columns, strict=True)))


def _compiled(trunk: Module) -> Any:
    """The trunk as one program, where this version can make one."""
    make = tatamu.__dict__.get("compile")
    return trunk if make is None else make(trunk)
