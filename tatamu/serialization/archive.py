"""Zip archives as torch writes them, read in place: where each record lies, and nothing extracted.

The central directory is checked as a whole before anything else is looked at. Records must lie
apart from each other within the file, under plain relative names; what is compressed may not grow
beyond reason.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tatamu.errors import compose

__all__ = ["Archive", "Record", "broken"]

STORED, DEFLATED = 0, 8
ENCRYPTED = 1
UNKNOWN = 0xFFFFFFFF
"""A 32-bit field whose value stands in the zip64 extra field."""

MOST_GROWTH = 200
"""Compressed weights shrink by tenths; only bombs, and zeros alone, grow by more than this."""
FREE_GROWTH = 64 << 20
"""As many bytes may be unpacked whatever they were packed to."""

MINIZ = (
    "This is an internal miniz error. If you are seeing this error, there is a high likelihood "
    "that your checkpoint file is corrupted. This can happen if the checkpoint was not saved "
    "properly, was transferred incorrectly, or the file was modified after saving."
)

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")


def broken(sentence: str, *facts: str) -> RuntimeError:
    """torch's error about a damaged archive, and what is known of the damage."""
    return RuntimeError(compose(f"PytorchStreamReader failed {sentence}. {MINIZ}", fits=facts))


class Record(NamedTuple):
    """One file of an archive: where its bytes are, how many they become, and their checksum."""

    name: str
    start: int
    packed: int
    size: int
    compressed: bool
    crc: int


class Archive:
    """The records of a zip archive that is in memory (or mapped to it) as a whole.

    Names are without the archive's own folder: ``data.pkl``, ``data/0``. Raises RuntimeError, with
    torch's sentence, for what is no whole archive.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self._unpacked = 0
        entries = list(_entries(data))
        if not entries:
            raise broken("reading zip archive: failed finding central directory", "it is empty")
        self.folder = entries[0].name.partition("/")[0] if "/" in entries[0].name else ""
        prefix = f"{self.folder}/" if self.folder else ""
        self.records = {entry.name.removeprefix(prefix): entry for entry in entries}
        if len(self.records) != len(entries):
            raise broken("reading zip archive: invalid header", "two records have one name")
        _lie_apart(entries)

    def __contains__(self, name: str) -> bool:
        return name in self.records

    def find(self, name: str) -> Record:
        """A record; RuntimeError with torch's sentence if there is none."""
        found = self.records.get(name)
        if found is None:
            there = ", ".join(list(self.records)[:8]) or "nothing"
            raise broken(f"locating file {name}: file not found", f"the archive holds {there}")
        return found

    def view(self, name: str) -> memoryview | None:
        """The bytes of a record where they lie; None if they are compressed."""
        found = self.find(name)
        return None if found.compressed else self.data[found.start : found.start + found.size]

    def read(self, name: str, check: bool = True) -> memoryview:
        """The bytes of a record, unpacked; RuntimeError if their checksum is another."""
        found = self.find(name)
        plain = self.view(name)
        content = self._unpack(found) if plain is None else plain
        if check and zlib.crc32(content) != found.crc:
            raise broken(
                f"reading file {name}: file read failed",
                f"its checksum is {zlib.crc32(content):08x}, and {found.crc:08x} was written down",
                "the bytes were altered: copy or download the file again",
            )
        return content

    def _unpack(self, record: Record) -> memoryview:
        self._unpacked += record.size
        if self._unpacked > FREE_GROWTH and self._unpacked > MOST_GROWTH * len(self.data):
            raise broken(
                f"reading file {record.name}: decompression failed",
                f"{len(self.data):,} bytes of file unpack to {self._unpacked:,} or more",
                f"more than {MOST_GROWTH} times as much is refused as a zip bomb",
            )
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        packed = self.data[record.start : record.start + record.packed]
        try:
            # One byte more than was declared shows whether there is more.
            content = unpacker.decompress(packed, record.size + 1)
        except zlib.error as error:
            raise broken(f"reading file {record.name}: decompression failed", str(error)) from error
        if len(content) != record.size:
            more = "more" if len(content) > record.size else f"{len(content):,}"
            raise broken(
                f"reading file {record.name}: unexpected decompressed size",
                f"{record.size:,} bytes are declared; it unpacks to {more}",
            )
        return memoryview(content)


