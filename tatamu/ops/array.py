"""What a tensor is made of, the graph that operations leave behind, and the per-thread mode.

``Array`` holds data and no arithmetic: ``Tensor`` adds the methods, a floor up. Operations write
the graph (``Node``); only the autograd engine walks it.
"""

from __future__ import annotations

import itertools
import threading
import traceback
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from tatamu import naming
from tatamu.dtypes import DType
from tatamu.ops.hooks import Notes, RemovableHandle
from tatamu.ops.layout import (
    Ints,
    Size,
    as_if_in_order,
    channels_innermost_strides,
    channels_last_strides,
    contiguous_strides,
    is_contiguous,
    sized,
)
from tatamu.runtime.storage import Storage

if TYPE_CHECKING:
    from tatamu.ops.op import Call, Event

__all__ = ["Array", "Node", "Numpy", "local", "wrap"]

Numpy = np.ndarray[Any, Any]


class Noting(Protocol):
    """Who is told of what goes past the operations: numbers that are read, memory written to."""

    def reads(self, x: Array, /) -> None:
        """The numbers of ``x`` are about to be read."""

    def writes(self, x: Array, value: Array, /) -> None:
        """``value`` is about to be written over ``x``, which lies in memory of the same shape."""


class Local(threading.local):
    """What each thread decides for itself: whether a graph is recorded, who watches, how what
    backward needs is packed away, and whether its backward pass leaves leaves out. ``written`` is
    what those who watch are to hear is written over; ``noting`` is told of reads and writes
    besides; while it is there, no NumPy view is kept, so that it is told of each.
    """

    grad: bool = True
    noting: Noting | None = None
    packing: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None
    pruning: bool = False
    watchers: tuple[Callable[[Event], object], ...] = ()
    written: Array | None = None


local = Local()

absent: Any = object()
"""What a constructor's arguments are that nobody gave."""


class Array:
    """A shape and strides (in elements) over a Storage, and this tensor's place in the graph.

    ``node`` made it (None for a leaf), as its output ``output_nr``. A view keeps its root tensor
    in ``base`` and the storage version that its ``node`` was made for: when they differ, somebody
    wrote to the memory, and the view's history is made anew before it is used. ``view_kind`` says
    why a view may not be written to while a graph is recorded: it was made under "no_grad" or in
    "inference" mode, is one of "several" outputs, or was made in a "function" of the user's.
    """

    __slots__ = (
        "__weakref__",
        "_array",
        "_requires_grad",
        "base",
        "dtype",
        "grad_array",
        "node",
        "notes",
        "offset",
        "output_nr",
        "shape",
        "storage",
        "strides",
        "view_kind",
        "view_version",
    )

    storage: Storage
    offset: int
    shape: Size
    strides: Ints
    dtype: DType
    _array: Numpy | None

    def __init__(
        self,
        storage: Any = absent,
        offset: Any = absent,
        shape: Any = absent,
        strides: Any = absent,
        dtype: Any = absent,
        array: Any = None,
        *more: Any,
    ) -> None:
        if type(storage) is not Storage:  # torch.Tensor(2, 3), torch.Tensor([1, 2])
            other = made.of_user((storage, offset, shape, strides, dtype, array, *more))
            storage, offset, shape, strides = (
                other.storage,
                other.offset,
                other.shape,
                other.strides,
            )
            dtype, array = other.dtype, other._array
        self.storage = storage
        self.offset = offset
        self.shape = shape
        self.strides = strides
        self.dtype = dtype
        self._array = array
        self._requires_grad = False
        self.node: Node | None = None
        self.output_nr = 0
        self.notes: Notes | None = None
        self.base: Array | None = None
        self.view_kind = ""
        self.view_version = 0
        self.grad_array: Array | None = None

    def note(self) -> Notes:
        """The notes on this leaf, to write to."""
        if self.notes is None:
            self.notes = Notes()
        return self.notes

    @property
    def array(self) -> Numpy:
        """The NumPy view of this memory in storage form (bfloat16 as uint16); made once."""
        array = self._array
        if array is None:
            noting = local.noting
            if noting is not None:
                noting.reads(self)
            dtype = self.dtype.numpy
            size = dtype.itemsize
            if self.storage.nbytes:
                array = np.ndarray(
                    self.shape,
                    dtype,
                    np.asarray(self.storage),
                    self.offset * size,
                    tuple([size * stride for stride in self.strides]),
                )
            else:
                array = np.empty(self.shape, dtype)
            if noting is None:
                self._array = array
        return array

    @property
    def address(self) -> int:
        """Where the first element lies."""
        return self.storage.address + self.offset * self.dtype.itemsize

    def shown_strides(self) -> Ints:
        """The strides that torch would have.

        Where an operation chose another order for its output than C order, those of C order.
        """
        if not self.storage.reordered or 0 in self.shape:
            return self.strides
        root = self if self.base is None else self.base
        offset = self.offset - root.offset
        return as_if_in_order(self.shape, self.strides, offset, root.shape, root.strides)

    def in_order(self) -> bool:
        """Whether the elements lie in C order without gaps."""
        return is_contiguous(self.shape, self.strides, contiguous_strides(self.shape))

    def channels_last(self) -> bool:
        """Whether the elements lie channels-last without gaps (three to five axes)."""
        if not 3 <= len(self.shape) <= 5:
            return False
        return is_contiguous(self.shape, self.strides, channels_last_strides(self.shape))

    def channels_innermost(self) -> bool:
        """Whether the elements lie without gaps, axis 1 innermost, as convolutions leave them."""
        return is_contiguous(self.shape, self.strides, channels_innermost_strides(self.shape))


