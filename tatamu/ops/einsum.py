"""Einstein's summation, by transposing to matrix products.

``einsum("bij,bjk->bik", a, b)``: each letter names an axis; letters that the output lacks are
summed over. Operands are contracted from left to right, two at a time. Of two operands' letters,
those that both have and that are still needed count the matrices of a batch, those that both have
and that are summed over are the inner axis of the product, and the others are rows or columns.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from math import prod
from typing import Any, NoReturn

from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array
from tatamu.ops.expand import sum_
from tatamu.ops.folding import reduction
from tatamu.ops.index import index
from tatamu.ops.layout import Ints
from tatamu.ops.matmul import bmm_op
from tatamu.ops.op import apply
from tatamu.ops.permute import permute
from tatamu.ops.reshape import reshape

__all__ = ["einsum"]

LETTERS = string.ascii_uppercase + string.ascii_lowercase
DOTS = "..."


def einsum(*args: Any) -> Any:
    """Sums of products, written by naming axes: ``einsum("ij,jk->ik", a, b)`` is ``a @ b``.

    Without ``->`` the output has the letters that occur once, in alphabetical order. An ellipsis
    stands for axes that are broadcast. A letter twice in one operand takes its diagonal. Operands
    may be given as one list, or each with a list of numbers in place of letters. Raises
    RuntimeError, with torch's sentences, for what does not fit, ValueError without operands.

    >>> import tatamu
    >>> x = tatamu.arange(4.0).reshape(2, 2)
    >>> tatamu.einsum("ii", x), tatamu.einsum("ij->j", x)
    (tensor(3.), tensor([2., 4.]))
    """
    equation, operands = _arguments(args)
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    inputs, output = _parsed(equation, operands)
    terms = [_Term(x, labels) for x, labels in zip(operands, inputs, strict=True)]
    sizes = _sizes(terms)
    terms = [term.without_ones(sizes) for term in terms]
    done = terms[0]
    for place, term in enumerate(terms[1:], 1):
        needed = set(output).union(*[set(later.labels) for later in terms[place + 1 :]])
        done = _contracted(done.summed(needed | set(term.labels)), term, needed)
    done = done.summed(set(output))
    return permute(done.x, tuple([done.labels.index(label) for label in output]))


# ---- reading the equation ------------------------------------------------------------------------


def _arguments(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The equation and the operands, however they were given."""
    if args and isinstance(args[0], str):
        rest = args[1:]
        listed = len(rest) == 1 and isinstance(rest[0], (list, tuple))
        return args[0], list(rest[0] if listed else rest)
    operands, lists = list(args[0::2]), list(args[1::2])
    output = operands.pop() if len(args) % 2 else None
    texts = ["".join(_spelled(part) for part in numbers) for numbers in lists]
    equation = ",".join(texts)
    if output is not None:
        equation += "->" + "".join(_spelled(part) for part in output)
    return equation, operands


def _spelled(part: Any) -> str:
    return DOTS if part is Ellipsis else LETTERS[part]


def _parsed(equation: str, operands: Sequence[Any]) -> tuple[list[list[Any]], list[Any]]:
    """Labels of each operand's axes and of the output's: letters, or numbers from the ellipsis."""
    left, arrow, right = equation.partition("->")
    texts = left.split(",")
    start, covered = 0, 0
    parts = []
    for place, text in enumerate(texts):
        parts.append(_letters(equation, start, text, f"operand {place}"))
        start += len(text) + 1
    if len(texts) != len(operands):
        how = "fewer" if len(texts) > len(operands) else "more"
        _refuse(f"{how} operands were provided than specified in the equation")
    counts = []
    for place, (part, x) in enumerate(zip(parts, operands, strict=True)):
        named, rank = len(part) - (DOTS in part), len(x.shape)
        if DOTS not in part and named != rank:
            _refuse(
                f"the number of subscripts in the equation ({named}) does not match the number of "
                f"dimensions ({rank}) for operand {place} and no ellipsis was given"
            )
        if named > rank:
            _refuse(
                f"the number of subscripts in the equation ({named}) is more than the number of "
                f"dimensions ({rank}) for operand {place}"
            )
        counts.append(rank - named)
        covered = max(covered, rank - named)
    inputs = [
        _with_axes(part, range(covered - count, covered))
        for part, count in zip(parts, counts, strict=True)
    ]
    if arrow:
        output = _letters(equation, len(left) + 2, right, "output")
        _check_output(output, inputs)
        return inputs, _with_axes(output, range(covered))
    every = [label for labels in inputs for label in labels if isinstance(label, str)]
    once = sorted({label for label in every if every.count(label) == 1}, key=LETTERS.index)
    return inputs, [*range(covered), *once]


