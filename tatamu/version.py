"""``torch.version``: what scripts written for torch compare with and print.

The API and the numbers are those of torch 2.13, by tatamu, and the version says both:

>>> __version__ >= "2.1", __version__ < (2, 20), __version__.split("+")[0]
(True, True, '2.13.0')
"""

from __future__ import annotations

import re

__all__ = ["TorchVersion", "__version__", "cuda", "debug", "hip"]

OWN = "0.1.0"


class TorchVersion(str):
    """A version that compares as versions do, with texts and with tuples of numbers.

    >>> TorchVersion("2.13.0") > "2.9.1", TorchVersion("2.13.0") >= (2, 13)
    (True, True)
    """

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return _key(self) < _key(other)

    def __le__(self, other: object) -> bool:
        return _key(self) <= _key(other)

    def __gt__(self, other: object) -> bool:
        return _key(self) > _key(other)

    def __ge__(self, other: object) -> bool:
        return _key(self) >= _key(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (str, tuple)) and _key(self) == _key(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)


def _key(version: object) -> tuple[tuple[int, ...], int, str]:
    """Release numbers without trailing zeros, 0 for a pre-release, the local part after ``+``."""
    if isinstance(version, tuple):
        version = ".".join(str(part) for part in version)
    if not isinstance(version, str):
        kind = type(version).__name__
        raise TypeError(f"a version is compared with a str or a tuple, not with {kind}")
    public, _, local = version.partition("+")
    found = re.match(r"v?(\d+(?:\.\d+)*)", public)
    release = [int(number) for number in found[1].split(".")] if found else []
    while release and release[-1] == 0:
        release.pop()
    final = found is not None and re.search(r"(a|b|rc|dev)\d*$", public) is None
    return tuple(release), int(final), local


__version__ = TorchVersion(f"2.13.0+tatamu.{OWN}")
torchvision = TorchVersion(f"0.28.0+tatamu.{OWN}")
torchinfo = TorchVersion(f"1.8.0+tatamu.{OWN}")
tensorflow = TorchVersion(f"2.21.0+tatamu.{OWN}")
keras = TorchVersion(f"3.15.1+tatamu.{OWN}")

cuda = None
hip = None
debug = False
git_version = ""