def _entries(data: memoryview) -> Iterator[Record]:
    """The central directory, entry by entry, each checked against its local header."""
    count, size, start = _directory(data)
    at, end = start, start + size
    for _ in range(count):
        if at + _ENTRY.size > end:
            raise broken(
                "reading zip archive: invalid header or archive is corrupted",
                f"the directory declares {count:,} records and ends before",
            )
        fields = _ENTRY.unpack_from(data, at)
        flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
        name_length, extra_length, comment_length = fields[10:13]
        offset = fields[16]
        text = bytes(data[at + _ENTRY.size : at + _ENTRY.size + name_length])
        extra = data[at + _ENTRY.size + name_length :][:extra_length]
        at += _ENTRY.size + name_length + extra_length + comment_length
        if fields[0] != b"PK\x01\x02" or at > end:
            raise broken("reading zip archive: invalid header or archive is corrupted")
        name = _plain_name(text)
        size, packed, offset = _widened(extra, [size, packed, offset])
        if name.endswith("/") and not size:
            continue
        if flags & ENCRYPTED or method not in (STORED, DEFLATED):
            how = "encrypted" if flags & ENCRYPTED else f"compressed by method {method}"
            raise broken(
                f"reading file {name}: unsupported method", f"it is {how}; torch stores records"
            )
        if method == STORED and packed != size:
            raise broken(
                f"reading file {name}: invalid header or archive is corrupted",
                f"it is stored as it is, in {packed:,} bytes, and declares {size:,}",
            )
        begin = _content(data, text, offset)
        if begin + packed > start:
            raise broken(
                f"reading file {name}: invalid header or archive is corrupted",
                f"it should end at byte {begin + packed:,}, beyond the records' end at {start:,}",
            )
        yield Record(name, begin, packed, size, method == DEFLATED, crc)


def _directory(data: memoryview) -> tuple[int, int, int]:
    """How many entries the central directory has, how many bytes, and where it begins."""
    missing = "reading zip archive: failed finding central directory"
    tail = bytes(data[-(_END.size + 0xFFFF) :])
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or found + _END.size > len(tail):
        raise broken(missing, "the file is cut short: its last part, with the directory, is gone")
    place = len(data) - len(tail) + found
    _, _, _, _, count, size, start, _ = _END.unpack_from(tail, found)
    locator = place - _END64_LOCATOR.size
    if locator >= 0 and bytes(data[locator : locator + 4]) == b"PK\x06\x07":
        place = _END64_LOCATOR.unpack_from(data, locator)[2]
        if place + _END64.size > locator or bytes(data[place : place + 4]) != b"PK\x06\x06":
            raise broken(missing, "its zip64 directory is not where it should be")
        count, size, start = _END64.unpack_from(data, place)[7:10]
    if start + size > place:
        raise broken(missing, f"it should begin at byte {start:,} and be {size:,} long")
    return count, size, start


def _plain_name(raw: bytes) -> str:
    """The name of a record; RuntimeError if it is a path that leads out of the archive."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode("cp437")
    parts = name.replace("\\", "/").split("/")
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    if not name or name[0] in "/\\" or drive or ".." in parts or "\0" in name:
        raise broken(
            "reading zip archive: invalid filename",
            f"a record is called {name!r}, which leads out of the archive",
        )
    return name


def _widened(extra: memoryview, fields: list[int]) -> list[int]:
    """Size, packed size and offset; those that 32 bits do not hold from the zip64 extra field."""
    if UNKNOWN not in fields:
        return fields
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            values = [
                v for (v,) in struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8])
            ]
            wide = iter(values)
            return [next(wide, value) if value == UNKNOWN else value for value in fields]
        at += 4 + length
    return fields


def _content(data: memoryview, name: bytes, offset: int) -> int:
    """Where the bytes of a record begin, behind its local header."""
    if offset + _LOCAL.size > len(data) or bytes(data[offset : offset + 4]) != b"PK\x03\x04":
        raise broken(
            f"reading file {name.decode('utf-8', 'replace')}: invalid header or archive is "
            "corrupted",
            f"at byte {offset:,} there is no record",
        )
    name_length, extra_length = _LOCAL.unpack_from(data, offset)[9:11]
    begin = offset + _LOCAL.size
    if bytes(data[begin : begin + name_length]) != name:
        raise broken(
            f"reading file {name.decode('utf-8', 'replace')}: invalid header or archive is "
            "corrupted",
            "the directory and the record itself give two names for it",
        )
    return int(begin + name_length + extra_length)


def _lie_apart(entries: list[Record]) -> None:
    """RuntimeError if two records share bytes, as those of a zip bomb do."""
    ordered = sorted((entry for entry in entries if entry.packed), key=lambda entry: entry.start)
    for before, after in pairwise(ordered):
        if before.start + before.packed > after.start:
            raise broken(
                "reading zip archive: invalid header or archive is corrupted",
                f"records {before.name} and {after.name} lie over each other",
            )
