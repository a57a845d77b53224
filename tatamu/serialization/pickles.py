"""An unpickler that runs nothing: the opcodes of checkpoints, and a list of what may be made.

It takes the opcodes that torch's ``weights_only`` unpickler takes, and refuses what that refuses.
A pickle asks for classes and functions by name; only names on the list are answered, each with a
function of ours that checks what it is given. Nothing is ever imported for a file.
"""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from tatamu.errors import compose
from tatamu.serialization import allowed
from tatamu.serialization.stored import shown
from tatamu.tensor import Tensor

__all__ = ["Unpickler", "globals_of", "refused"]

MOST_NESTED = 500
"""Containers inside each other; deeper ones overflow Python's stack when they are used."""


def refused(sentence: str, *hints: str) -> pickle.UnpicklingError:
    """torch's error about what a pickle asks for, and what can be done."""
    start = "Weights only load failed. WeightsUnpickler error: "
    return pickle.UnpicklingError(compose(start + sentence, fits=hints))


class Unpickler:
    """Reads the pickle that begins at ``at``, and leaves ``at`` behind it.

    ``storage`` makes a storage of a persistent id. Raises ``pickle.UnpicklingError`` for anything
    that is not allowed, and for what is no whole pickle.
    """

    def __init__(
        self, data: memoryview, storage: Callable[[tuple[Any, ...]], Any] | None = None, at: int = 0
    ) -> None:
        self.data = data
        self.at = at
        self.storage = storage
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The object."""
        start = self.at
        if self.at >= len(self.data):
            raise EOFError("Ran out of input\n  the file ends where a pickle should begin")
        while True:
            code = self.take(1)[0]
            step = STEPS.get(code)
            if code == STOP:
                break
            if step is None:
                raise refused(
                    f"Unsupported operand {code}",
                    f"at byte {self.at - 1 - start:,}; torch.save writes protocol 2",
                )
            try:
                step(self)
            except (IndexError, KeyError) as error:
                raise refused(
                    f"the pickle is damaged at byte {self.at - start:,}",
                    f"it takes from a stack or a memo what is not there ({error})",
                ) from error
        if not self.stack:
            raise refused("the pickle is damaged: it ends with nothing made")
        result = self.stack.pop()
        check_depth(result)
        return result

    def take(self, count: int) -> memoryview:
        """The next bytes; UnpicklingError if there are not that many."""
        found = self.data[self.at : self.at + count]
        if len(found) != count:
            raise refused(
                "the pickle is cut short",
                f"{count:,} more bytes are needed at byte {self.at:,}; {len(found):,} are there",
            )
        self.at += count
        return found

    def number(self, layout: str) -> Any:
        """The next number, laid out as ``struct`` has it."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def line(self) -> str:
        """Text to the end of the line."""
        limit = min(self.at + 4096, len(self.data))
        text = bytes(self.data[self.at : limit])
        end = text.find(b"\n")
        if end < 0:
            raise refused("the pickle is cut short", "it ends within a name")
        self.at += end + 1
        return text[:end].decode("utf-8", "backslashreplace")

    def since_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    # ---- what is asked for by name, and calls ----

    def find(self) -> None:
        """GLOBAL: what is on the list under a name."""
        path = allowed.modern(self.line(), self.line())
        self.stack.append(named(path, self.data))

    def reduce(self) -> None:
        """REDUCE: the result of one of the functions on the list."""
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not allowed.may_call(function):
            raise refused(f"Trying to call reduce for unrecognized function {shown(function)}")
        self.stack[-1] = self._called(function, arguments)

    def new_object(self) -> None:
        """NEWOBJ: a new object of a class on the list."""
        arguments = self.stack.pop()
        kind = self.stack.pop()
        maker = next((make for known, make in allowed.NEW if kind is known), None)
        if maker is not None:
            self.stack.append(self._called(maker, arguments))
        elif allowed.is_users(kind):
            self.stack.append(kind.__new__(kind, *arguments))
        else:
            raise refused(
                "Can only create new object for nn.Parameter or classes allowlisted via "
                f"`add_safe_globals` but got {shown(kind)}"
            )

    def _called(self, function: Any, arguments: Any) -> Any:
        if type(arguments) is not tuple:
            raise refused(f"a call has a tuple of arguments, and not {type(arguments).__name__}")
        if allowed.is_users(function):
            return function(*arguments)
        try:
            return function(*arguments)
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            name = getattr(function, "__name__", str(function)).lstrip("_")
            raise refused(f"{name} was given what it does not take", str(error)) from error

    def build(self) -> None:
        """BUILD: attributes of an OrderedDict, or of an object of the user's own classes."""
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is OrderedDict:
            if type(state) not in (dict, OrderedDict) or any(type(k) is not str for k in state):
                raise refused("an OrderedDict's attributes are a dict of names")
            target.__dict__.update(state)
        elif allowed.is_users(type(target)):
            allowed.set_state(target, state)
        else:
            raise refused(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                f"`add_safe_globals`, but got {type(target)}"
            )

    def persistent(self) -> None:
        """BINPERSID: a storage."""
        wanted = self.stack.pop()
        if type(wanted) is not tuple:
            raise refused(f"persistent_load id must be tuple or int, but got {type(wanted)}")
        kind = wanted[0] if wanted else None
        if kind in ("module", b"module"):
            raise refused(
                f"Only persistent_load of storage is allowed, but got {type(kind)}", *WHOLE_MODULE
            )
        if kind not in ("storage", b"storage"):
            raise refused(f"Only persistent_load of storage is allowed, but got {type(kind)}")
        if self.storage is None:
            raise refused("unsupported persistent id encountered")
        self.stack.append(self.storage(wanted[1:]))

    # ---- containers ----

    def mark(self) -> None:
        """MARK."""
        if len(self.below) >= MOST_NESTED:
            raise too_deep()
        self.below.append(self.stack)
        self.stack = []

    def append(self, items: list[Any], how: str) -> None:
        """APPEND, APPENDS."""
        target = self.stack[-1]
        if type(target) is not list:
            raise refused(f"Can only {how} lists, but got {type(target)}")
        target.extend(items)

    def set_items(self, items: list[Any], opcode: str) -> None:
        """SETITEM, SETITEMS."""
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict, Counter):
            raise refused(
                f"Can only {opcode} for dict, collections.OrderedDict, collections.Counter, "
                f"but got {type(target)}"
            )
        if len(items) % 2:
            raise refused("the pickle is damaged: a key has no value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[allowed.key(key)] = value

    def tuple_since_mark(self) -> None:
        """TUPLE."""
        items = self.since_mark()
        self.stack.append(tuple(items))

    def tuple_of(self, count: int) -> None:
        """TUPLE1, TUPLE2, TUPLE3."""
        if len(self.stack) < count:
            raise IndexError(f"{count} items")
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def remember(self, place: int) -> None:
        """BINPUT."""
        self.memo[place] = self.stack[-1]

    def recall(self, place: int) -> None:
        """BINGET."""
        self.stack.append(self.memo[place])

    def long(self) -> None:
        """LONG1."""
        self.stack.append(int.from_bytes(self.take(self.number("B")), "little", signed=True))

    def text(self) -> None:
        """BINUNICODE."""
        raw = bytes(self.take(self.number("<I")))
        try:
            self.stack.append(raw.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError as error:
            raise refused("the pickle is damaged: a text is not UTF-8", str(error)) from error

    def short_text(self) -> None:
        """SHORT_BINSTRING: text of Python 2."""
        raw = bytes(self.take(self.number("B")))
        self.stack.append(raw.decode("utf-8") if raw.isascii() else raw)

    def protocol(self) -> None:
        """PROTO."""
        self.take(1)


def _pushing(value: Callable[[], Any]) -> Callable[[Unpickler], None]:
    return lambda u: u.stack.append(value())


STOP = ord(".")

# Each opcode that is taken, by its byte.
STEPS: dict[int, Callable[[Unpickler], Any]] = {
    pickle.PROTO[0]: Unpickler.protocol,
    pickle.GLOBAL[0]: Unpickler.find,
    pickle.REDUCE[0]: Unpickler.reduce,
    pickle.NEWOBJ[0]: Unpickler.new_object,
    pickle.BUILD[0]: Unpickler.build,
    pickle.BINPERSID[0]: Unpickler.persistent,
    pickle.MARK[0]: Unpickler.mark,
    pickle.APPEND[0]: lambda u: u.append([u.stack.pop()], "append to"),
    pickle.APPENDS[0]: lambda u: u.append(u.since_mark(), "extend"),
    pickle.SETITEM[0]: lambda u: u.set_items([u.stack.pop(-2), u.stack.pop()], "SETITEM"),
    pickle.SETITEMS[0]: lambda u: u.set_items(u.since_mark(), "SETITEMS"),
    pickle.TUPLE[0]: Unpickler.tuple_since_mark,
    pickle.TUPLE1[0]: lambda u: u.tuple_of(1),
    pickle.TUPLE2[0]: lambda u: u.tuple_of(2),
    pickle.TUPLE3[0]: lambda u: u.tuple_of(3),
    pickle.NONE[0]: _pushing(lambda: None),
    pickle.NEWFALSE[0]: _pushing(lambda: False),
    pickle.NEWTRUE[0]: _pushing(lambda: True),
    pickle.EMPTY_TUPLE[0]: _pushing(tuple),
    pickle.EMPTY_LIST[0]: _pushing(list),
    pickle.EMPTY_DICT[0]: _pushing(dict),
    pickle.EMPTY_SET[0]: _pushing(set),
    pickle.BININT[0]: lambda u: u.stack.append(u.number("<i")),
    pickle.BININT1[0]: lambda u: u.stack.append(u.number("B")),
    pickle.BININT2[0]: lambda u: u.stack.append(u.number("<H")),
    pickle.BINFLOAT[0]: lambda u: u.stack.append(u.number(">d")),
    pickle.BINUNICODE[0]: Unpickler.text,
    pickle.SHORT_BINSTRING[0]: Unpickler.short_text,
    pickle.LONG1[0]: Unpickler.long,
    pickle.BINGET[0]: lambda u: u.recall(u.number("B")),
    pickle.LONG_BINGET[0]: lambda u: u.recall(u.number("<I")),
    pickle.BINPUT[0]: lambda u: u.remember(u.number("B")),
    pickle.LONG_BINPUT[0]: lambda u: u.remember(u.number("<I")),
}

WHOLE_MODULE = (
    "the file holds a whole module, whose classes are code; what is wanted is its state_dict:",
    "torch.save(model.state_dict(), path) under torch, then here model = ...; "
    "model.load_state_dict(tatamu.load(path))",
)


def named(path: str, data: memoryview) -> Any:
    """What is on the list under a name; UnpicklingError with torch's sentence for the others."""
    if path.partition(".")[0] in allowed.BLOCKED:
        module = path.rpartition(".")[0]
        raise refused(
            f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked.",
            "the file asks for a function that acts on this machine: do not trust it",
        )
    found = allowed.find(path)
    if found is not None:
        return found
    absent = allowed.absent(path)
    if absent:
        raise refused(f"Unsupported type: {path}", absent)
    return _not_allowed(path.removeprefix("builtins."), data)


def _not_allowed(path: str, data: memoryview) -> NoReturn:
    sentence = (
        f"Unsupported global: GLOBAL {path} was not an allowed global by default. Please use "
        f"`torch.serialization.add_safe_globals([{path}])` or the "
        f"`torch.serialization.safe_globals([{path}])` context manager to allowlist this global "
        "if you trust this class/function."
    )
    whole = path.startswith(("torch.nn.modules.", "torchvision.models.", "torch.fx."))
    if whole or bytes(data).find(b"_modules") >= 0:
        raise refused(sentence, *WHOLE_MODULE)
    raise refused(sentence, "tatamu runs no code of a file, with weights_only=False neither")


def too_deep() -> pickle.UnpicklingError:
    """For containers inside each other that Python could not handle."""
    return refused(f"more than {MOST_NESTED} containers inside each other are refused")


def check_depth(value: Any) -> None:
    """UnpicklingError if containers lie too deep inside each other."""
    level = [value]
    seen: set[int] = set()
    for _ in range(MOST_NESTED):
        level = [item for container in level for item in _inside(container, seen)]
        if not level:
            return
    raise too_deep()


def _inside(container: Any, seen: set[int]) -> Iterator[Any]:
    if not isinstance(container, dict | list | tuple | set) or id(container) in seen:
        return
    seen.add(id(container))
    items: Iterable[Any] = container.values() if isinstance(container, dict) else container
    for item in items:
        if isinstance(item, dict | list | tuple | set) and not isinstance(item, Tensor):
            yield item


def globals_of(data: memoryview) -> set[str]:
    """The names that a pickle asks for, without answering one."""
    import pickletools

    found = set()
    try:
        for opcode, argument, _ in pickletools.genops(bytes(data)):
            if opcode.name == "GLOBAL":
                module, _, name = str(argument).partition(" ")
                found.add(allowed.modern(module, name))
    except ValueError as error:
        raise refused("the pickle is damaged", str(error)) from error
    return found
