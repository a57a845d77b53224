"""Numbers as a reader wants them: true minus signs, few digits, sensible units."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

BARS = "▁▂▃▄▅▆▇█"


def decimals(values: Iterable[float]) -> int:
    """How many decimals show the largest of some values with about three digits.

    >>> decimals([0.61, -0.92]), decimals([123.0]), decimals([0.004])
    (2, 0, 5)
    """
    largest = max((abs(value) for value in values if abs(value) < float("inf")), default=0.0)
    for limit, places in ((100, 0), (10, 1), (0.1, 2), (0.01, 3), (0.001, 5)):
        if largest >= limit:
            return places
    return 2 if largest == 0 else 8


def signed(value: float, places: int = 2) -> str:
    """A number with its sign, a true minus, and a plain zero.

    >>> signed(-0.611), signed(0.92), signed(0.0)
    ('−0.61', '+0.92', '0.00')
    """
    text = f"{value:+.{places}f}"
    if value != value or not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def plain(value: float, places: int = 6) -> str:
    """A number as one would write it by hand: no needless zeros, a true minus.

    >>> plain(2.0), plain(-0.125), plain(1 / 3)
    ('2', '−0.125', '0.333333')
    """
    text = f"{value:.{places}g}"
    return text.replace("-", "−")


def term(value: float, places: int = 6) -> str:
    """A factor within a sum: negative numbers in brackets.

    >>> term(3.0), term(-1.0)
    ('3', '(−1)')
    """
    text = plain(value, places)
    return f"({text})" if text.startswith("−") else text


def percent(share: float) -> str:
    """A share as a whole percentage that is 0 or 100 only when it is exactly so.

    >>> percent(0.311), percent(0.0), percent(0.001), percent(0.999)
    ('31 %', '0 %', '<1 %', '>99 %')
    """
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{share * 100:.0f} %"


def duration(seconds: float) -> str:
    """A time in the unit that suits it.

    >>> duration(0.00009), duration(0.0412), duration(2.5)
    ('0.09 ms', '41 ms', '2.5 s')
    """
    ms = seconds * 1000
    if ms >= 1000:
        return f"{seconds:.1f} s"
    if ms >= 10:
        return f"{ms:.0f} ms"
    return f"{ms:.1f} ms" if ms >= 1 else f"{ms:.2f} ms" if ms >= 0.01 else f"{ms * 1000:.1f} µs"


def size(count: float) -> str:
    """A number of bytes in the unit that suits it.

    >>> size(224 * 4), size(1_920_000)
    ('896 B', '1.9 MB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"


def times(shape: Sequence[int]) -> str:
    """A shape with multiplication signs.

    >>> times((1, 8, 200, 300))
    '1×8×200×300'
    """
    return "×".join(str(number) for number in shape)


def bars(counts: Sequence[int], columns: int) -> str:
    """A histogram as block characters, neighbouring counts added up to `columns` bars.

    >>> bars([1, 1, 2, 4, 8, 0], 3)
    '▃▆█'
    """
    step = len(counts) // columns
    sums = [sum(counts[i * step : (i + 1) * step]) for i in range(columns)]
    top = max(sums) or 1
    return "".join(BARS[round(value / top * (len(BARS) - 1))] for value in sums)


def cells(text: str) -> int:
    """How many terminal columns a text takes: Japanese characters take two.

    >>> cells("高さ"), cells("height")
    (4, 6)
    """
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def pad(text: str, width: int, right: bool = False) -> str:
    """A text padded with spaces to `width` terminal columns.

    >>> pad("高さ", 7) + "|"
    '高さ   |'
    """
    space = " " * max(0, width - cells(text))
    return space + text if right else text + space
