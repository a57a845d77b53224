"""The stream that torch wrote before version 1.6: pickles one after the other, then the numbers.

magic number, protocol, facts of the machine, the object, the storages' keys,
then for each key the count of elements (8 bytes) and the elements
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.errors import compose
from tatamu.runtime.storage import Storage
from tatamu.serialization.allowed import StorageType
from tatamu.serialization.pickles import Unpickler, refused
from tatamu.serialization.stored import Place, Stored, name_of, shown

__all__ = ["MAGIC", "PROTOCOL", "is_tar", "load_stream", "object_pickle"]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def is_tar(data: memoryview) -> bool:
    """Whether it is the archive that torch wrote before version 0.1.11."""
    return bytes(data[257:262]) == b"ustar"


def load_stream(data: memoryview, place: Place) -> Any:
    """The object of a legacy stream."""
    start = after_header(data)
    storages = _Storages(len(data), place)
    reader = Unpickler(data, storages.find, start)
    result = reader.load()
    keys = Unpickler(data, at=reader.at)
    wanted = keys.load()
    if not isinstance(wanted, list) or any(not isinstance(key, str) for key in wanted):
        raise refused("the storages' keys are not a list of names")
    storages.fill(wanted, data, keys.at)
    return result


def object_pickle(data: memoryview) -> memoryview:
    """The part that begins with the object's pickle."""
    return data[after_header(data) :]


def after_header(data: memoryview) -> int:
    """Where the object's pickle begins; RuntimeError with torch's sentence for other files."""
    reader = Unpickler(data)
    if reader.load() != MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    protocol = reader.load()
    if protocol != PROTOCOL:
        raise RuntimeError(f"Invalid protocol version: {shown(protocol)}")
    facts = reader.load()
    if isinstance(facts, dict) and facts.get("little_endian") is False:
        raise RuntimeError(
            "the file was written on a big-endian machine, which tatamu does not read"
            "\n  load it under torch and save it again"
        )
    return reader.at


class _Storages:
    """Storages that the object asks for, filled when the object is there.

    Together they can have no more bytes than the file; more is refused before memory is taken.
    """

    def __init__(self, limit: int, place: Place) -> None:
        self.left = limit
        self.limit = limit
        self.place = place
        self.made: dict[str, Stored] = {}
        self.views: dict[str, Stored] = {}

    def find(self, wanted: tuple[Any, ...]) -> Stored:
        """The storage (or the part of one) of a persistent id."""
        kind, key, tag, numel, *rest = (*wanted, None)[:5] if len(wanted) >= 4 else (None,) * 5
        if not isinstance(kind, StorageType) or type(numel) is not int or numel < 0:
            raise refused(f"a storage is asked for by {shown(wanted)}")
        name, tag = name_of(key), name_of(tag)
        if name not in self.made:
            nbytes = numel * kind.dtype.itemsize
            if nbytes > self.left:
                raise RuntimeError(
                    compose(
                        f"unexpected EOF, expected {nbytes - self.left} more bytes. The file might "
                        "be corrupted.",
                        arithmetic=[
                            f"storage {name} should have {numel:,} of {kind.dtype}",
                            f"the whole file has {self.limit:,} bytes",
                        ],
                    )
                )
            self.left -= nbytes
            whole = Stored(Storage(nbytes), kind.dtype, numel)
            self.made[name] = self.place(whole, tag)
        whole = self.made[name]
        if rest and rest[0] is not None:
            return self._part(whole, rest[0])
        return whole

    def _part(self, whole: Stored, view: Any) -> Stored:
        if not isinstance(view, tuple) or len(view) != 3:
            raise refused(f"a part of a storage is asked for by {shown(view)}")
        key, offset, numel = view
        if type(offset) is not int or type(numel) is not int or min(offset, numel) < 0:
            raise refused(f"a part of a storage is asked for by {shown(view)}")
        if offset + numel > whole.numel:
            raise refused(
                f"a part of a storage ends at {offset + numel:,}, and the storage at "
                f"{whole.numel:,}"
            )
        part = Stored(whole.storage, whole.dtype, numel, whole.start + offset)
        return self.views.setdefault(name_of(key), part)

    def fill(self, keys: list[str], data: memoryview, at: int) -> None:
        """Read the numbers that follow at ``at``."""
        for key in keys:
            stored = self.made.get(key)
            if stored is None:
                raise refused(f"storage key {key!r} not found in deserialized_objects")
            declared = int.from_bytes(data[at : at + 8], "little", signed=True)
            at += 8
            content = data[at : at + stored.nbytes()]
            if at > len(data) or len(content) < stored.nbytes():
                missing = stored.nbytes() - len(content)
                raise RuntimeError(
                    f"unexpected EOF, expected {missing} more bytes. The file might be corrupted."
                    f"\n  it is cut short within storage {key}: copy or download it again"
                )
            if declared != stored.numel:
                raise RuntimeError(
                    f"storage has wrong byte size: expected {stored.nbytes()} got "
                    f"{declared * stored.dtype.itemsize}\n  storage {key}: the object asks for "
                    f"{stored.numel:,} elements, the numbers' part has {declared:,}"
                )
            if len(content):
                np.asarray(stored.storage)[:] = np.frombuffer(content, np.uint8)
            at += len(content)
        left_out = sorted(set(self.made) - set(keys))
        if left_out:
            raise refused(f"storages without numbers: {', '.join(left_out[:5])}")
