"""Storage: pooled, 64-byte-aligned memory with a version counter.

Fresh large memory costs a page fault every 4 KB, so a dying Storage hands its block to a free list
of its size class, and the next one of that class takes it. NumPy arrays over a Storage reach it
through ``__array_interface__`` and so keep it, and not just its bytes, alive.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from tatamu.runtime.packing import packed

__all__ = ["Pool", "Storage", "mode", "pool"]

ALIGNMENT = 64
Block = tuple[int, Any]
"""(aligned address, the object that owns the bytes)"""


def size_class(nbytes: int) -> int:
    """``nbytes`` rounded up to a class: multiples of 64, then eight classes to an octave.

    >>> size_class(0), size_class(65), size_class(1000), size_class(1_000_000)
    (64, 128, 1024, 1048576)
    """
    if nbytes <= 1024:
        return max((nbytes + 63) & ~63, ALIGNMENT)
    step = 1 << ((nbytes - 1).bit_length() - 4)
    return (nbytes + step - 1) // step * step


class Pool:
    """Free blocks by size class, at most ``limit`` bytes of them; safe from any thread.

    >>> p = Pool(limit=1 << 20)
    >>> block = p.take(256)
    >>> p.give(256, block); p.take(256) is block
    True
    """

    __slots__ = ("_free", "_lock", "held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._free: dict[int, list[Block]] = {}
        self._lock = threading.Lock()

    def take(self, size: int) -> Block:
        """A block of ``size`` bytes (a size class), reused if one is free."""
        with self._lock:
            blocks = self._free.get(size)
            if blocks:
                self.held -= size
                return blocks.pop()
        owner = np.empty(size + ALIGNMENT, np.uint8)
        address = owner.ctypes.data
        return (address + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT, owner

    def give(self, size: int, block: Block) -> None:
        """Keep ``block`` for the next taker, unless that would exceed the limit.

        It is called from ``__del__``, which the garbage collector may run in a thread that is
        inside ``take``. So it never waits: a block that finds the lock taken is simply freed.
        """
        if size > self.limit or not self._lock.acquire(blocking=False):
            return
        dropped = None
        try:
            if self.held + size > self.limit:
                # Free blocks of sizes no longer asked for would otherwise fill the pool for good.
                dropped, self._free, self.held = self._free, {}, 0
            self._free.setdefault(size, []).append(block)
            self.held += size
        finally:
            self._lock.release()
        del dropped

    def clear(self) -> None:
        """Free every block that is held."""
        with self._lock:
            self._free, self.held = {}, 0


def _extent(array: np.ndarray[tuple[int, ...], Any]) -> int:
    """Bytes from the first element to the end of the last one."""
    if array.flags.c_contiguous or array.size == 0:
        return array.nbytes
    steps = zip(array.shape, array.strides, strict=True)
    return array.itemsize + sum([(n - 1) * stride for n, stride in steps])


pool = Pool(limit=1 << 29)

# A child of a fork has only the thread that forked: the lock must not be another thread's then.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=pool._lock.acquire,
        after_in_parent=pool._lock.release,
        after_in_child=pool._lock.release,
    )


class Mode(threading.local):
    """Whether memory made in this thread is for inference alone: outside every graph, for good."""

    inference = False


mode = Mode()


class Storage:
    """Bytes that tensors view. Make one with ``Storage(nbytes)`` or ``Storage.adopt(array)``.

    ``address`` is a plain integer, since asking NumPy for it costs as much as a small kernel.
    ``version`` counts in-place writes: autograd compares it with what it was when a tensor was
    saved. ``reordered`` says that an operation, not the user, chose a layout other than C order.
    ``shared`` says that the memory is visible to NumPy code, which writes unseen.

    >>> s = Storage(100)
    >>> s.nbytes, s.address % 64, s.version
    (100, 0, 0)
    """

    __slots__ = (
        "__weakref__",
        "_linked",
        "_origin",
        "_owner",
        "_packed",
        "_size",
        "address",
        "inference",
        "nbytes",
        "reordered",
        "shared",
        "version",
    )

    def __init__(self, nbytes: int) -> None:
        self._size = 0
        self.nbytes = nbytes
        size = size_class(nbytes)
        self.address, self._owner = pool.take(size)
        self._size = size
        self.version = 0
        self.inference = mode.inference
        self.reordered = False
        self.shared = False
        self._packed: dict[Hashable, tuple[int, Any]] | None = None
        self._linked: list[weakref.ref[Storage]] | None = None
        self._origin: Storage | None = None

    @classmethod
    def adopt(cls, array: np.ndarray[Any, Any]) -> Storage:
        """A Storage over the memory of an existing NumPy array, which it keeps alive.

        No stride may be negative: the array's first element must be its lowest address.
        """
        self = cls.__new__(cls)
        self._size = 0
        self.nbytes = _extent(array)
        self.address = array.__array_interface__["data"][0]
        self._owner = array
        self.version = 0
        self.inference = mode.inference
        self.reordered = False
        self.shared = False
        self._packed = None
        self._linked = None
        self._origin = None
        return self

    @classmethod
    def stand_in(cls, address: int, nbytes: int, owner: Any) -> Storage:
        """An address to compute with, of memory that is elsewhere (see `runtime.capture`)."""
        self = cls.__new__(cls)
        self._size = 0
        self.nbytes = nbytes
        self.address = address
        self._owner = owner
        self.version = 0
        self.inference = False
        self.reordered = False
        self.shared = False
        self._packed = None
        self._linked = None
        self._origin = None
        return self

    def alias(self) -> Storage:
        """The same bytes under a version counter of their own: what ``tensor.data`` is made of."""
        other = Storage.adopt(np.asarray(self))
        other.reordered = self.reordered
        other.inference = self.inference
        other._origin = self
        return other

    def copy(self) -> Storage:
        """The same bytes elsewhere, for whoever may not share them."""
        other = Storage(self.nbytes)
        if self.nbytes:
            np.copyto(np.asarray(other), np.asarray(self))
        other.reordered = self.reordered
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return _stored, (np.asarray(self).tobytes() if self.nbytes else b"", self.reordered)

    def expose(self) -> None:
        """Say that NumPy code sees this memory from now on, so that nothing is kept packed."""
        self.shared = True
        if self._origin is not None:
            self._origin.expose()

    def touch(self) -> None:
        """Count a write. Whoever saved a tensor over these bytes, or packed them, will notice."""
        self.version += 1
        if self._origin is not None:
            self._origin.drop_packed()

    def __del__(self, give: Callable[[int, Block], None] = pool.give) -> None:
        try:
            if self._packed:
                self.drop_packed()
            if self._size:
                give(self._size, (self.address, self._owner))
        except AttributeError:
            pass  # an interrupt came before it was made

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {
            "shape": (self.nbytes,),
            "typestr": "|u1",
            "data": (self.address, not self._owner.flags.writeable),
            "version": 3,
        }

    def packed(self, key: Hashable) -> Any:
        """What ``keep_packed`` stored under ``key``, or None if the bytes may have changed."""
        if self._packed is None or self.shared:
            return None
        version, value = self._packed.get(key, (-1, None))
        return value if version == self.version else None

    def keep_packed(self, key: Hashable, value: Any, nbytes: int = 0) -> None:
        """Store a rearranged copy of these bytes (packed weights) until the next write.

        ``nbytes`` is counted with all others (`tatamu.runtime.packing`).
        """
        if self.shared:
            return
        if self._packed is None:
            self._packed = {}
        self._packed[key] = (self.version, value)
        packed.add(self, key, nbytes)

    def forget_packed(self, key: Hashable) -> None:
        """Drop one packed copy, which is no longer counted."""
        if self._packed is not None:
            self._packed.pop(key, None)

    def drop_packed(self) -> None:
        """Forget packed copies, after a write that this version counter is not told of."""
        for key in self._packed or ():
            packed.remove(self, key)
        self._packed = None
        if self._origin is not None:
            self._origin.drop_packed()

    def link(self, other: Storage) -> None:
        """Tie two storages, one a copy that stands in for a view of the other."""
        for a, b in ((self, other), (other, self)):
            if a._linked is None:
                a._linked = []
            a._linked.append(weakref.ref(b))

    def linked(self) -> bool:
        """Whether a storage that it was linked with is still alive."""
        return self._linked is not None and any(ref() is not None for ref in self._linked)


def _stored(content: bytes, reordered: bool) -> Storage:
    """A Storage of these bytes, as a pickle has them."""
    storage = Storage(len(content))
    if content:
        np.copyto(np.asarray(storage), np.frombuffer(content, np.uint8))
    storage.reordered = reordered
    return storage
