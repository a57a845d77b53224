"""Storages of a checkpoint: whose numbers they are, where torch had them, and tensors over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.device import device
from tatamu.dtypes import DType
from tatamu.errors import compose
from tatamu.ops.layout import Size
from tatamu.runtime.storage import Storage
from tatamu.tensor import Tensor

__all__ = ["Place", "Stored", "location", "name_of", "placing", "rebuilt", "shown"]

Place = Callable[["Stored", str], "Stored"]

LARGEST = (1 << 63) - 1


class Stored:
    """A storage as a checkpoint has it: elements of one dtype, and the device they came from.

    What ``map_location`` is given if it is a function. ``start`` is where this one begins in
    ``storage``, for a storage that is a part of another.
    """

    __slots__ = ("dtype", "numel", "start", "storage")

    def __init__(self, storage: Storage, dtype: DType, numel: int, start: int = 0) -> None:
        self.storage = storage
        self.dtype = dtype
        self.numel = numel
        self.start = start

    @property
    def device(self) -> Any:
        """The processor."""
        return device("cpu")

    def nbytes(self) -> int:
        """How many bytes it has."""
        return self.numel * self.dtype.itemsize

    def size(self) -> int:
        """How many elements it has."""
        return self.numel

    def cpu(self) -> Stored:
        """The storage itself."""
        return self

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Stored:
        """AssertionError: there is no such device."""
        raise AssertionError(
            "Torch not compiled with CUDA enabled\n"
            "  map_location='cpu', or lambda storage, location: storage, fits"
        )


def location(stored: Stored, tag: str) -> Stored:
    """The storage for a device's name: only the processor's is there, torch says of the others."""
    if tag == "cpu" or tag.startswith("cpu:"):
        return stored
    if tag.startswith("cuda"):
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    if tag.partition(":")[0] == "meta":
        raise RuntimeError(
            "torch.load: a tensor on 'meta' has no numbers, and is not in tatamu\n"
            "  map_location='cpu' fits; large files are mapped and not read until they are used"
        )
    if tag.partition(":")[0] in ("mps", "xpu", "hpu", "mtia"):
        raise RuntimeError(
            f"torch.UntypedStorage(): Storage device not recognized: {tag}\n"
            "  map_location='cpu' fits"
        )
    raise RuntimeError(
        "don't know how to restore data location of torch.storage.UntypedStorage (tagged with "
        f"{tag})\n  map_location='cpu' fits"
    )


def placing(map_location: Any) -> Place:
    """What ``map_location`` (a device, a name, a dict, a function, None) does to a storage."""
    if map_location is None:
        return location
    if isinstance(map_location, dict):
        return lambda stored, tag: location(stored, str(map_location.get(tag, tag)))
    if isinstance(map_location, bytes):
        map_location = map_location.decode("ascii")
    if isinstance(map_location, str | device):
        return lambda stored, tag: location(stored, str(map_location))

    def place(stored: Stored, tag: str) -> Stored:
        found = map_location(stored, tag)
        if found is None:
            return location(stored, tag)
        if not isinstance(found, Stored):
            raise TypeError(
                f"map_location returned {type(found).__name__}, and not the storage it was given"
                "\n  map_location='cpu', or lambda storage, location: storage, fits"
            )
        return found

    return place


def rebuilt(stored: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    """A tensor over a storage; RuntimeError, in torch's words, if it would reach out of it."""
    if not isinstance(stored, Stored):
        raise TypeError(f"a tensor is made of a storage, and not of {type(stored).__name__}")
    sizes, steps = _whole(shape, "sizes"), _whole(strides, "strides")
    if len(sizes) != len(steps):
        raise RuntimeError(
            f"unequal size length ({len(sizes)}) and stride length ({len(steps)})"
            f"\n  sizes {sizes}, strides {steps}"
        )
    if type(offset) is not int or offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {shown(offset)}")
    count = 1
    for size in sizes:
        count *= size
        if size < 0 or count * stored.dtype.itemsize > LARGEST:
            raise RuntimeError(f"numel: integer multiplication overflow\n  sizes {sizes}")
    if any(step < 0 for step in steps):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(sizes)} and "
            f"strides={list(steps)}"
        )
    last = offset + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if count and last >= stored.numel:
        raise RuntimeError(
            compose(
                "Trying to resize storage that is not resizable",
                arithmetic=[
                    f"sizes {sizes}, strides {steps} and offset {offset} reach element {last:,}",
                    f"the storage has {stored.numel:,} of {stored.dtype}",
                ],
            )
        )
    return Tensor(stored.storage, stored.start + offset, Size(sizes), steps, stored.dtype)


def name_of(value: Any) -> str:
    """A storage's key or device; TypeError for what is no name."""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"a storage has a name, and not {shown(value)}")


def shown(value: Any) -> str:
    """A few letters for something of a file: never all of it, which could take for ever."""
    if isinstance(value, str | bytes | int | float | None):
        return repr(value)[:60]
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return str(value)[:60]
    if isinstance(value, list | tuple | dict) and not value:
        return repr(value)
    if isinstance(value, list | tuple) and len(value) < 9:
        return (
            f"({', '.join(shown(v) if not isinstance(v, list | tuple) else '...' for v in value)})"
        )
    return f"<{type(value).__name__}>"


def _whole(values: Any, what: str) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or any(type(value) is not int for value in values):
        raise TypeError(f"a tensor's {what} are whole numbers, and not {shown(values)}")
    return tuple(values)


def dtype_of(legacy_name: str) -> DType | None:
    """The dtype of ``FloatStorage`` and its like; None for those that tatamu has not."""
    return dtypes.BY_LEGACY_NAME.get(legacy_name.removesuffix("Storage"))


def held(content: memoryview, *, keep: bool) -> Storage:
    """A storage with these bytes: the very ones with ``keep``, else a copy."""
    if keep and len(content):
        return Storage.adopt(np.frombuffer(content, np.uint8))
    storage = Storage(len(content))
    if len(content):
        np.asarray(storage)[:] = np.frombuffer(content, np.uint8)
    return storage
