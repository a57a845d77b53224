"""Random numbers: torch's, for the same seed.

The streams are those of torch's CPU generator on x86-64 with AVX2, on a processor that is not
Intel's; ``docs/random.md`` says what equals torch to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tatamu.random.generator import Generator

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

default_generator = Generator()
default_generator.seed()


def manual_seed(seed: Any) -> Generator:
    """Start the default stream anew, and return it.

    Raises ValueError for what is no number, or one that 64 bits do not hold.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> tatamu.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    return default_generator.manual_seed(int(seed))


def initial_seed() -> int:
    """The seed of the default stream."""
    return default_generator.initial_seed()


def seed() -> int:
    """Seed the default stream from the operating system's entropy and return the seed."""
    return default_generator.seed()


def get_rng_state() -> Any:
    """The state of the default stream, as torch's bytes.

    >>> import tatamu
    >>> state = tatamu.get_rng_state()
    >>> first = tatamu.rand(2).tolist()
    >>> tatamu.set_rng_state(state)
    >>> tatamu.rand(2).tolist() == first
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Put the default stream into a state that ``get_rng_state``, or torch's, gave."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None, enabled: bool = True, **_: Any
) -> Iterator[None]:
    """Have the default stream, after the block, go on from where it was before.

    ``devices`` and ``device_type`` are accepted: there is only the CPU.

    >>> import tatamu
    >>> with tatamu.random.fork_rng():
    ...     inside = tatamu.rand(2).tolist()
    >>> tatamu.rand(2).tolist() == inside
    True
    """
    before = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if before is not None:
            set_rng_state(before)
