"""The samples of one batch, taken from a dataset and collated; and what all passes do."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from tatamu.utils.data.collate import Collate, default_collate
from tatamu.utils.data.dataset import IterableDataset, gathered

if TYPE_CHECKING:
    from tatamu.utils.data.loader import DataLoader

__all__ = ["Fetcher", "Pass"]


class Pass:
    """One pass through the data of a loader: give it ``_next``."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self.loader = loader
        self.yielded = 0

    def __iter__(self) -> Self:
        return self

    def __len__(self) -> int:
        return len(self.loader._numbers)

    def _next(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next()
        self.yielded += 1
        reported = self.loader._reported
        if reported is not None and self.yielded > reported:
            sentence = (
                f"Length of IterableDataset {self.loader.dataset} was reported to be {reported}"
                f"(when accessing len(dataloader)), but {self.yielded} samples have been fetched. "
            )
            if self.loader.num_workers:
                sentence += (
                    "For multiprocessing data-loading, this could be caused by not properly "
                    "configuring the IterableDataset replica at each worker. Please see "
                    "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset "
                    "for examples."
                )
            warnings.warn(sentence, stacklevel=2)
        return data


class Fetcher:
    """Makes batches, or with ``batched=False`` single samples, by the numbers of a sampler.

    An exception raised on the way gets a note that says of which sample it is.
    """

    def __init__(self, dataset: Any, batched: bool, collate: Collate, drop_last: bool) -> None:
        self.dataset = dataset
        self.batched = batched
        self.collate = collate
        self.drop_last = drop_last
        self.row: Iterator[Any] | None = None
        if isinstance(dataset, IterableDataset):
            self.row = iter(dataset)
        self.ended = False
        self.plain = batched and collate is default_collate

    def fetch(self, number: Any) -> Any:
        """The batch of these numbers; of samples in a row the next. StopIteration at its end."""
        if self.row is not None:
            return self.collate(self._from_row(number))
        data = gathered(self.dataset, number) if self.plain else None
        if data is not None:
            return data
        samples = self._by_number(number)
        try:
            return self.collate(samples)
        except Exception as error:
            error.add_note(f"  while collating {_named(number)} of the dataset")
            raise

    def _by_number(self, number: Any) -> Any:
        if not self.batched:
            return self._sample(number)
        many = getattr(self.dataset, "__getitems__", None)
        if not many:
            return [self._sample(index) for index in number]
        try:
            return many(number)
        except Exception as error:
            error.add_note(f"  while taking {_named(number)} of the dataset")
            raise

    def _sample(self, index: Any) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:
            error.add_note(f"  while taking {_named(index)} of the dataset")
            raise

    def _from_row(self, number: Any) -> Any:
        assert self.row is not None
        if not self.batched:
            return next(self.row)
        if self.ended:
            raise StopIteration
        found = list(itertools.islice(self.row, len(number)))
        self.ended = len(found) < len(number)
        if not found or (self.ended and self.drop_last):
            raise StopIteration
        return found


def _named(number: Any) -> str:
    return f"samples {number}" if isinstance(number, list) else f"sample {number}"