class _Made:
    """What floors above enter here: the class of outputs, and how a view's history is renewed."""

    def __init__(self) -> None:
        self.type = Array
        self.refresh = _nothing
        self.of_user: Callable[[tuple[Any, ...]], Array] = _no_array
        self.rejoin = _alone


def _no_array(arguments: tuple[Any, ...]) -> Array:
    """Before ``legacy`` is loaded nothing is made of sizes or numbers."""
    raise TypeError("an Array is made of a Storage")


def _nothing(x: Array) -> None:
    """Before ``ops.inplace`` is loaded no view can be out of date."""


def _alone(x: Array, target: Node | Array, output_nr: int) -> Array:
    """Before ``ops.op`` is loaded no tensor has a history."""
    return x


made = _Made()


def wrap(array: Numpy, dtype: DType) -> Array:
    """A tensor over the memory of ``array`` (in the storage form of ``dtype``)."""
    size = array.itemsize
    shape = sized(array.shape)
    if array.size:
        strides = tuple([stride // size for stride in array.strides])
    else:
        strides = contiguous_strides(shape)
    storage = Storage.adopt(array)
    # Such a result follows an output that an operation laid out so.
    if len(shape) > 2 and not array.flags.c_contiguous:
        storage.reordered = strides == channels_innermost_strides(shape)
    return made.type(storage, 0, shape, strides, dtype, array)


def detached(x: Array) -> Array:
    """The same memory, outside the graph."""
    return made.type(x.storage, x.offset, x.shape, x.strides, x.dtype, x._array)


class Anomaly:
    """Whether nodes note where they were made, and whether gradients are searched for NaN."""

    traced = False
    checked = False


anomaly = Anomaly()


class Packed(NamedTuple):
    """A saved tensor as ``saved_tensors_hooks`` have packed it, and where it stood in the graph."""

    value: Any
    unpack: Callable[[Any], Any]
    target: Node | Array | None
    output_nr: int


class Node:
    """One operation in the graph: how to get from the outputs' gradients to the inputs'.

    ``edges`` has one entry per input: the node that made it, the leaf itself, or None where no
    gradient is wanted; ``places`` says which of that node's outputs it is (empty: always the
    first). ``saved`` holds what the record of the operation says it needs; ``versions`` what the
    memory's counters were then. A node made later has a higher ``sequence``.
    """

    __slots__ = (
        "__weakref__", "call", "edges", "notes", "places", "saved", "sequence", "versions",
    )  # fmt: skip

    foreign = False
    """Whether others may hold the memory of the gradients it gives."""

    def __init__(
        self,
        call: Call,
        edges: tuple[Node | Array | None, ...],
        saved: tuple[Array | Packed | None, ...] | None = (),
        versions: tuple[int, ...] = (),
        places: Ints = (),
    ) -> None:
        self.call = call
        self.edges = edges
        self.saved = saved
        self.versions = versions
        self.places = places
        self.sequence = next(_sequence)
        self.notes: Notes | None = None
        if anomaly.traced:
            self.note().metadata["traceback_"] = traceback.format_stack()[:-1]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {hex(id(self))}>"

    def title(self) -> str:
        """The name by which error messages speak of the operation."""
        return type(self).__name__.partition("Backward")[0]

    def name(self) -> str:
        """torch's name for the node's class."""
        name = type(self).__name__
        return f"torch::autograd::{name}" if name in ("CopySlices", "CopyBackwards") else name

    @property
    def outputs(self) -> int:
        """How many outputs are differentiable."""
        count: int = getattr(self.call.attrs, "outputs", self.call.op.differentiable)
        return count

    def pull(self, gradients: tuple[Any, ...]) -> Sequence[Any]:
        """The inputs' gradients (None where there is none) from the outputs'."""
        vjp = self.call.op.vjp
        assert vjp is not None
        return vjp(self, *gradients)

    def free(self) -> None:
        """Forget what was saved."""
        if self.saved:
            self.saved = None

    # ---- what torch shows of a node ----

    def note(self) -> Notes:
        """The notes on this node, to write to."""
        if self.notes is None:
            self.notes = Notes()
        return self.notes

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each input: the node that made it (AccumulateGrad for a leaf), and which output."""
        places = self.places or (0,) * len(self.edges)
        found = [
            t if t is None or isinstance(t, Node) else AccumulateGrad.of(t) for t in self.edges
        ]
        pairs = list(zip(found, places, strict=True))
        return tuple([pairs[i] for i in self.call.op.listed or range(len(pairs))])

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for whatever one likes to note on this node."""
        return self.note().metadata

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` after it; it may return other grad_inputs."""
        return RemovableHandle(self.note().after, fn)

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before the node; it may return others."""
        return RemovableHandle(self.note().before, fn)

    def recall(self) -> tuple[Any, ...]:
        """The saved tensors, after checking that nobody wrote to them since."""
        if self.saved is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Saved intermediate values of the "
                "graph are freed when you call .backward() or autograd.grad(). Specify "
                "retain_graph=True if you need to backward through the graph a second time or if "
                "you need to access saved tensors after calling backward."
            )
        own = self.call.op.saves.outputs
        first = len(self.saved) - len(own)
        found: list[Any] = list(self.saved)
        for place, (saved, version) in enumerate(zip(self.saved, self.versions, strict=True)):
            if isinstance(saved, Packed):
                found[place] = unpacked(saved)
            elif saved is not None and saved.storage.version != version:
                output = own[place - first] if place >= first else None
                raise changed(self, saved, version, output)
        # Own outputs are kept detached, for a node that held them would be a cycle. A second
        # derivative runs through them, so what is handed out belongs to the graph.
        for place, output in enumerate(own, first):
            kept = found[place]
            if output < self.outputs and kept is not None:
                found[place] = attached(kept, self, output)
        return tuple(found)


_sequence = itertools.count()


def attached(x: Array, node: Node, output_nr: int) -> Array:
    """The same memory as an output of ``node``."""
    output = detached(x)
    output.node = node
    output.output_nr = output_nr
    output._requires_grad = True
    return output


def unpacked(saved: Packed) -> Array:
    """A saved tensor as it was, back in its place in the graph."""
    x: Array = saved.unpack(saved.value)
    if saved.target is None:
        return x
    return made.rejoin(x, saved.target, saved.output_nr)


def changed(node: Node, saved: Array, version: int, output: int | None) -> RuntimeError:
    """torch's error about a saved tensor (an ``output`` of the node or None) since written to."""
    made_by = saved.node if output is None else node
    number = saved.output_nr if output is None else output
    source = "" if made_by is None else f", which is output {number} of {made_by.title()},"
    hint = (
        "the backtrace further above shows the operation that failed to compute its gradient. The "
        "variable in question was changed in there or anywhere later. Good luck!"
        if anomaly.traced
        else "enable anomaly detection to find the operation that failed to compute its gradient, "
        f"with {naming.prefix}.autograd.set_detect_anomaly(True, check_nan=False)."
    )
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{naming.prefix}.{saved.dtype.legacy_name}Tensor {list(saved.shape)}]{source} "
        f"is at version {saved.storage.version}; expected version {version} instead. Hint: {hint}\n"
        f"  {node.name()} needs its value as it was; an operation ending in _ or an "
        "assignment x[...] = changed it afterwards: use the form without _, or clone() first"
    )


class AccumulateGrad:
    """The end of a graph: where gradients are added to ``variable.grad``."""

    __slots__ = ("__weakref__", "variable")

    def __init__(self, variable: Array) -> None:
        self.variable = variable

    @classmethod
    def of(cls, leaf: Array) -> AccumulateGrad:
        """The one of a leaf, as long as somebody holds it."""
        notes = leaf.note()
        found: AccumulateGrad | None = None if notes.accumulator is None else notes.accumulator()
        if found is None:
            found = cls(leaf)
            notes.accumulator = weakref.ref(found)
        return found

    next_functions: tuple[tuple[Any, int], ...] = ()

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {hex(id(self))}>"

    def name(self) -> str:
        """torch's name for the node's class."""
        return "torch::autograd::AccumulateGrad"

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for whatever one likes to note here."""
        return self.variable.note().metadata

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` after the gradient was added."""
        return RemovableHandle(self.variable.note().after, fn)

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before it is added; it may return others."""
        return RemovableHandle(self.variable.note().before, fn)