def _letters(equation: str, start: int, text: str, where: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == ".":
            if DOTS in found:
                already = "for which" if where != "output" else "but"
                _refuse(
                    f"found '.' for {where} {already} an ellipsis "
                    f"{'was already found' if where != 'output' else '(...) was already found'}"
                )
            if text[at : at + 3] != DOTS:
                _refuse(f"found '.' for {where} that is not part of any ellipsis")
            found.append(DOTS)
            at += 3
            continue
        if text[at] in LETTERS:
            found.append(text[at])
        elif text[at] != " ":
            _refuse(
                f"invalid subscript given at index {start + at} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
        at += 1
    return found


def _with_axes(part: Sequence[str], axes: range) -> list[Any]:
    """Labels in which the ellipsis is replaced by the numbers of the axes it stands for."""
    if DOTS not in part:
        return list(part)
    place = part.index(DOTS)
    return [*part[:place], *axes, *part[place + 1 :]]


def _check_output(output: list[str], inputs: list[list[Any]]) -> None:
    for label in output:
        if label == DOTS:
            continue
        if output.count(label) > 1:
            _refuse(f"output subscript {label} appears more than once in the output")
        if not any(label in labels for labels in inputs):
            _refuse(
                f"output subscript {label} does not appear in the equation for any input operand"
            )


def _refuse(sentence: str) -> NoReturn:
    raise RuntimeError(f"einsum(): {sentence}")


# ---- computing -----------------------------------------------------------------------------------


class _Term:
    """A tensor and the labels of its axes."""

    def __init__(self, x: Any, labels: Sequence[Any]) -> None:
        self.x = x
        self.labels = tuple(labels)

    def diagonals(self, place: int) -> _Term:
        """Axes of one label made one."""
        x, labels = self.x, list(self.labels)
        for label in dict.fromkeys(labels):
            while labels.count(label) > 1:
                first = labels.index(label)
                second = labels.index(label, first + 1)
                m, n = x.shape[first], x.shape[second]
                if m != n:
                    _refuse(
                        f"subscript {label} is repeated for operand {place} but the sizes don't "
                        f"match, {n} != {m}"
                    )
                others = [axis for axis in range(len(labels)) if axis not in (first, second)]
                x = permute(x, (*others, first, second))
                x = reshape(x, (*x.shape[:-2], n * n))
                x = _every(x, n + 1)
                labels = [*[labels[axis] for axis in others], label]
        return _Term(x, labels)

    def without_ones(self, sizes: dict[Any, int]) -> _Term:
        """Without axes of extent 1 that are longer elsewhere: broadcasting needs no more."""
        kept = [
            axis
            for axis, (n, label) in enumerate(zip(self.x.shape, self.labels, strict=True))
            if n == sizes[label]
        ]
        shape = tuple(self.x.shape[axis] for axis in kept)
        x = self.x if len(kept) == len(self.labels) else reshape(self.x, shape)
        return _Term(x, [self.labels[axis] for axis in kept])

    def summed(self, needed: set[Any]) -> _Term:
        """Summed over the axes that nobody needs any more."""
        axes = tuple(axis for axis, label in enumerate(self.labels) if label not in needed)
        if not axes:
            return self
        labels = [label for label in self.labels if label in needed]
        return _Term(apply(sum_, reduction(axes), self.x), labels)

    def ordered(self, *groups: Sequence[Any]) -> Any:
        """The tensor with one axis for each group of labels."""
        order = [label for group in groups for label in group]
        x = permute(self.x, tuple(self.labels.index(label) for label in order))
        sizes = iter(x.shape)
        return reshape(x, tuple(prod(next(sizes) for _ in group) for group in groups))

    def spread(self, labels: Sequence[Any]) -> Any:
        """The tensor with an axis for each of ``labels``, of extent 1 where it has none."""
        own = [label for label in labels if label in self.labels]
        x = permute(self.x, tuple(self.labels.index(label) for label in own))
        sizes = dict(zip(own, x.shape, strict=True))
        return reshape(x, tuple(sizes.get(label, 1) for label in labels))


def _every(x: Array, step: int) -> Any:
    """Each ``step``-th number of the last axis."""
    return index(x, (*[slice(None)] * (len(x.shape) - 1), slice(None, None, step), ...))


def _sizes(terms: list[_Term]) -> dict[Any, int]:
    """The extent of each label, after broadcasting; operands' diagonals are taken."""
    sizes: dict[Any, int] = {}
    for place, term in enumerate(terms):
        terms[place] = term = term.diagonals(place)
        for label, n in zip(term.labels, term.x.shape, strict=True):
            seen = sizes.get(label, 1)
            if 1 not in (n, seen) and n != seen:
                _refuse(_clash(label, place, n, seen))
            sizes[label] = n if seen == 1 else seen
    return sizes


def _clash(label: Any, place: int, n: int, seen: int) -> str:
    if isinstance(label, str):
        return (
            f"subscript {label} has size {n} for operand {place} which does not broadcast with "
            f"previously seen size {seen}"
        )
    return (
        f"dimension {label} covered by ellipsis in operand {place}has size {n} which does not "
        f"broadcast with previously seen ellipsis with size {seen} for the respective dimension"
    )


def _contracted(one: _Term, two: _Term, needed: set[Any]) -> _Term:
    """The product of two operands, summed over the labels that nobody else needs."""
    two = two.summed(needed | set(one.labels))
    both = [label for label in one.labels if label in two.labels]
    inner = [label for label in both if label not in needed]
    batch = [label for label in both if label in needed]
    rows = [label for label in one.labels if label not in both]
    columns = [label for label in two.labels if label not in both]
    labels = (*batch, *rows, *columns)
    if not inner:
        return _Term(mul(one.spread(labels), two.spread(labels)), labels)
    sizes = dict(zip(one.labels + two.labels, one.x.shape + two.x.shape, strict=True))
    product = bmm_op(one.ordered(batch, rows, inner), two.ordered(batch, inner, columns))
    shape: Ints = tuple(sizes[label] for label in labels)
    return _Term(reshape(product, shape), labels)
