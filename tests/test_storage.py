"""Pooled memory: aligned, reused, bounded, kept alive by NumPy arrays, safe from any thread."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu.runtime.storage import Pool, Storage, pool, size_class


@given(st.integers(0, 1 << 40))
def test_size_classes_waste_little(nbytes: int) -> None:
    size = size_class(nbytes)
    assert size >= max(nbytes, 64)
    assert size % 64 == 0
    assert size <= max(nbytes + 64, nbytes * 1.25)
    assert size_class(size) == size


def test_memory_is_aligned_and_reused() -> None:
    pool.clear()
    first = Storage(100_000)
    address = first.address
    assert address % 64 == 0
    del first
    assert Storage(99_000).address == address
    assert Storage(100_000).address % 64 == 0


def test_an_array_keeps_its_storage() -> None:
    pool.clear()
    x = tatamu.zeros(1000)
    address, array = x.data_ptr(), x.numpy()[10:20]
    array[:] = 3
    del x
    gc.collect()
    others = [tatamu.ones(1000) for _ in range(5)]
    assert address not in [other.data_ptr() for other in others]
    assert array.tolist() == [3] * 10
    del array
    gc.collect()
    assert tatamu.empty(1000).data_ptr() == address


def test_the_pool_is_bounded() -> None:
    small = Pool(limit=1000)
    blocks = [small.take(256) for _ in range(20)]
    for block in blocks:
        small.give(256, block)
        assert 0 <= small.held <= 1000
    small.give(2048, small.take(2048))
    assert small.held <= 1000
    small.clear()
    assert small.held == 0


def test_sizes_no_longer_used_make_room() -> None:
    small = Pool(limit=1024)
    for _ in range(4):
        small.give(256, small.take(256))
    block = small.take(1024)
    small.give(1024, block)
    assert small.take(1024) is block


def test_a_taken_lock_frees_instead_of_waiting() -> None:
    small = Pool(limit=1024)
    with small._lock:
        small.give(256, (0, None))
    assert small.held == 0


def test_threads_never_share_a_block() -> None:
    failures: list[int] = []

    def work(number: int) -> None:
        for turn in range(300):
            x = tatamu.full((50 + turn % 7,), number)
            y = x + 0
            if set(y.tolist()) != {number} or set(x.tolist()) != {number}:
                failures.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert pool.held <= pool.limit


def test_packed_copies_last_until_the_next_write() -> None:
    w = tatamu.ones(3)
    assert w.storage.packed("k") is None
    w.storage.keep_packed("k", "packed")
    w.storage.keep_packed("l", "other")
    assert (w.storage.packed("k"), w.storage.packed("l")) == ("packed", "other")
    w.add_(1)
    assert w.storage.packed("k") is None
    w.storage.keep_packed("k", "again")
    w[1] = 5
    assert w.storage.packed("k") is None


def test_writes_through_data_drop_packed_copies() -> None:
    w = tatamu.ones(3)
    w.storage.keep_packed("k", "packed")
    w.data.data.mul_(2)
    assert w.storage.packed("k") is None
    assert (w.tolist(), w._version) == ([2, 2, 2], 0)


@pytest.mark.parametrize("expose", [lambda w: w.numpy(), lambda w: w.data.numpy()])
def test_nothing_is_packed_while_numpy_can_write(expose: Any) -> None:
    w = tatamu.ones(3)
    w.storage.keep_packed("k", "packed")
    array = expose(w)
    assert w.storage.packed("k") is None
    w.storage.keep_packed("k", "packed")
    array[0] = 9
    assert w.storage.packed("k") is None
    assert w.tolist() == [9, 1, 1]


def test_adopted_memory() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]
    storage = Storage.adopt(array)
    assert storage.address == array.ctypes.data
    assert storage.nbytes == 2 * 16 + 8 + 4
    frozen = np.arange(3.0)
    frozen.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        seen = tatamu.from_numpy(frozen)
    assert not seen[1:].array.flags.writeable


def test_empty_storage() -> None:
    assert tatamu.empty(0, 3).numpy().shape == (0, 3)
    assert (tatamu.zeros(0) + 1).tolist() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_waits_for_a_thread_that_is_inside_the_pool() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with pool._lock:
            entered.set()
            leave.wait(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        free = pool._lock.acquire(timeout=5)
        os._exit(0 if free else 1)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not pool._lock.locked()
