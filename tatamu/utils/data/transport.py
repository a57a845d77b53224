"""Objects sent to another process: large arrays through memory that both share.

The memory has no name. It goes with the last process that has it open, however that ends, and so
nothing can be left behind. Where the system has no such memory, all goes through the pipe.
"""

from __future__ import annotations

import io
import os
import pickle
import select
from itertools import accumulate
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from tatamu.runtime.storage import Storage
from tatamu.tensor import Tensor

__all__ = ["may_send", "receive", "send"]

SMALL = 1 << 14
"""So many bytes are quicker through the pipe."""

_ALIGNED = 64
_SHARES = hasattr(os, "memfd_create") and hasattr(reduction, "send_handle")


def send(pipe: Connection[Any, Any], value: Any) -> None:
    """Send an object; its arrays are copied once. Raises what pickle raises, before any is sent."""
    parts = _parts(value)
    sizes = [part.nbytes for part in parts]
    if sum(sizes) < SMALL or not _SHARES:
        pipe.send_bytes(pickle.dumps([bytearray(part) for part in parts], protocol=5))
        return
    memory = os.memfd_create("batch", os.MFD_CLOEXEC)
    try:
        starts = _starts(sizes)
        os.truncate(memory, starts[-1])
        for start, part in zip(starts, parts, strict=False):
            while part:
                written = os.pwrite(memory, part, start)
                part, start = part[written:], start + written
        pipe.send_bytes(pickle.dumps(sizes, protocol=5))
        reduction.send_handle(pipe, memory, None)
    finally:
        os.close(memory)


def receive(pipe: Connection[Any, Any]) -> Any:
    """The object that was sent. EOFError or OSError if the other side is gone."""
    parts = pickle.loads(pipe.recv_bytes())
    if isinstance(parts[0], int):
        starts = _starts(parts)
        memory = reduction.recv_handle(pipe)
        # Copied, since arrays over the memory itself would each keep one of a process's few files.
        try:
            block = _taken(memory, starts[-1]).data
        finally:
            os.close(memory)
        parts = [block[i : i + size] for i, size in zip(starts, parts, strict=False)]
    return pickle.loads(parts[0], buffers=parts[1:])


def _taken(memory: int, size: int) -> Any:
    """The bytes of a shared memory, at an address as kernels like it."""
    block = np.empty(size + _ALIGNED, np.uint8)
    block = block[-block.ctypes.data % _ALIGNED :][:size]
    have = 0
    while have < size:
        have += os.preadv(memory, [block.data[have:]], have)
    return block


def may_send(pipe: Connection[Any, Any]) -> bool:
    """Whether a small object can be sent without waiting until the other side reads."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLOUT)
    return bool(poll.poll(0))


def _starts(sizes: list[int]) -> list[int]:
    """Where each part begins, and the end."""
    return [0, *accumulate(-(-size // _ALIGNED) * _ALIGNED for size in sizes)]


def _parts(value: Any) -> list[memoryview]:
    """The object without its arrays, and the bytes of each of these."""
    out = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    _Pickler(out, protocol=5, buffer_callback=buffers.append).dump(value)
    return [out.getbuffer(), *(buffer.raw() for buffer in buffers)]


class _Pickler(pickle.Pickler):
    """Leaves the memory of tensors aside, and of a small view the memory around it."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Storage and obj.nbytes:
            return _adopted, (pickle.PickleBuffer(np.asarray(obj).data), obj.reordered)
        if isinstance(obj, Tensor):
            return self._of_tensor(obj)
        return NotImplemented

    def _of_tensor(self, tensor: Tensor) -> Any:
        if tensor.requires_grad and not tensor.is_leaf:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since "
                "autograd does not support crossing process boundaries.  If you just want to "
                "transfer the data, call detach() on the tensor before serializing (e.g., putting "
                "it on the queue)."
            )
        if tensor.storage.nbytes <= max(2 * tensor.nbytes, SMALL):
            return NotImplemented
        make, (_, *geometry, _) = tensor.detach().clone().__reduce__()
        return make, (type(tensor), *geometry, tensor.requires_grad)


def _adopted(buffer: Any, reordered: bool) -> Storage:
    storage = Storage.adopt(np.frombuffer(buffer, np.uint8))
    storage.reordered = reordered
    return storage
