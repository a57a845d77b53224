"""What is compared: one call, and families of them with the ratios they are to reach."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A call of ``nn.functional`` (or of the package itself) in both libraries.

    ``inputs`` are shapes, None for an absent tensor; tensors of four axes are given to PyTorch in
    both of its memory formats, and to tatamu channels-last, as its own layers leave them. What
    takes PyTorch many seconds is run ``once`` in each format, forward, and no error is found.
    Inputs whose places are in ``positive`` hold no negative numbers, as variances do not; those
    that have ``names`` are passed by them.
    """

    call: str
    inputs: tuple[tuple[int, ...] | None, ...]
    options: dict[str, Any] = field(default_factory=dict)
    once: bool = False
    positive: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    def request(self, what: str) -> dict[str, Any]:
        """The case as the other process reads it."""
        return {**asdict(self), "what": what}

    @property
    def label(self) -> str:
        """The case in a few words."""
        shapes = " ".join("×".join(map(str, shape)) for shape in self.inputs if shape)
        options = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.call} {shapes}" + (f" ({options})" if options else "")


@dataclass(frozen=True)
class Family:
    """Cases measured the same way. ``what`` is "forward" or "backward" (all inputs' gradients).

    ``least`` and ``mean`` are the ratios to reach: by each case, and by their geometric mean;
    ``alone`` by each case on one thread. Those that wait for ``memory`` are compared with the speed
    of reading as many bytes, too. ``limit`` says, where a ratio is not reached, what stands in the
    way.
    """

    name: str
    cases: tuple[Case, ...]
    what: str = "forward"
    threads: tuple[int, ...] = (1, 2)
    least: float | None = None
    mean: float | None = None
    alone: float | None = None
    memory: bool = False
    limit: str = ""
