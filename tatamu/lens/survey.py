"""The first run of a network that is recorded: its rows, what each took from which, and how.

Nothing of the values is kept, and no tensor is kept alive.
"""

from __future__ import annotations

import linecache
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from tatamu.geometry import AdaptiveSpec, ConvSpec, PoolSpec
from tatamu.lens import sight
from tatamu.lens.calls import PACKAGE, Watcher, first_tensor, is_layer
from tatamu.lens.network_records import CONSTANT, INPUT, Edge
from tatamu.lens.sight import Sight
from tatamu.profiling import OpReport, op_report

if TYPE_CHECKING:
    from tatamu import Tensor
    from tatamu.nn import Module
    from tatamu.ops import Event

__all__ = ["Draft", "NetworkWatcher", "Survey", "labelled"]

FUNCTIONAL = os.path.join(PACKAGE, "nn", "functional") + os.sep
USERS = (os.path.join(PACKAGE, "vision") + os.sep,)
"""Folders of tatamu whose code is a model's, such as a user might have written."""

BOUNDARY = os.path.join(PACKAGE, "lens", "running.py")
"""The file that calls the network: what called it is no part of the network."""

SIGNS = {
    "add": "+", "sub": "−", "mul": "×", "truediv": "÷", "matmul": "@", "neg": "−", "pow": "^",
    "floordiv": "//", "mod": "%", "getitem": "[ ]", "setitem": "[ ] =", "and": "&", "or": "|",
    "xor": "^", "invert": "~", "eq": "==", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥",
}  # fmt: skip
PRODUCTS = frozenset(
    [
        "convolution",
        "conv_transpose",
        "conv_fused",
        "linear",
        "linear_without_bias",
        "matmul",
        "bmm",
    ]
)
SETTINGS = (int, float, str, bool, type(None))
R = TypeVar("R")


@dataclass
class Draft:
    """A row while it is being made; see `NetworkLayer`."""

    index: int
    module: Module | None
    kind: str
    role: str
    path: str
    modules: tuple[str, ...]
    call: int = 0
    file: str = ""
    line: int = 0
    edges: list[Edge] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    output_shapes: tuple[tuple[int, ...], ...] = ()
    dtype: str = ""
    spec: ConvSpec | PoolSpec | None = None
    spec_sizes: tuple[int, ...] = ()
    sight: Sight = field(default_factory=sight.nothing)
    given: list[Sight] = field(default_factory=list)
    settings: tuple[tuple[str, object], ...] = ()
    parameters: int = 0
    parameter_bytes: int = 0
    mult_adds: int = 0
    flops: int = 0
    bytes_moved: int = 0
    output_bytes: int = 0
    compile_seconds: float = 0.0
    operations: list[OpReport] = field(default_factory=list)
    runs: list[Any] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    light: bool = True


class NetworkWatcher(Watcher[R]):
    """Tells apart the rows of a network: layers that hold no others, and what stands between."""

    def __init__(self) -> None:
        from threading import get_ident

        super().__init__(get_ident())

    def counts(self, module: Module) -> bool:
        """Whether a layer is one row: if it holds no layers, or calls none of those it holds."""
        if not is_layer(module):
            return False
        return not module._modules or type(module).__name__ == "MultiheadAttention"

    def split(self, frame: FrameType | None) -> tuple[FrameType | None, list[FrameType]]:
        """The innermost frame of the model's code, and tatamu's inside it, innermost first."""
        own: list[FrameType] = []
        while frame is not None:
            file = frame.f_code.co_filename
            if file == BOUNDARY:
                return None, own
            if not file.startswith(PACKAGE) or file.startswith(USERS):
                return frame, own
            own.append(frame)
            frame = frame.f_back
        return None, own


class Known:
    """Which row made a tensor, and what it depends on, for as long as the tensor lives."""

    def __init__(self) -> None:
        self.tensors: dict[int, tuple[weakref.ref[Any], int, int, Sight]] = {}
        self.storages: dict[int, tuple[weakref.ref[Any], int, Sight, tuple[Any, ...]]] = {}

    def put(self, x: Any, row: int, seen: Sight) -> None:
        """``x`` has just been made by a row."""
        self.tensors[id(x)] = (weakref.ref(x), x.storage.version, row, seen)
        known = self.storages.get(id(x.storage))
        if known is None or known[0]() is not x.storage:
            self._store(x, row, seen)

    def written(self, x: Any, row: int, seen: Sight) -> None:
        """A row writes over ``x``; what else looks at its memory depends on that, too."""
        before = self.find(x)
        if before is not None and not self._whole(x):
            seen = sight.together([_as_one(seen), _as_one(before[1])])
        self._store(x, row, seen)

    def find(self, x: Any) -> tuple[int, Sight] | None:
        """The row that made ``x``, or wrote to its memory last; None for an unknown tensor."""
        entry = self.tensors.get(id(x))
        if entry is not None and entry[1] == x.storage.version and entry[0]() is x:
            return entry[2], entry[3]
        stored = self.storages.get(id(x.storage))
        if stored is None or stored[0]() is not x.storage:
            return None
        alike = stored[3] == (tuple(x.shape), tuple(x.strides), x.offset)
        return stored[1], stored[2] if alike else _as_one(stored[2])

    def _store(self, x: Any, row: int, seen: Sight) -> None:
        place = (tuple(x.shape), tuple(x.strides), x.offset)
        self.storages[id(x.storage)] = (weakref.ref(x.storage), row, seen, place)

    @staticmethod
    def _whole(x: Any) -> bool:
        reached: int = prod(x.shape) * x.dtype.itemsize
        return reached >= int(x.storage.nbytes)


