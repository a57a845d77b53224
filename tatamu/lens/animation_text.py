"""The arithmetic of a step as pieces of text, each with the role that gives it its colour."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tatamu.lens import show
from tatamu.lens.animation import Product, Step

Piece = tuple[str, str]
"""Text and its role: value, weight, result, soft or ink."""

Chunk = tuple[Piece, ...]
"""Pieces that stay on one line."""

MOST_RUNNING = 12
DIGITS = 4


def number(value: float) -> str:
    """A number as it stands in a cell.

    >>> number(2.0), number(-0.5), number(float("-inf")), number(1 / 3)
    ('2', '−0.5', '−∞', '0.3333')
    """
    if abs(value) == float("inf"):
        return "∞" if value > 0 else "−∞"
    return "0" if value == 0 else show.plain(value, DIGITS)


def arithmetic(step: Step, several: bool) -> tuple[Chunk, ...]:
    """What a step works out, its numbers filled in; `several` is whether channels are named.

    >>> step = Step("sum", (0, 1, 2), (), (), (Product(1, 2), Product(3, -1)), result=-1)
    >>> "".join(text for chunk in arithmetic(step, False) for text, _ in chunk)
    'y[1, 2] = 1·2 + 3·(−1) = −1'
    """
    if step.happening in ("crop", "insert"):
        return ()
    name = "x" if step.happening == "scatter" else "y"
    place = step.place if several else step.place[1:]
    head: Chunk = ((f"{name}[{', '.join(map(str, place))}]", "soft"),)
    end: Chunk = ((" = ", "ink"), (number(step.result or 0.0), "result"))
    if step.happening == "scatter":
        value: Chunk = ((" = ", "soft"), (number(step.result or 0.0), "value"), (": ", "soft"))
        return ((*head, *value), *_stamps(step))
    if step.happening == "copy":
        head = (*head, (" ← ", "soft"))
        return (head, *_listed(step.products, None))
    if step.happening == "max":
        opening: Chunk = (*head, (" = max(", "ink"))
        return (opening, *_listed(step.products, step.winner), ((")", "ink"), *end))
    if step.happening in ("mean", "norm"):
        return _averaged(step, head, end)
    terms = [_term(product) for product in step.products]
    if step.bias is not None:
        terms.append(((_bracketed(step.bias), "soft"),))
    joined: list[Chunk] = [(*head, (" = ", "ink"))]
    for index, term in enumerate(terms):
        joined.append(((" + ", "ink"), *term) if index else term)
    if not terms:
        joined.append((("0", "ink"),))
    return (*joined, end)


def running(step: Step) -> tuple[Chunk, ...]:
    """The sum after each product, where there are few enough to follow."""
    if step.happening != "sum" or not 1 < len(step.sums) <= MOST_RUNNING:
        return ()
    texts = [number(total) for total in step.sums]
    if step.bias is not None:
        texts.append(number(step.result or 0.0))
    return tuple((((" → " if i else "") + text, "soft"),) for i, text in enumerate(texts))


def _bracketed(value: float) -> str:
    text = number(value)
    return f"({text})" if text.startswith("−") else text


def _term(product: Product) -> Chunk:
    weight = _bracketed(product.weight or 0.0)
    role = "value" if product.inside else "soft"
    return ((_bracketed(product.value), role), ("·", "ink"), (weight, "weight"))


def _listed(products: Sequence[Product], winner: int | None) -> list[Chunk]:
    chunks: list[Chunk] = []
    for index, product in enumerate(products):
        role = "result" if index == winner else "value" if product.inside else "soft"
        comma = ((", ", "ink"),) if index + 1 < len(products) else ()
        chunks.append(((number(product.value), role), *comma))
    return chunks


def _averaged(step: Step, head: Chunk, end: Chunk) -> tuple[Chunk, ...]:
    power = f"^{number(step.power)}" if step.happening == "norm" else ""
    chunks: list[Chunk] = [(*head, (" = (", "ink"))]
    for index, product in enumerate(step.products):
        role = "value" if product.inside else "soft"
        sign = ((" + ", "ink"),) if index else ()
        chunks.append((*sign, (_bracketed(product.value), role), (power, "ink")))
    last = f"^(1/{number(step.power)})" if power else f" / {step.divisor}"
    return (*chunks, ((")" + last, "ink"), *end))


def _stamps(step: Step) -> list[Chunk]:
    """What becomes of each cell that a stamp falls on; cells to be cut off are left out."""
    chunks: list[Chunk] = []
    for product, total in zip(step.products, step.sums, strict=True):
        if not product.inside:
            continue
        chunks.append(
            (
                (number(product.before or 0.0), "soft"),
                (" + ", "ink"),
                (_bracketed(product.value), "value"),
                ("·", "ink"),
                (_bracketed(product.weight or 0.0), "weight"),
                (" = ", "ink"),
                (number(total), "result"),
                ("    ", "ink"),
            )
        )
    return chunks


def wrapped(chunks: Sequence[Chunk], width: int, most: int) -> list[tuple[Piece, ...]]:
    """Chunks in lines of at most `width` characters; what exceeds `most` lines is left out.

    The last chunk, the result, stays.

    >>> [len(line) for line in wrapped([(("12345", "ink"),)] * 5, 10, 2)]
    [2, 3]
    """
    lines: list[list[Chunk]] = [[]]
    for chunk in chunks:
        length = sum(len(text) for one in (*lines[-1], chunk) for text, _ in one)
        if lines[-1] and length > width:
            lines.append([])
        lines[-1].append(chunk)
    if len(lines) > most:
        kept = lines[: most - 1]
        tail: list[Chunk] = [lines[most - 1][0], ((" + … ", "soft"),), lines[-1][-1]]
        lines = [*kept, tail]
    return [tuple(itertools.chain.from_iterable(line)) for line in lines]
