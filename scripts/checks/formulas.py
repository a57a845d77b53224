"""All size arithmetic stands in geometry: no other file may work out a size by itself.

    python scripts/checks/formulas.py [ROOT]

A formula is known by its shape and by what its names say. Five shapes are looked for, each of
which is a step of ``(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`` or of its
inverse, and each of which, written outside geometry, could come to disagree with it:

- count    ``... // stride + 1``, also by ``floor`` or ``ceil`` of a true quotient
- reach    ``dilation * (kernel - 1)``
- both     ``2 * padding``, ``padding[0] + padding[1] + ...``, ``sum(padding)`` as part of a sum
- span     ``(n - 1) * stride`` as part of a sum that has a kernel, an extent or a padding in it
- valid    ``size - kernel + 1``

Names are compared by their last part (``spec.kernel[0]`` is a kernel, ``window.pad`` a padding).
A stride that stands for memory (``(n - 1) * stride`` alone, ``x.strides``) is left in peace, since
it has no kernel and no padding beside it. Single letters count only if two of them agree, as in
``(h + 2 * p - k) // s + 1``: alone, ``p`` may be a pixel and ``k`` a counter.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "tatamu"
ALLOWED = "geometry"

PADDING = re.compile(r"(^|_)(pad|pads|padding|paddings)(_|$)|^p$", re.I)
STRIDE = re.compile(r"(^|_)(stride|strides|step)(_|$)|^s$", re.I)
KERNEL = re.compile(r"(^|_)(kernel|extent|taps|kernel_size|ksize)(_|$)|^k$", re.I)
DILATION = re.compile(r"(^|_)dilations?(_|$)|^d$", re.I)


def check(root: Path) -> list[str]:
    """Formulas found in the package under ``root``, one line each."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        inside = path.relative_to(root / PACKAGE)
        if inside.parts[0] in (ALLOWED, f"{ALLOWED}.py"):
            continue
        for line, kind, text in formulas(path.read_text(encoding="utf-8")):
            where = path.relative_to(root).as_posix()
            found.append(f"{where}:{line}: size formula ({kind}) outside geometry: {text}")
    return found


def formulas(source: str) -> Iterator[tuple[int, str, str]]:
    """(line, shape, text) of each formula in a file; the widest of those that overlap."""
    tree = ast.parse(source)
    covered: set[ast.AST] = set()
    for node in ast.walk(tree):  # outer expressions come before inner ones
        if node in covered or not isinstance(node, ast.BinOp):
            continue
        kind = kind_of(node)
        if kind:
            covered |= set(ast.walk(node))
            yield node.lineno, kind, ast.unparse(node)


def kind_of(node: ast.BinOp) -> str:
    """Which of the shapes an operation has; '' for none."""
    if isinstance(node.op, ast.Mult):
        for a, b in ((node.left, node.right), (node.right, node.left)):
            if is_less_one(b) and means(b, KERNEL) and (means(a, DILATION) or spelled(b, KERNEL)):
                return "reach"
            if is_less_one(b) and spelled(a, DILATION):
                return "reach"
            if is_constant(b, 2) and spelled(a, PADDING):
                return "both"
        return ""
    if not isinstance(node.op, ast.Add | ast.Sub):
        return ""
    terms = list(sum_of(node))
    positive = [t for sign, t in terms if sign > 0]
    if any(is_constant(t, 1) for t in positive) and any(is_count(t) for _, t in terms):
        return "count"
    padded = [t for _, t in terms if spelled(t, PADDING)]
    if len(terms) > 2 and len(padded) > 1:
        return "both"
    if any(is_sum_of_padding(t) for _, t in terms):
        return "both"
    sized = [t for _, t in terms if spelled(t, KERNEL) or spelled(t, PADDING)]
    if sized and any(is_span(t) for t in positive):
        return "span"
    less = [t for sign, t in terms if sign < 0 and spelled(t, KERNEL) and is_name(t)]
    if less and any(is_constant(t, 1) for t in positive) and len(terms) > 2:
        return "valid"
    return ""


def is_count(term: ast.expr) -> bool:
    """``x // stride``, ``-(-x // stride)``, ``floor(x / stride)``."""
    while isinstance(term, ast.UnaryOp):
        term = term.operand
    if isinstance(term, ast.Call) and len(term.args) == 1 and last(term.func) in ROUNDINGS:
        term = term.args[0]
    if not isinstance(term, ast.BinOp) or not isinstance(term.op, ast.FloorDiv | ast.Div):
        return False
    if spelled(term.right, STRIDE):
        return True
    said = sum(means(term, names) for names in (PADDING, KERNEL, DILATION))
    return said > 1 or (said == 1 and means(term.right, STRIDE))


ROUNDINGS = ("floor", "ceil", "int", "trunc")


def is_span(term: ast.expr) -> bool:
    """``(n - 1) * stride``."""
    if not isinstance(term, ast.BinOp) or not isinstance(term.op, ast.Mult):
        return False
    pairs = ((term.left, term.right), (term.right, term.left))
    return any(is_less_one(a) and spelled(b, STRIDE) for a, b in pairs)


def is_sum_of_padding(term: ast.expr) -> bool:
    """``sum(padding)``."""
    return (
        isinstance(term, ast.Call)
        and last(term.func) == "sum"
        and len(term.args) == 1
        and is_name(term.args[0])
        and spelled(term.args[0], PADDING)
    )


def is_less_one(node: ast.expr) -> bool:
    """``x - 1``."""
    return (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and is_constant(node.right, 1)
    )


def is_constant(node: ast.expr, value: int) -> bool:
    """Whether a node is this very number."""
    return isinstance(node, ast.Constant) and node.value == value and node.value is not True


def is_name(node: ast.expr) -> bool:
    """Whether a node is a name, an attribute or an element of one."""
    return bool(last(node))


def last(node: ast.expr) -> str:
    """The last part of a name: ``spec.kernel[0]`` is a kernel; '' for anything else."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def sum_of(node: ast.expr, sign: int = 1) -> Iterator[tuple[int, ast.expr]]:
    """The terms of a chain of additions and subtractions, with their signs."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from sum_of(node.left, sign)
        yield from sum_of(node.right, sign if isinstance(node.op, ast.Add) else -sign)
    else:
        yield sign, node


def names_in(node: ast.expr) -> Iterator[str]:
    """The last parts of all names in an expression."""
    if is_name(node):
        yield last(node)
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from names_in(child)


def means(node: ast.expr, names: re.Pattern[str]) -> bool:
    """Whether a name in the expression, be it one letter, fits."""
    return any(names.search(name) for name in names_in(node))


def spelled(node: ast.expr, names: re.Pattern[str]) -> bool:
    """Whether a name of more than one letter in the expression fits."""
    return any(len(name) > 1 and names.search(name) for name in names_in(node))


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    found = check(root)
    print("\n".join(found) if found else "formulas: all size arithmetic stands in geometry")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