def _as_one(seen: Sight) -> Sight:
    return seen[0].as_one(), seen[1].as_one()


class Survey(NetworkWatcher[Draft]):
    """Makes the rows. ``model`` is what names are looked up in."""

    def __init__(self, model: Any, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.drafts: list[Draft] = []
        self.known = Known()
        self.count = 0
        self.calls: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.own: dict[int, int] = {}
        self.counted: set[int] = set()
        self.model = model
        if hasattr(model, "named_modules"):
            self.names = {id(module): name for name, module in reversed([*model.named_modules()])}
            self.own = {id(x.storage): 1 for x in (*model.parameters(), *model.buffers())}
        for number, x in enumerate(inputs):
            whole = sight.of_picture(x.shape) if not number else sight.nothing()
            self.known.put(x, INPUT, whole)

    # ---- what is heard ----

    def enter_module(self, module: Module, inputs: tuple[Any, ...], frame: FrameType) -> Draft:
        """A row for a layer."""
        user, _ = self.split(frame)
        draft = self._row(module, type(module).__name__, "module", user)
        draft.call = self.calls.get(id(module), 0)
        self.calls[id(module)] = draft.call + 1
        draft.settings = _settings(vars(module))
        self._count(draft, list(module.parameters()))
        x = first_tensor(inputs)
        if x is not None:
            draft.spec_sizes = tuple(int(size) for size in x.shape)
        return draft

    def enter_function(
        self, event: Event, user: FrameType | None, own: Sequence[FrameType]
    ) -> Draft:
        """A row for a function, an operator, or a bare operation."""
        kind, role = _named(event, own)
        return self._row(None, kind, role, user)

    def operation(self, call: Draft, event: Event) -> None:
        """Note what an operation takes, costs and makes."""
        call.events.append(self.count)
        self.count += 1
        taken = frozenset(call.taken)
        found = [None if x is None else self._source(call, x, taken) for x in event.inputs]
        sights = sight.through(event, found)
        for output, seen in zip(event.outputs, sights, strict=True):
            self.known.put(output, call.index, seen)
        if event.written is not None:
            self.known.written(event.written, call.index, sights[0])
        call.sight = sights[0]
        call.dtype = event.output.dtype.name
        call.output_bytes = _bytes(event.outputs)
        if call.module is None:
            call.output_shapes = tuple(_shape(x) for x in event.outputs)
        if event.op.aliases:
            call.operations.append(OpReport(event.op.name, (event.inputs[0].shape,), "view", 0, ()))  # type: ignore[union-attr]
            return
        call.light = False
        report = op_report(event)
        call.operations.append(report)
        call.runs.append(event.ran)
        call.flops += report.flops
        call.compile_seconds += event.ran.compile_seconds
        _cost(call, event)
        _size_rule(call, event)

    def leave_module(self, call: Draft, module: Module, output: Any) -> None:
        """Note what a layer gave."""
        tensors = [x for _, x in labelled(output)]
        call.output_shapes = tuple(_shape(x) for x in tensors)
        if tensors:
            call.dtype = tensors[0].dtype.name
            call.output_bytes = _bytes(tensors)
        if not call.events:
            call.role = "nothing"
            for x in tensors:
                self._source(call, x)
        for x in tensors:
            if self.known.find(x) is None:  # made by no operation: of all that went in
                self.known.put(x, call.index, _as_one(sight.together(call.given)))
        found = self.known.find(tensors[0]) if tensors else None
        if found is not None:
            call.sight = found[1]

    # ---- rows ----

    def _row(self, module: Module | None, kind: str, role: str, user: FrameType | None) -> Draft:
        around = (*self.local.modules, *(() if module is None else (module,)))
        draft = Draft(
            index=len(self.drafts),
            module=module,
            kind=kind,
            role=role,
            path=self._path(around),
            modules=tuple(type(each).__name__ for each in around),
        )
        if user is not None:
            draft.file, draft.line = user.f_code.co_filename, user.f_lineno
        self.drafts.append(draft)
        return draft

    def _path(self, around: Sequence[Any]) -> str:
        for module in reversed(around):
            if id(module) in self.names:
                return self.names[id(module)]
        return ""

    def _source(self, call: Draft, x: Any, taken: frozenset[int] = frozenset()) -> Sight | None:
        """What an input depends on; the edge it came by, if no operation before took the tensor."""
        if id(x.storage) in self.own:
            if call.module is None and getattr(x, "_requires_grad", False):
                self._count(call, [x])
            return None
        found = self.known.find(x)
        producer, seen = found if found is not None else (CONSTANT, sight.nothing())
        if found is not None:
            call.given.append(seen)
        if producer == call.index or (found is None and not x.shape):
            return seen if found else None
        if id(x) not in taken:
            call.taken.add(id(x))
            call.edges.append(Edge(producer, _shape(x)))
        return seen if found else None

    def _count(self, call: Draft, parameters: Sequence[Any]) -> None:
        """Enter the parameters that no row before has used."""
        for parameter in parameters:
            if id(parameter) in self.counted or not hasattr(parameter, "storage"):
                continue
            self.counted.add(id(parameter))
            size = prod(parameter.shape)
            call.parameters += size
            call.parameter_bytes += size * parameter.dtype.itemsize


def _shape(x: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in x.shape)


def _bytes(tensors: Sequence[Any]) -> int:
    return sum(prod(x.shape) * x.dtype.itemsize for x in tensors)


def labelled(value: Any, label: str = "") -> Iterator[tuple[str, Any]]:
    """Every tensor of a network's output with the way to it: an index, a key, an attribute.

    >>> import tatamu
    >>> [label for label, _ in labelled({"out": tatamu.ones(1), "aux": [tatamu.ones(1)]})]
    ['out', 'aux.0']
    """
    from tatamu import Tensor

    if isinstance(value, Tensor):
        yield label, value
        return
    inner: Iterator[tuple[Any, Any]]
    if isinstance(value, Mapping):
        inner = iter(value.items())
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        inner = zip(value._fields, value, strict=True)
    elif isinstance(value, (list, tuple)):
        inner = ((str(place), each) for place, each in enumerate(value))
    else:
        return
    for key, each in inner:
        yield from labelled(each, f"{label}.{key}" if label else str(key))


def _named(event: Event, own: Sequence[FrameType]) -> tuple[str, str]:
    """What a reader would call the function, and its role."""
    code = own[-1].f_code if own else None
    role = "view" if event.op.aliases else "function"
    if code is None:
        return event.op.name, role
    name = code.co_name
    if name.startswith("__") and name.endswith("__"):
        bare = name.strip("_")
        sign = SIGNS.get(bare) or SIGNS.get(bare[1:])
        if sign is not None:
            return sign, "view" if event.op.aliases else "operator"
    if code.co_filename.startswith(FUNCTIONAL):
        return f"F.{name}", role
    if "<locals>" in getattr(code, "co_qualname", name) or name.startswith("_"):
        sign = SIGNS.get({"div": "truediv", "power": "pow"}.get(event.op.name, event.op.name))
        return (sign, "operator") if sign else (event.op.name, role)
    return name, role


def _cost(call: Draft, event: Event) -> None:
    """Enter multiply-adds and bytes."""
    from tatamu.ops.op import Call

    made = Call(event.op, event.attrs, event.inputs)
    call.bytes_moved += event.op.bytes(made)
    name = event.op.name
    if name not in PRODUCTS:
        return
    x, w = made.shape(0), made.shape(1)
    if name == "conv_transpose":
        call.mult_adds += prod(x) * prod(w[1:])
    elif name in ("convolution", "conv_fused"):
        call.mult_adds += prod(event.output.shape) * prod(w[1:])
    else:
        call.mult_adds += prod(event.output.shape) * x[-1]


def _size_rule(call: Draft, event: Event) -> None:
    """The rule of a row that moves a window, and the sizes it moves over."""
    spec = getattr(event.attrs, "spec", event.attrs)
    source = event.inputs[0]
    if source is None or call.spec is not None:
        return
    if isinstance(spec, AdaptiveSpec):
        spec = spec.windows(tuple(source.shape)[-spec.dims :])
    if not isinstance(spec, (ConvSpec, PoolSpec)):
        return
    own = None if call.module is None else vars(call.module).get("spec")
    if isinstance(own, ConvSpec) and len(call.spec_sizes) >= own.dims:
        # Its own padding may have been a operation before this one.
        call.spec, call.spec_sizes = own, call.spec_sizes[-own.dims :]
        return
    call.spec = spec
    call.spec_sizes = tuple(int(size) for size in source.shape)[-len(spec.axes) :]


def _settings(values: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    """The plain values among a module's attributes."""

    def plain(value: Any) -> bool:
        if isinstance(value, tuple):
            return all(isinstance(each, SETTINGS) for each in value)
        return isinstance(value, SETTINGS)

    return tuple(
        (name, value)
        for name, value in values.items()
        if not name.startswith("_") and name != "training" and plain(value)
    )


def code_of(draft: Draft) -> str:
    """The line a row was called from."""
    linecache.checkcache(draft.file)
    return linecache.getline(draft.file, draft.line).strip() if draft.line else ""
