"""How much memory packed weights take, and which go first where there is a limit.

A packed copy belongs to the storage it was made from (`Storage.keep_packed`) and dies with it or
with its next write. What is counted here are those that live; beyond the limit the oldest are
dropped, and packed again when they are next needed.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tatamu.runtime.storage import Storage

__all__ = ["Packed", "packed"]


def _default_limit() -> int:
    """A quarter of the machine's memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
    except (AttributeError, OSError, ValueError):
        return 1 << 32


class Packed:
    """The packed copies of all storages, oldest first. Safe from any thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._entries: OrderedDict[tuple[int, Hashable], tuple[weakref.ref[Storage], int]]
        self._entries = OrderedDict()
        # A storage may die, and come here, while another is being added: by the same thread.
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, storage: Storage, key: Hashable, nbytes: int) -> None:
        """Count a copy, in place of an earlier one under the same key; drop old ones if need be."""
        with self._lock:
            self.remove(storage, key)
            self._entries[id(storage), key] = weakref.ref(storage), nbytes
            self.nbytes += nbytes
            self.trim(keep=1)

    def remove(self, storage: Storage, key: Hashable) -> None:
        """Forget a copy that is gone."""
        with self._lock:
            found = self._entries.pop((id(storage), key), None)
            if found is not None:
                self.nbytes -= found[1]

    def trim(self, keep: int = 0) -> None:
        """Drop the oldest copies until the limit is kept, all but the newest ``keep``."""
        with self._lock:
            while self.nbytes > self.limit and len(self._entries) > keep:
                (_, key), (ref, nbytes) = self._entries.popitem(last=False)
                self.nbytes -= nbytes
                storage = ref()
                if storage is not None:
                    storage.forget_packed(key)


packed = Packed(_default_limit())

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=packed._lock.acquire,
        after_in_parent=packed._lock.release,
        after_in_child=packed._lock.release,
    )
