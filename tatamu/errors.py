"""The exceptions tatamu raises, and the one form in which their messages are written.

A message opens with the sentence PyTorch would have raised, since that is what people search for.
Below it, indented, stand the arithmetic with the user's own numbers, the place, and what would fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tatamu.naming import known_as

__all__ = ["ArgumentError", "CompileError", "GeometryError", "compose"]


def compose(
    sentence: str,
    *,
    arithmetic: Iterable[str] = (),
    where: str = "",
    fits: Iterable[str] = (),
) -> str:
    """Join the parts of a message: the sentence, then one indented line for each other part.

    >>> print(compose("Output size is too small", arithmetic=["3 < 5"], fits=["padding=1 fits"]))
    Output size is too small
      3 < 5
      padding=1 fits
    """
    place = [f"at {where}"] if where else []
    return "\n  ".join([sentence, *arithmetic, *place, *fits])


@known_as("builtins.RuntimeError")
class GeometryError(RuntimeError):
    """A size, channel or group count does not fit.

    `sentence`, `arithmetic`, `where` and `fits` stay readable apart, so that a module can fill in
    `where` on the way up, and a front end can set the parts in its own layout.

    >>> error = GeometryError("negative padding is not supported", fits=["padding=0 is allowed"])
    >>> error.where = "features[4], Conv2d(5, 12, kernel_size=(3, 3), stride=(1, 1))"
    >>> print(error)
    negative padding is not supported
      at features[4], Conv2d(5, 12, kernel_size=(3, 3), stride=(1, 1))
      padding=0 is allowed
    """

    def __init__(
        self,
        sentence: str,
        *,
        arithmetic: Iterable[str] = (),
        where: str = "",
        fits: Iterable[str] = (),
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.arithmetic = tuple(arithmetic)
        self.where = where
        self.fits = tuple(fits)

    def __reduce__(self) -> tuple[Any, ...]:
        # By no name: the class prints as RuntimeError while torch is spoken.
        own = isinstance(self, ArgumentError)
        return _again, (own, self.sentence, self.arithmetic, self.where, self.fits)

    def __str__(self) -> str:
        return compose(self.sentence, arithmetic=self.arithmetic, where=self.where, fits=self.fits)


@known_as("builtins.ValueError")
class ArgumentError(GeometryError, ValueError):
    """A layer's own arguments contradict each other, before any input is seen.

    Torch raises ValueError for some of these from a module and RuntimeError for the same from a
    function; this is both.
    """


class CompileError(RuntimeError):
    """A kernel cannot be compiled or loaded here; its op runs its NumPy reference instead."""


def _again(
    argument: bool,
    sentence: str,
    arithmetic: tuple[str, ...],
    where: str,
    fits: tuple[str, ...],
) -> GeometryError:
    """An error as it was before it was sent to another process."""
    kind = ArgumentError if argument else GeometryError
    return kind(sentence, arithmetic=arithmetic, where=where, fits=fits)
