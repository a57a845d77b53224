"""``torch.load`` without torch: which format a file has, and its object."""

from __future__ import annotations

import io
import mmap as mapping
import os
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, NamedTuple

from tatamu.errors import compose
from tatamu.serialization import legacy, pickles, tensor_file
from tatamu.serialization.allowed import StorageType
from tatamu.serialization.archive import Archive
from tatamu.serialization.stored import Place, Stored, held, name_of, placing, shown

__all__ = ["load", "unsafe_globals"]

ZIP = b"PK\x03\x04"
NEWEST_VERSION = 10

MAPPED_FROM = 1 << 20
"""Files of fewer bytes are read at once unless a mapping is asked for."""

TORCHSCRIPT = (
    "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``."
    "\n  the file holds a compiled program; under torch, torch.save(torch.jit.load(path)"
    ".state_dict(), other) makes a file of its weights"
)
TAR = (
    "Cannot use ``weights_only=True`` with files saved in the legacy .tar format."
    "\n  torch wrote it before version 0.1.11; load it under torch and save it again"
)


class Source(NamedTuple):
    """The bytes of a file, the path (or '') it is at, and whether they are mapped."""

    data: memoryview
    name: str
    mapped: bool


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What a checkpoint holds: a file that ``torch.save`` wrote (of any age but the tar format's),
    or a safetensors file. ``f`` is a path or a file that is open for reading bytes.

    It is always read as torch reads with ``weights_only=True``: only tensors, parameters, numbers,
    texts, None, dicts, lists, tuples, sets, sizes, dtypes and devices are made, and no code is run
    that the file asks for; ``serialization.add_safe_globals`` allows classes of your own.
    Tensors that shared memory share it again. Numbers that lie uncompressed in files of a megabyte
    and more are mapped and not copied (``mmap=False`` copies them, ``mmap=True`` maps smaller ones,
    too, and does not compare checksums); writing to such a tensor does not change the file.

    Raises ``pickle.UnpicklingError``, naming it, for what is asked for and not allowed;
    RuntimeError for files that are damaged, cut short, of another machine's byte order, or whose
    tensors come from a CUDA device while ``map_location`` is not given; EOFError for empty ones.

    >>> import io, tatamu
    >>> file = io.BytesIO()
    >>> tatamu.save({"step": 3, "weight": tatamu.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> tatamu.load(file)
    {'step': 3, 'weight': tensor([1., 1.])}
    """
    if pickle_module is not None:
        raise RuntimeError(
            "Can not safely load weights when explicit pickle_module is specified"
            "\n  tatamu has its own, which runs nothing"
        )
    place = placing(map_location)
    source = opened(f, mmap)
    try:
        return _read(source, place, map_location, f, mmap)
    except (RuntimeError, TypeError, EOFError, UnpicklingError) as error:
        if source.name:
            error.add_note(f"  the file is {source.name}")
        raise


def _read(source: Source, place: Place, map_location: Any, f: Any, mmap: bool | None) -> Any:
    data = source.data
    if tensor_file.is_safetensors(data, source.name):
        return _tensors(source, map_location)
    if bytes(data[:4]) == ZIP:
        return _from_archive(source, place, check=not mmap)
    if mmap:
        shown = f"{f}, " if isinstance(f, str) else ""
        raise RuntimeError(
            f"mmap can only be used with files saved with `torch.save({shown}"
            "_use_new_zipfile_serialization=True), please torch.save your checkpoint with this "
            "option in order to use mmap."
        )
    check_stream(data)
    return legacy.load_stream(data, place)


def opened(f: Any, mmap: bool | None) -> Source:
    """The bytes of a path or of an open file, mapped where that is wanted."""
    if not isinstance(f, str | os.PathLike):
        if mmap:
            raise ValueError("f must be a file path in order to use the mmap argument")
        return Source(memoryview(_rest_of(f)), "", False)
    name = os.fspath(f)
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        # Windows lets nobody replace a file that is mapped.
        wanted = (size >= MAPPED_FROM and os.name != "nt") if mmap is None else mmap
        if wanted and size:
            whole = mapping.mmap(file.fileno(), 0, access=mapping.ACCESS_COPY)
            return Source(memoryview(whole), str(name), True)
        return Source(memoryview(file.read()), str(name), False)


def _rest_of(f: Any) -> bytes:
    """What an open file holds from where it stands on."""
    try:
        f.seek(f.tell())
    except (io.UnsupportedOperation, AttributeError) as error:
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the "
            "data into a buffer like io.BytesIO and try to load from it instead."
        ) from error
    content = f.read()
    if not isinstance(content, bytes | bytearray | memoryview):
        raise TypeError(
            f"the file gives {type(content).__name__}, and not bytes\n  open it with mode 'rb'"
        )
    return bytes(content)


def _tensors(source: Source, map_location: Any) -> Any:
    if isinstance(map_location, dict) or callable(map_location):
        kind = "dict" if isinstance(map_location, dict) else "callable"
        raise RuntimeError(
            f"Loading safetensors file with {kind} map_location is not supported. "
            "Use a device string or torch.device instead."
        )
    from tatamu.device import must_be_cpu

    must_be_cpu(map_location)
    return tensor_file.load_tensors(source.data, source.name, keep=source.mapped)


def check_stream(data: memoryview) -> None:
    """EOFError, RuntimeError for what cannot be a legacy stream."""
    if not len(data):
        raise EOFError("Ran out of input\n  the file is empty")
    if legacy.is_tar(data):
        raise RuntimeError(TAR)
    start = bytes(data[:64])
    if start[:1] == b"\x80":
        return
    hint = "torch's zip format, its older stream and safetensors are read"
    if start.lstrip().startswith(b"<"):
        hint = "it looks like a web page: what was downloaded is not the file itself"
    elif start.startswith(b"version https://git-lfs"):
        hint = "it is a pointer of Git LFS: 'git lfs pull' fetches the file itself"
    elif start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        hint = "it is compressed as a whole: unpack it first"
    elif start.startswith(b"\x89HDF"):
        hint = "it is an HDF5 file, as Keras writes them"
    elif start.startswith(b"\x93NUMPY"):
        hint = "it is NumPy's: numpy.load reads it"
    raise RuntimeError(
        compose(
            "Invalid magic number; corrupt file?",
            fits=[f"the file begins with {start[:16]!r}", hint],
        )
    )


def _from_archive(source: Source, place: Place, check: bool) -> Any:
    archive = checked_archive(source.data)
    storages = _Storages(archive, place, source.mapped, check)
    return pickles.Unpickler(archive.read("data.pkl"), storages.find).load()


def checked_archive(data: memoryview) -> Archive:
    """The records of torch's zip format; RuntimeError for archives of another kind."""
    archive = Archive(data)
    if "constants.pkl" in archive:
        raise RuntimeError(TORCHSCRIPT)
    archive.find("data.pkl")
    if "version" not in archive and ".data/version" not in archive:
        raise RuntimeError(
            'Expected hasRecord("version") to be true, but got false.'
            "\n  a zip archive, and not one that torch wrote"
        )
    name = "version" if "version" in archive else ".data/version"
    version = bytes(archive.read(name)[:32]).strip()
    if not version.isdigit() or int(version) > NEWEST_VERSION:
        raise RuntimeError(
            "Attempted to read a PyTorch file with version "
            f"{version.decode('ascii', 'replace')}, but the maximum supported version for reading "
            f"is {NEWEST_VERSION}."
        )
    order = bytes(archive.read("byteorder")[:32]) if "byteorder" in archive else b"little"
    if order == b"big":
        raise RuntimeError(
            "the file was written on a big-endian machine, which tatamu does not read"
            "\n  load it under torch and save it again"
        )
    if order != b"little":
        raise ValueError(f"Unknown endianness type: {order.decode('ascii', 'replace')}")
    return archive


class _Storages:
    """The storages of an archive, each made once."""

    def __init__(self, archive: Archive, place: Place, mapped: bool, check: bool) -> None:
        self.archive = archive
        self.place = place
        self.mapped = mapped
        self.check = check
        self.made: dict[str, Stored] = {}

    def find(self, wanted: tuple[Any, ...]) -> Stored:
        """The storage of a persistent id."""
        if len(wanted) != 4 or not isinstance(wanted[0], StorageType):
            raise pickles.refused(f"a storage is asked for by {shown(wanted)}")
        kind, key, tag, numel = wanted
        if type(numel) is not int or numel < 0:
            raise pickles.refused(f"a storage is asked for with {shown(numel)} elements")
        name, where = f"data/{name_of(key)}", name_of(tag)
        if name not in self.made:
            dtype = kind.dtype
            nbytes = numel * dtype.itemsize
            record = self.archive.find(name)
            if record.size != nbytes:
                raise RuntimeError(
                    f"record size ({record.size} bytes) does not match expected size ({nbytes} "
                    f"bytes = {numel} elements * {dtype.itemsize} bytes/element) for dtype "
                    f"{dtype.legacy_name}\n  {name}"
                )
            content = self.archive.read(name, self.check)
            keep = self.mapped and not record.compressed and not record.start % dtype.itemsize
            stored = Stored(held(content, keep=keep), dtype, numel)
            self.made[name] = self.place(stored, where)
        return self.made[name]


def unsafe_globals(f: Any, is_known: Callable[[str], bool]) -> list[str]:
    """The names that a file asks for and that ``is_known`` does not know."""
    data = opened(f, None).data
    if bytes(data[:4]) == ZIP:
        pickled = Archive(data).read("data.pkl")
    else:
        check_stream(data)
        pickled = legacy.object_pickle(data)
    return sorted(name for name in pickles.globals_of(pickled) if not is_known(name))
