"""DataLoader: batches of a dataset's samples, made here or by worker processes."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from tatamu.random.generator import Generator
from tatamu.utils.data.collate import Collate, default_collate, default_convert
from tatamu.utils.data.dataset import IterableDataset
from tatamu.utils.data.fetch import Fetcher, Pass
from tatamu.utils.data.parallel import ParallelPass
from tatamu.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    drawn_seed,
)

__all__ = ["DataLoader"]

T = TypeVar("T", covariant=True)
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _Endless(Sampler[None]):
    """Stands for numbers where samples come in a row."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Generic[T]):
    """Batches of a dataset, in its order, shuffled, or as a sampler says.

    Samples come in torch's order for the same seed. With ``num_workers`` that many processes make
    the batches, ``prefetch_factor`` each ahead of use, and send arrays in shared memory; their
    seeds are torch's, too. ``persistent_workers`` lives on from pass to pass. An exception in a
    worker is raised here, with its traceback and the sample's number. ValueError for options that
    contradict each other; RuntimeError for a worker that dies, or takes more than ``timeout``
    seconds.

    >>> import tatamu
    >>> from tatamu.utils.data import TensorDataset
    >>> data = TensorDataset(tatamu.arange(5), tatamu.arange(5) * 2)
    >>> for x, y in DataLoader(data, batch_size=2):
    ...     print(x, y)
    tensor([0, 1]) tensor([0, 2])
    tensor([2, 3]) tensor([4, 6])
    tensor([4]) tensor([8])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Collate | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        if multiprocessing_context is not None and not num_workers:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading "
                f"(num_workers > 0), but got num_workers={num_workers}"
            )
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self._in_a_row = isinstance(dataset, IterableDataset)
        if self._in_a_row:
            _check_row(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, "
                    "sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if sampler is None:
            if self._in_a_row:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        batched = batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self.persistent_workers = persistent_workers
        self._iterator: ParallelPass | None = None
        self._reported: int | None = None
        _warn_of_many(num_workers)
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and self.__dict__.get("_ready"):
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized\n"
                "  make a new DataLoader"
            )
        object.__setattr__(self, name, value)

    @property
    def _numbers(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    @property
    def _fetching(self) -> tuple[Any, bool, Collate, bool]:
        """What a `Fetcher` is made of."""
        return self.dataset, self.batch_sampler is not None, self.collate_fn, self.drop_last

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device "
                "pinned memory won't be used.",
                stacklevel=2,
            )
        _warn_of_many(self.num_workers)
        if not self.num_workers:
            return _Pass(self)
        if not self.persistent_workers:
            return ParallelPass(self)
        if self._iterator is None or not self._iterator.team.stop.alive:
            self._iterator = ParallelPass(self)
        else:
            self._iterator.begin()
        return self._iterator

    def __len__(self) -> int:
        if not self._in_a_row:
            return len(self._numbers)
        length: int = len(self.dataset)
        self._reported = length
        if self.batch_size is None:
            return length
        whole, rest = divmod(length, self.batch_size)
        return whole if self.drop_last else whole + bool(rest)


class _Pass(Pass):
    """One pass through the data in this process.

    A seed is drawn at its start, as torch draws one for workers.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self.numbers = iter(loader._numbers)
        drawn_seed(loader.generator)
        self.fetcher = Fetcher(*loader._fetching)

    def _next(self) -> Any:
        return self.fetcher.fetch(next(self.numbers))


def _warn_of_many(num_workers: int) -> None:
    """Say so if there are more workers than processors."""
    if hasattr(os, "sched_getaffinity"):
        most, unsure = len(os.sched_getaffinity(0)), ""
    else:
        most, unsure = os.cpu_count() or num_workers, " (`cpuset` is not taken into account)"
    if num_workers > most:
        warnings.warn(
            f"This DataLoader will create {num_workers} worker processes in total. Our suggested "
            f"max number of worker in current system is {most}{unsure}, which is smaller than what "
            "this DataLoader is going to create. Please be aware that excessive worker creation "
            "might get DataLoader running slow or even freeze, lower the worker number to avoid "
            "potential slowness/freeze if necessary.",
            stacklevel=3,
        )


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if not num_workers and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and not num_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_row(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    options = {"sampler": sampler, "batch_sampler": batch_sampler}
    if shuffle:
        options = {"shuffle": shuffle, **options}
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )
