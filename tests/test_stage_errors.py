"""Misuse of the staging layer: each message, and that it names the line of the kernel's source."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tatamu.errors import CompileError
from tatamu.stage import (
    BOOL,
    F32,
    F64,
    I8,
    I32,
    I64,
    PTR,
    TARGETS,
    Arguments,
    Function,
    Layout,
    Module,
    Pointer,
    PointerTo,
    StagingError,
    Value,
)
from tatamu.stage import math as stage_math
from tatamu.stage.compile import object_code

SSE2 = TARGETS["SSE2"]
FIELDS = {"x": PointerTo(F32), "i": PointerTo(I64), "n": I64}
Write = Callable[[Function, Arguments, Pointer, Value], Any]


def task(*, debug: bool = False) -> tuple[Module, Function, Arguments]:
    m = Module("misuse", SSE2, debug=debug)
    return (m, *m.task(FIELDS))


def here() -> int:
    """The line that calls."""
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    return frame.f_back.f_lineno


# Each stands on one line, so that the line the error must name is known.
MISUSES: list[tuple[Write, str]] = [
    (lambda f, a, x, n: bool(n > 0),
     "a run-time value has no truth while the kernel is written; use `with k.when(cond):`"),
    (lambda f, a, x, n: n > 0 and n < 5, "a run-time value has no truth"),
    (lambda f, a, x, n: n in [1, 2], "a run-time value has no truth"),
    (lambda f, a, x, n: range(n),
     "a run-time value cannot drive a Python range, which unrolls; use `k.loop(n)`, which runs"),
    (lambda f, a, x, n: list(n), "a run-time value cannot be iterated over"),
    (lambda f, a, x, n: n + x.load(), "types differ: i64 and float"),
    (lambda f, a, x, n: x.vec(0, 4) + x.vec(0, 8), "types differ: <4 x float> and <8 x float>"),
    (lambda f, a, x, n: f.select(n > 0, 1, 2),
     "neither side is a run-time value; make one with `k.constant(x, t)`"),
    (lambda f, a, x, n: n + "1", "cannot compute with a str in a kernel"),
    (lambda f, a, x, n: n & True, "cannot compute with a bool in a kernel"),
    (lambda f, a, x, n: x.store(0, None), "cannot compute with a NoneType in a kernel"),
    (lambda f, a, x, n: n + 0.5, "0.5 is a float, the other side is an integer (i64)"),
    (lambda f, a, x, n: n + 2**64, "18446744073709551616 does not fit i64"),
    (lambda f, a, x, n: f.constant(-129, I8), "-129 does not fit i8"),
    (lambda f, a, x, n: x.load() * 1e39, "1e+39 does not fit float"),
    (lambda f, a, x, n: f.constant(0, PTR),
     "the number 0 is no pointer; see `k.pointer(address, element)`"),
    (lambda f, a, x, n: x.base + x.base, "pointers move by `p.at(index)`"),
    (lambda f, a, x, n: x.load() & x.load(1), "and is for integers, not for float"),
    (lambda f, a, x, n: x.load() << 2, "shl is for integers, not for float"),
    (lambda f, a, x, n: x.load() // 2.0, "udiv is for integers, not for float"),
    (lambda f, a, x, n: n / 2, "`/` is for floats; integers divide by `//`"),
    (lambda f, a, x, n: f.fma(x.load(), x.vec(0, 4), x.load()),
     "fma of float, <4 x float> and float"),
    (lambda f, a, x, n: f.fma(n, n, n), "fma of i64, i64 and i64"),
    (lambda f, a, x, n: f.splat(x.vec(0, 4), 4), "a <4 x float> is a vector already"),
    (lambda f, a, x, n: f.shuffle(x.vec(0, 4), x.vec(0, 2), [0]),
     "lanes [0] of a <4 x float> and a <2 x float>"),
    (lambda f, a, x, n: f.shuffle(x.vec(0, 2), x.vec(0, 2), [0, 4]),
     "lanes [0, 4] of a <2 x float> and a <2 x float>"),
    (lambda f, a, x, n: f.lane(x.vec(0, 4), 4), "lane 4 of a <4 x float>"),
    (lambda f, a, x, n: f.lane(x.vec(0, 4), -1), "lane -1 of a <4 x float>"),
    (lambda f, a, x, n: f.lane(n, 0), "lane 0 of a i64"),
    (lambda f, a, x, n: f.select(n, n, 1), "a i64 cannot choose between values of i64"),
    (lambda f, a, x, n: f.select(x.vec(0, 4) > 0.0, n, 1),
     "a <4 x i1> cannot choose between values of i64"),
    (lambda f, a, x, n: x.load(f.convert("trunc", n, I32)), "an index is an i64, not a i32"),
    (lambda f, a, x, n: x.at(1.5).load(), "1.5 is a float, the other side is an integer (i64)"),
    (lambda f, a, x, n: x.store(0, n), "a i64 cannot be stored to elements of float"),
    (lambda f, a, x, n: a.pointer("i").store(0, 1.5),
     "1.5 is a float, the other side is an integer (i64)"),
    (lambda f, a, x, n: a.pointer("i").atomic_store(x.load()),
     "a float cannot be stored to elements of i64"),
    (lambda f, a, x, n: a.pointer("i").atomic_add(x.load()),
     "a float cannot be stored to elements of i64"),
    (lambda f, a, x, n: a.pointer("i").compare_exchange(n, x.load()),
     "a float cannot be stored to elements of i64"),
    (lambda f, a, x, n: x.vec(0, 4, f.first_lanes(n, 8)), "a mask of <8 x i1> for 4 lanes"),
    (lambda f, a, x, n: x.store(0, x.vec(0, 4), x.vec(0, 4)), "a mask of <4 x float> for 4 lanes"),
    (lambda f, a, x, n: f.select_pointer(n > 0, x, a.pointer("i")), "pointers to float and to i64"),
    (lambda f, a, x, n: f.var(n).set(x.load()), "a variable of type i64 cannot hold a float"),
    (lambda f, a, x, n: list(f.loop(0)), "loop(0, start=0) never runs"),
    (lambda f, a, x, n: list(f.loop(3, start=5)), "loop(3, start=5) never runs"),
    (lambda f, a, x, n: list(f.loop(n, step=0)), "a loop steps forward, not by 0"),
    (lambda f, a, x, n: list(f.loop(2.5)), "2.5 is a float, the other side is an integer (i64)"),
    (lambda f, a, x, n: list(f.loop(f.convert("trunc", n, I32))), "an index is an i64, not a i32"),
    (lambda f, a, x, n: f.when(n).__enter__(), "a condition is one truth value, not a i64"),
    (lambda f, a, x, n: f.when(x.vec(0, 4) > 0.0).__enter__(),
     "a condition is one truth value, not a <4 x i1>"),
    (lambda f, a, x, n: f.switch(n > 0, {}), "`switch` goes by an i64, not by a i1"),
    (lambda f, a, x, n: a.m, "no number among the arguments is called 'm'"),
    (lambda f, a, x, n: a.x, "no number among the arguments is called 'x'"),
    (lambda f, a, x, n: a.pointer("n"), "no pointer among the arguments is called 'n'"),
    (lambda f, a, x, n: f.ret(n), "misuse returns nothing, not i64"),
    (lambda f, a, x, n: stage_math.exp(f, n), "exp is for float32 and float64, not for i64"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "said"), MISUSES)
def test_misuse_names_its_line(write: Write, said: str) -> None:
    _, f, a = task()
    with pytest.raises(StagingError) as caught:
        write(f, a, a.pointer("x"), a.n)
    line = inspect.getsourcelines(write)[1]
    message = str(caught.value)
    assert message.startswith(f"{__file__}:{line}: ")
    assert said in message


@pytest.mark.parametrize("name", ["exp", "log", "sigmoid", "tanh", "erf", "sin", "cos"])
def test_functions_of_the_wrong_type(name: str) -> None:
    _, f, a = task()
    with pytest.raises(StagingError, match=f"{name} is for float32 and float64, not for i64"):
        getattr(stage_math, name)(f, a.n)


def raises(said: str, line: int) -> Any:
    """A StagingError that says this and names ``line`` of this file."""
    return pytest.raises(StagingError, match=re.escape(f"{__file__}:{line}: {said}"))


def test_a_value_used_after_its_loop() -> None:
    _, f, a = task()
    for i in f.loop(a.n):
        square = i * i
    said = "a value is used outside the loop or branch that computes it; carry it out in a variable"
    for late in (i, square):
        with raises(said, here() + 1):
            a.pointer("i").store(0, late)
    with f.when(a.n > 0) as yes:
        inside = a.n + 1
    with yes.otherwise(), raises(said, here() + 1):
        a.pointer("i").store(0, inside)
    variable = f.var(a.n)
    with raises(said, here() + 1):
        variable.set(square)
    with f.forever() as again:
        again.exit_when(a.n > 0)
        inside = a.n + 2
    with raises(said, here() + 1):
        f.var(inside)


def test_a_variable_used_after_its_scope() -> None:
    _, f, a = task()
    for _ in f.loop(a.n):
        made = here() + 1
        v = f.var(a.n)
    said = f"the variable made at {__file__}:{made} is used outside the loop or branch it belongs"
    with raises(said, here() + 1):
        v.get()
    with raises(said, here() + 1):
        v.set(3)
    with raises(said, here() + 1):
        v.add(3)


def test_values_of_another_function() -> None:
    m, f, a = task()
    g = m.function("inner", {"k": I64})
    with raises("a value of function inner is used in misuse", here() + 1):
        a.n + g.args.k
    with raises("a value of function inner is used in misuse", here() + 1):
        f.var(g.args.k)
    with raises("a value of function inner is used in misuse", here() + 1):
        f.var(a.n).set(g.args.k)


@pytest.mark.parametrize("nested", [False, True])
def test_break_out_of_a_loop(nested: bool) -> None:
    m, f, a = task()
    if nested:
        line = here() + 3
        with pytest.raises(StagingError) as caught:
            for _ in f.loop(a.n):
                for _ in f.loop(a.n):
                    break
        message = str(caught.value)
    else:
        line = here() + 1
        for _ in f.loop(a.n):
            break
        with pytest.raises(StagingError) as caught:
            m.text()
        message = str(caught.value)
    assert message == (
        f"{__file__}:{line}: `break`, `return` or an exception left this loop unfinished; "
        "a staged loop always runs to its end"
    )


def test_return_and_exceptions_out_of_a_loop() -> None:
    m, f, a = task()

    def leave() -> None:
        for _ in f.loop(a.n):
            return

    with pytest.raises(StagingError, match="left this loop unfinished"):
        leave()
        m.text()
    m, f, a = task()
    with pytest.raises(ZeroDivisionError):
        for _ in f.loop(a.n):
            raise ZeroDivisionError
    with pytest.raises(StagingError, match="left this loop unfinished"):
        m.text()


def test_otherwise_must_follow_its_when() -> None:
    _, f, a = task()
    with f.when(a.n > 0) as yes:
        a.pointer("i").store(0, 1)
    a.pointer("i").store(1, 1)
    said = "`otherwise` must follow its `when` with nothing in between"
    with raises(said, here()), yes.otherwise():
        pass
    with f.when(a.n > 0) as yes:
        pass
    with yes.otherwise():
        a.pointer("i").store(1, 1)
    with raises(said, here()), yes.otherwise():
        pass


def test_forever_needs_an_exit_of_its_own() -> None:
    _, f, a = task()
    with f.forever() as first:
        first.exit_when(a.n > 0)
    with raises("`exit_when` stands outside its loop", here() + 1):
        first.exit_when(a.n > 1)
    with raises("a condition is one truth value, not a i64", here() + 1):
        first.exit_when(a.n)
    with raises("a `forever` loop without `exit_when`", here()), f.forever():
        a.pointer("i").store(0, 1)


def test_calls_with_wrong_arguments() -> None:
    m, f, a = task()
    g = m.function("inner", {"p": PointerTo(F32), "k": I64, "v": F32.vector(4)}, I64)
    x, v = a.pointer("x"), a.pointer("x").vec(0, 4)
    asked = "inner(pointer to float, i64, <4 x float>) called with "
    wrong: list[tuple[tuple[Any, ...], str]] = [
        ((), "()"),
        ((x, 1), "(pointer to float, i64)"),
        ((x, 1, v, 2), "(pointer to float, i64, <4 x float>, i64)"),
        ((a.pointer("i"), 1, v), "(pointer to i64, i64, <4 x float>)"),
        ((x, x, v), "(pointer to float, pointer to float, <4 x float>)"),
        ((x, x.load(), v), "(pointer to float, float, <4 x float>)"),
        ((x, 1, x.vec(0, 8)), "(pointer to float, i64, <8 x float>)"),
        ((a.n, 1, v), "(i64, i64, <4 x float>)"),
    ]
    for args, given in wrong:
        with raises(asked + given, here() + 1):
            f.call(g, *args)
    with raises("the number 5 is no pointer", here() + 1):
        f.call(g, 5, 1, v)
    other = Module("other", SSE2).function("lonely", {})
    with raises("lonely belongs to the module other", here() + 1):
        f.call(other)


def test_returning() -> None:
    m, _, _ = task()
    g = m.function("inner", {"k": I64}, I64)
    with raises("inner returns i64, not nothing", here() + 1):
        g.ret()
    with raises("inner returns i64, not i1", here() + 1):
        g.ret(g.args.k > 0)
    g.ret(g.args.k)
    with raises("function inner is finished already", here() + 1):
        g.args.k + 1
    made = here() + 1
    m.function("endless", {"k": I64}, I64)
    with raises("endless returns i64, but ends without `ret`", made):
        m.text()


def test_debug_builds_check_tasks_alone() -> None:
    m, _, _ = task(debug=True)
    said = "a debug build checks what tasks touch; an exported function cannot be checked"
    with raises(said, here() + 1):
        m.exported("open", {"x": PointerTo(F32)})
    g, f = m.function("inner", {"k": I64}), m.exported("plain", {"k": I64})
    with raises("a debug build checks what tasks call; this function is exported", here() + 1):
        f.call(g, 1)


def test_packing_arguments() -> None:
    layout = Layout(("x", "n"))
    assert layout.pack(n=2, x=1).tolist() == [1, 2]
    for values, named in (({"x": 1}, "n"), ({"x": 1, "n": 2, "y": 3}, "y"), ({}, "n, x")):
        with pytest.raises(StagingError, match=f"arguments missing or unknown: {named}$"):
            layout.pack(**values)


def test_a_report_of_an_access_outside() -> None:
    m = Module("report", SSE2, debug=True)
    assert m.site("kernel.py:7") == m.site("kernel.py:7") == 1
    assert m.site("kernel.py:9") == 2
    m.check_report(np.zeros(4, np.int64))
    said = r"^kernel.py:9: elements -4 to -1 are outside of 0 to 9$"
    with pytest.raises(StagingError, match=said):
        m.check_report(np.array([2, -4, 10, 4]))


def test_what_llvm_refuses_is_a_compile_error() -> None:
    m, f, a = task()
    f.convert("fpext", a.n, F64)
    with pytest.raises(CompileError, match="LLVM does not accept the kernel: "):
        object_code(m.text(), SSE2)


def test_truth_values_are_conditions() -> None:
    # What the errors above refuse must not be refused where it is right.
    m, f, a = task()
    flag = f.var(f.constant(1, BOOL))
    with f.when(flag.get() & (a.n > 0)):
        a.pointer("x").store(0, f.select(a.n > 3, a.pointer("x").vec(0, 4), 0.0))
    assert object_code(m.text(), SSE2)
