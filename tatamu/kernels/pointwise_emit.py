"""Elementwise operations: a list of steps over inputs becomes one loop.

    y[i] = expression(a[i], b[i], ...)

An `Expression` is what an operation, or a chain of them, does to each element. Its kernel reads
each input once and writes each output once; what lies between stays in registers. Rows of
neighbouring elements are worked on vector by vector, the last few under a mask; an input that does
not change along a row (a number, one value per channel of NCHW) is spread over the lanes instead.
Up to three more axes are walked with strides of their own, 0 where an input is broadcast.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from tatamu.kernels.formulas import FORMULAS
from tatamu.stage import (
    BOOL,
    F32,
    F64,
    I8,
    I32,
    I64,
    Arguments,
    Function,
    Module,
    Pointer,
    PointerTo,
    Target,
    Type,
    Value,
    Var,
)

__all__ = ["ELEMENTS", "OUTER", "Expression", "Step", "emit", "fields", "single", "symbol"]

# How the dtypes that kernels read and write lie in memory.
ELEMENTS: dict[str, Type] = {
    "float32": F32, "float64": F64, "int64": I64, "int32": I32, "uint8": I8, "bool": I8,
}  # fmt: skip

OUTER = 3  # axes beside the innermost


@dataclass(frozen=True, slots=True)
class Step:
    """One formula, or a cast: ``kind`` is a name in `FORMULAS` or a dtype in `ELEMENTS`.

    ``operands`` are numbers of values: the inputs come first, then the parameters, then what each
    step before this one gave.
    """

    kind: str
    operands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """What is done to each element. ``inputs`` and ``output`` are dtypes as they lie in memory.

    Parameters are numbers that each call brings along, in the precision of ``parameter``.
    """

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    output: str
    parameters: int = 0
    parameter: str = "float32"

    @property
    def cost(self) -> int:
        """About how many multiply-adds an element takes as much time as."""
        return sum(FORMULAS[s.kind].cost if s.kind in FORMULAS else 1 for s in self.steps)

    def lanes(self, target: Target) -> int:
        """Elements worked on at once: a vector of the widest floats, or of the widest elements."""
        kinds = [ELEMENTS[name] for name in (*self.inputs, self.output)]
        floats = [t for t in kinds if t.kind == "float"]
        return min(target.lanes(t) for t in floats or kinds)


def single(kind: str, inputs: Sequence[str], output: str) -> Expression:
    """The expression of one formula on these inputs."""
    count, parameters = len(inputs), FORMULAS[kind].parameters
    step = Step(kind, tuple(range(count + parameters)))
    return Expression(tuple(inputs), (step,), output, parameters, inputs[0] if parameters else "")


def symbol(expression: Expression, spread: Sequence[bool], target: Target) -> str:
    """The kernel's name: its steps, its inputs, and which of those are spread over a row."""
    steps = "_".join(step.kind for step in expression.steps)
    exact = zlib.crc32(repr(expression).encode())
    ways = "".join("s" if s else "v" for s in spread)
    return f"pointwise_{steps[:60]}_{exact:08x}_{ways}_{target.tag}"


def fields(expression: Expression) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types: inputs, output, parameters, then the space."""
    found: dict[str, Type | PointerTo] = {}
    for i, name in enumerate(expression.inputs):
        found[f"x{i}"] = PointerTo(ELEMENTS[name])
    found["y"] = PointerTo(ELEMENTS[expression.output])
    found.update({f"p{i}": I64 for i in range(expression.parameters)})
    # Elements of a row, segments of it and their length; rows in all and of a work item.
    found.update(dict.fromkeys(("inner", "segments", "segment", "rows", "item_rows"), I64))
    found.update({f"n{axis}": I64 for axis in range(OUTER)})
    for name in (*(f"x{i}" for i in range(len(expression.inputs))), "y"):
        found.update({f"{name}_{axis}": I64 for axis in range(OUTER)})
    return found


def emit(
    expression: Expression, spread: Sequence[bool], target: Target, *, debug: bool = False
) -> Module:
    """The kernel of an expression; ``spread`` says which inputs do not change along a row."""
    m = Module(symbol(expression, spread, target), target, debug=debug)
    f, a = m.task(fields(expression))
    lanes = expression.lanes(target)
    names = [*(f"x{i}" for i in range(len(expression.inputs))), "y"]
    parameters = [_parameter(f, a, expression, i, target) for i in range(expression.parameters)]
    for item in f.loop(f.args.end, start=f.args.begin):
        segment, block = item % a.segments, item // a.segments
        start = segment * a.segment
        count = f.min(a.inner - start, a.segment)
        whole = count - count % lanes
        mask = f.first_lanes(count - whole, lanes)
        first = block * a.item_rows
        last = f.min(first + a.item_rows, a.rows)
        places = _places(f, a, first)
        offsets = [f.var(_offset(f, a, name, places)) for name in names]
        for _ in f.loop(last, start=first):
            pointers = [
                a.pointer(name).at(
                    offset.get() if i < len(spread) and spread[i] else offset.get() + start
                )
                for i, (name, offset) in enumerate(zip(names, offsets, strict=True))
            ]
            _row(f, expression, spread, pointers, parameters, count, whole, mask, lanes)
            _next_row(f, a, names, places, offsets)
    return m


def _parameter(
    f: Function, a: Arguments, expression: Expression, index: int, target: Target
) -> Value:
    """A parameter in every lane: the call has put a double's bits into its field."""
    number = f.from_bits(getattr(a, f"p{index}"))
    if expression.parameter == "float32":
        number = f.convert("fptrunc", number, F32)
    return f.splat(number, expression.lanes(target))


