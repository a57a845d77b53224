"""Variables, loops and branches, turned into phi nodes as they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tatamu.stage.arithmetic import Arithmetic
from tatamu.stage.types import BOOL, I64, StagingError
from tatamu.stage.values import Value, Var

if TYPE_CHECKING:
    from tatamu.stage.module import Module


class Loop:
    """A ``forever`` loop that is being written."""

    def __init__(self, fn: Flow, exit_label: str):
        self._fn = fn
        self._exit = exit_label
        self.ends: list[tuple[str, list[str]]] = []
        self.closed = False

    def exit_when(self, condition: Value) -> None:
        """Leave the loop here when ``condition`` holds."""
        fn = self._fn
        fn.check_condition(condition)
        if self.closed:
            raise fn.error("`exit_when` stands outside its loop")
        stay = fn.label("stay")
        self.ends.append((fn.block, fn.snapshot()))
        fn.line(f"br i1 {fn.name_of(condition)}, label %{self._exit}, label %{stay}")
        fn.start_block(stay)


class Branch:
    """A ``when`` that has been written; ``otherwise`` adds what runs if it does not hold."""

    def __init__(self, fn: Flow, other: str, end: str):
        self._fn = fn
        self._before = fn.snapshot()
        self._other = other
        self._end = end
        self._then = ("", self._before)
        self._mark = 0

    def close(self) -> None:
        """End the part that runs if the condition holds, and join it with an empty other part."""
        fn = self._fn
        self._then = (fn.block, fn.snapshot())
        fn.line(f"br label %{self._end}")
        fn.restore(self._before)
        fn.start_block(self._other)
        self._end_other()
        self._mark = len(fn.lines)

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """What runs if the condition does not hold; must follow the ``when`` directly."""
        fn = self._fn
        if len(fn.lines) != self._mark:
            raise fn.error("`otherwise` must follow its `when` with nothing in between")
        while fn.lines.pop() != f"{self._other}:":
            pass
        fn.restore(self._before)
        fn.start_block(self._other)
        with fn.inner_scope():
            yield
        self._end_other()

    def _end_other(self) -> None:
        fn = self._fn
        other = (fn.block, fn.snapshot())
        fn.line(f"br label %{self._end}")
        fn.start_block(self._end)
        fn.merge([self._then, other])


class Flow(Arithmetic):
    """Instructions in basic blocks, and the variables that blocks hand on."""

    def __init__(self, module: Module, name: str):
        super().__init__(module, name)
        self.block = "body"
        self.variables: list[Var] = []
        self._scopes = 0
        self._unfinished: list[str] = []

    def var(self, initial: Value) -> Var:
        """A variable that loops and branches carry."""
        self.name_of(initial)
        v = Var(self, initial)
        self.variables.append(v)
        return v

    def snapshot(self) -> list[str]:
        """The names that the variables have here."""
        return [v.current for v in self.variables]

    def restore(self, names: list[str]) -> None:
        """Give the variables the names they had."""
        for v, name in zip(self.variables, names, strict=False):
            v.current = name

    def start_block(self, label: str) -> None:
        """Begin a basic block."""
        self.line(f"{label}:")
        self.block = label

    def merge(self, ends: Sequence[tuple[str, list[str]]]) -> None:
        """Phi nodes for the variables that differ between the blocks that lead here."""
        for i, v in enumerate(self.variables):
            names = [s[i] for _, s in ends]
            if all(n == names[0] for n in names):
                v.current = names[0]
                continue
            ways = ", ".join(f"[ {s[i]}, %{block} ]" for block, s in ends)
            v.current = self.emit(f"phi {v.type} {ways}", v.type).name

    @contextmanager
    def inner_scope(self) -> Iterator[None]:
        """Values and variables made inside cannot be used after it."""
        outer, count = self.scope, len(self.variables)
        self._scopes += 1
        self.scope = self._scopes
        self._open.add(self.scope)
        yield
        self._open.discard(self.scope)
        self.scope = outer
        del self.variables[count:]

    def _header(self, before: str, head: str) -> list[tuple[int, str, str]]:
        """Start a loop's block with a phi per variable; gives what `_close` completes."""
        self.start_block(head)
        slots = []
        for v in self.variables:
            name = self.fresh()
            slots.append(
                (len(self.lines), f"{name} = phi {v.type} [ {v.current}, %{before} ]", name)
            )
            self.line("")
            v.current = name
        return slots

    def _close(self, slots: list[tuple[int, str, str]], latch: str) -> None:
        for (at, text, _), v in zip(slots, self.variables, strict=True):
            self.lines[at] = f"{text}, [ {v.current}, %{latch} ]"

    def loop(self, stop: object, start: object = 0, step: int = 1) -> Iterator[Value]:
        """``for i in f.loop(n)``: runs for ``start <= i < stop``; not at all if there is none."""
        where = self.caller()
        static = isinstance(start, int) and isinstance(stop, int)
        if step < 1:
            raise self.error(f"a loop steps forward, not by {step}")
        if static and start >= stop:  # type: ignore[operator]
            raise self.error(f"loop({stop}, start={start}) never runs")
        first, last = self.index(start), self.index(stop)
        before, head, done = self.block, self.label("loop"), self.label("done")
        if static:
            self.line(f"br label %{head}")
        else:
            some = first < last
            self.line(f"br i1 {some.name}, label %{head}, label %{done}")
        entry = self.snapshot()
        slots = self._header(before, head)
        with self.inner_scope():
            at = len(self.lines)
            self.line("")
            i = Value(self, self.fresh(), I64)
            self._unfinished.append(where)
            try:
                yield i
            except GeneratorExit:
                # `break`, `return` or an exception left the loop: reported when it is compiled.
                return
            if self._unfinished[-1] != where:
                raise self.unfinished()
            self._unfinished.pop()
            following = i + step
            more = self.compare("lt", following, last)
            self.lines[at] = (
                f"{i.name} = phi i64 [ {self.name_of(first)}, %{before} ], "
                f"[ {following.name}, %{self.block} ]"
            )
        self._close(slots, self.block)
        latch, after = self.block, self.snapshot()
        self.line(f"br i1 {more.name}, label %{head}, label %{done}")
        self.start_block(done)
        self.merge([(latch, after)] if static else [(before, entry), (latch, after)])

    @contextmanager
    def forever(self) -> Iterator[Loop]:
        """Repeats until one of its ``exit_when`` holds."""
        before, head, done = self.block, self.label("again"), self.label("left")
        self.line(f"br label %{head}")
        slots = self._header(before, head)
        loop = Loop(self, done)
        count = len(self.variables)
        with self.inner_scope():
            yield loop
        loop.closed = True
        if not loop.ends:
            raise self.error("a `forever` loop without `exit_when`")
        self._close(slots, self.block)
        self.line(f"br label %{head}")
        self.start_block(done)
        self.merge([(block, names[:count]) for block, names in loop.ends])

    def check_condition(self, condition: Value) -> None:
        """Refuse what is not one truth value."""
        if condition.type != BOOL:
            raise self.error(f"a condition is one truth value, not a {condition.type}")

    def unfinished(self) -> StagingError:
        """The error for a loop that was left early."""
        return StagingError(
            f"{self._unfinished[-1]}: `break`, `return` or an exception left "
            "this loop unfinished; a staged loop always runs to its end"
        )

    @contextmanager
    def when(self, condition: Value) -> Iterator[Branch]:
        """What runs only if ``condition`` holds; ``with ... as w`` then ``w.otherwise()``."""
        self.check_condition(condition)
        yes, no, end = self.label("then"), self.label("else"), self.label("end")
        self.line(f"br i1 {self.name_of(condition)}, label %{yes}, label %{no}")
        branch = Branch(self, no, end)
        self.start_block(yes)
        with self.inner_scope():
            yield branch
        branch.close()

    def switch(self, value: Value, cases: Mapping[int, Callable[[], object]]) -> None:
        """Run the case whose number ``value`` is; none if there is no such case."""
        if value.type != I64:
            raise self.error(f"`switch` goes by an i64, not by a {value.type}")
        labels = {n: self.label("case") for n in cases}
        end, before = self.label("end"), self.snapshot()
        table = " ".join(f"i64 {n}, label %{to}" for n, to in labels.items())
        ends = [(self.block, before)]
        self.line(f"switch i64 {self.name_of(value)}, label %{end} [ {table} ]")
        for n, write in cases.items():
            self.restore(before)
            self.start_block(labels[n])
            with self.inner_scope():
                write()
            ends.append((self.block, self.snapshot()))
            self.line(f"br label %{end}")
        self.start_block(end)
        self.merge(ends)
