"""What a tensor is made of, the graph that operations leave behind, and the per-thread mode.

``Array`` holds data and no arithmetic: ``Tensor`` adds the methods, a floor up. Operations write
the graph (``Node``); only the autograd engine walks it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu import naming
from tatamu.dtypes import DType
from tatamu.ops.layout import (
    Ints,
    Size,
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


class Local(threading.local):
    """What each thread decides for itself: whether a graph is recorded, and who watches."""

    grad: bool = True
    watchers: tuple[Callable[[Event], object], ...] = ()


local = Local()

absent: Any = object()
"""What a constructor's arguments are that nobody gave."""


class Array:
    """A shape and strides (in elements) over a Storage, and this tensor's place in the graph.

    ``node`` made it (None for a leaf). A view keeps its root tensor in ``base`` and the storage
    version that its ``node`` was made for: when they differ, somebody wrote to the memory, and
    the view's history is made anew before it is used.
    """

    __slots__ = (
        "__weakref__",
        "_array",
        "_requires_grad",
        "base",
        "dtype",
        "grad_array",
        "node",
        "offset",
        "shape",
        "storage",
        "strides",
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
        self.base: Array | None = None
        self.view_version = 0
        self.grad_array: Array | None = None

    @property
    def array(self) -> Numpy:
        """The NumPy view of this memory in storage form (bfloat16 as uint16); made once."""
        array = self._array
        if array is None:
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
            self._array = array
        return array

    @property
    def address(self) -> int:
        """Where the first element lies."""
        return self.storage.address + self.offset * self.dtype.itemsize

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


def _no_array(arguments: tuple[Any, ...]) -> Array:
    """Before ``legacy`` is loaded nothing is made of sizes or numbers."""
    raise TypeError("an Array is made of a Storage")


def _nothing(x: Array) -> None:
    """Before ``ops.inplace`` is loaded no view can be out of date."""


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
    storage.reordered = not array.flags.c_contiguous
    return made.type(storage, 0, shape, strides, dtype, array)


def detached(x: Array) -> Array:
    """The same memory, outside the graph."""
    return made.type(x.storage, x.offset, x.shape, x.strides, x.dtype, x._array)


class Node:
    """One operation in the graph: how to get from the output's gradient to the inputs'.

    ``edges`` has one entry per input: the node that made it, the leaf itself, or None where no
    gradient is wanted. Only output 0 of an operation is ever differentiable. ``saved`` holds what
    the record of the operation says it needs; ``versions`` what the memory's counters were then.
    """

    __slots__ = ("__weakref__", "call", "edges", "retained", "saved", "versions")

    def __init__(
        self,
        call: Call,
        edges: tuple[Node | Array | None, ...],
        saved: tuple[Array | None, ...] | None,
        versions: tuple[int, ...],
    ) -> None:
        self.call = call
        self.edges = edges
        self.saved = saved
        self.versions = versions
        self.retained: weakref.ref[Array] | None = None

    def __repr__(self) -> str:
        return f"<{self.name()} object at {hex(id(self))}>"

    def name(self) -> str:
        """torch's name for the node's class; attrs may say which overload of torch's this is."""
        return f"{self.call.op.title}Backward{getattr(self.call.attrs, 'overload', 0)}"

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
        for place, (saved, version) in enumerate(zip(self.saved, self.versions, strict=True)):
            if saved is not None and saved.storage.version != version:
                self._changed(place, saved, version)
        outputs = self.call.op.saves.outputs
        if 0 not in outputs:
            return self.saved
        # Output 0 is kept detached, for a node that held its own output would be a cycle. A
        # second derivative runs through it, so what is handed out belongs to the graph.
        place = len(self.saved) - len(outputs) + outputs.index(0)
        kept = self.saved[place]
        assert kept is not None
        output = detached(kept)
        output.node = self
        output._requires_grad = True
        return (*self.saved[:place], output, *self.saved[place + 1 :])

    def _changed(self, place: int, saved: Array, version: int) -> None:
        own = place >= len(self.versions) - len(self.call.op.saves.outputs)
        made_by = self if own else saved.node
        source = made_by.name() if made_by is not None else "a leaf"
        kind = f"{naming.prefix}.{saved.dtype.legacy_name}Tensor"
        raise RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: [{kind} {list(saved.shape)}], which is "
            f"output 0 of {source}, is at version {saved.storage.version}; "
            f"expected version {version} instead.\n"
            f"  {self.name()} needs its value as it was; an operation ending in _ or an "
            "assignment x[...] = changed it afterwards: use the form without _, or clone() first"
        )