def _places(f: Function, a: Arguments, row: Value) -> list[Var]:
    """Where a row stands along the outer axes, the innermost of them last."""
    places = []
    for axis in reversed(range(1, OUTER)):
        size = getattr(a, f"n{axis}")
        places.append(f.var(row % size))
        row = row // size
    return [f.var(row), *reversed(places)]


def _offset(f: Function, a: Arguments, name: str, places: list[Var]) -> Value:
    total = f.constant(0, I64)
    for axis, place in enumerate(places):
        total = total + place.get() * getattr(a, f"{name}_{axis}")
    return total


def _next_row(
    f: Function, a: Arguments, names: list[str], places: list[Var], offsets: list[Var]
) -> None:
    """Step to the next row: the innermost axis moves on, and carries where it has ended."""
    for name, offset in zip(names, offsets, strict=True):
        offset.add(getattr(a, f"{name}_{OUTER - 1}"))
    places[-1].add(1)
    _carry(f, a, names, places, offsets, OUTER - 1)


def _carry(
    f: Function,
    a: Arguments,
    names: list[str],
    places: list[Var],
    offsets: list[Var],
    axis: int,
) -> None:
    """Begin an axis again where it has ended, and move on along the one outside of it."""
    size = getattr(a, f"n{axis}")
    with f.when(places[axis].get() == size):
        places[axis].set(0)
        places[axis - 1].add(1)
        for name, offset in zip(names, offsets, strict=True):
            back = size * getattr(a, f"{name}_{axis}")
            offset.add(getattr(a, f"{name}_{axis - 1}") - back)
        if axis > 1:
            _carry(f, a, names, places, offsets, axis - 1)


def _row(
    f: Function,
    expression: Expression,
    spread: Sequence[bool],
    pointers: list[Pointer],
    parameters: list[Value],
    count: Value,
    whole: Value,
    mask: Value,
    lanes: int,
) -> None:
    """``count`` neighbouring elements: ``whole`` of them in full vectors, the others masked."""
    sources, to = pointers[:-1], pointers[-1]
    # What is the same all along is read first: the output may lie where an input does.
    fixed = [
        _known(p.splat(0, lanes), name) if s else None
        for p, s, name in zip(sources, spread, expression.inputs, strict=True)
    ]

    def vector(at: Value, mask: Value | None) -> None:
        inputs = [
            value if value is not None else _known(p.vec(at, lanes, mask), name)
            for p, value, name in zip(sources, fixed, expression.inputs, strict=True)
        ]
        to.store(at, _stored(f, _evaluate(f, expression, [*inputs, *parameters])), mask)

    for i in f.loop(whole, step=lanes):
        vector(i, None)
    with f.when(count > whole):
        vector(whole, mask)


def _evaluate(f: Function, expression: Expression, values: list[Value]) -> Value:
    """The last step's value; inputs of another precision than the parameters' are left as are."""
    for step in expression.steps:
        operands = [values[i] for i in step.operands]
        if step.kind in FORMULAS:
            values.append(FORMULAS[step.kind].write(f, *operands))
        else:
            values.append(_cast(f, operands[0], step.kind))
    return values[-1]


def _known(value: Value, dtype: str) -> Value:
    """What was read, as it is computed with: truth values are one bit."""
    return value != 0 if dtype == "bool" else value


def _stored(f: Function, value: Value) -> Value:
    """The reverse."""
    if value.type.scalar != BOOL:
        return value
    return f.convert("zext", value, I8.vector(value.type.lanes))


def _cast(f: Function, value: Value, dtype: str) -> Value:
    """A conversion as NumPy's and torch's: towards zero; to truth values, whether it is not 0."""
    lanes, have = value.type.lanes, value.type.scalar
    if dtype == "bool":
        return value if have == BOOL else value != 0
    want = ELEMENTS[dtype].vector(lanes)
    if have == want.scalar:
        return value
    unsigned = have.bits < 32  # truth values and bytes
    if have.kind == "float" and want.kind == "float":
        return f.convert("fpext" if want.bits > have.bits else "fptrunc", value, want)
    if have.kind == "float":
        # A byte is the last eight bits of the whole number, whatever its sign.
        wide = f.convert("fptosi", value, (I32 if want.bits < 32 else want.scalar).vector(lanes))
        return f.convert("trunc", wide, want) if want.bits < 32 else wide
    if want.kind == "float":
        return f.convert("uitofp" if unsigned else "sitofp", value, want)
    if want.bits < have.bits:
        return f.convert("trunc", value, want)
    return f.convert("zext" if unsigned else "sext", value, want)
