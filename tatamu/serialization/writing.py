"""``torch.save`` without torch: files that torch reads, written beside their place and then moved.

The pickle asks for torch's own names (``torch._utils._rebuild_tensor_v2``), whatever is imported
here; the numbers of a storage stand once, at a multiple of 64 bytes, so that torch can map them.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

import numpy as np

from tatamu.device import device
from tatamu.dtypes import DType, Layout
from tatamu.errors import compose
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter
from tatamu.ops.layout import Size
from tatamu.random.generator import Generator
from tatamu.runtime.storage import Storage
from tatamu.serialization import legacy, tensor_file
from tatamu.tensor import Tensor

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["placed", "save"]

PROTOCOL = 2
ALIGNMENT = 64
FORMATS = ("torch", "safetensors")
ZIP64_FROM = 0xFFFFFFFF
EPOCH = (1980, 1, 1, 0, 0, 0)


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    *,
    format: str | None = None,
) -> None:
    """Write ``obj`` to a path, or to a file that is open for writing bytes, so that torch reads it.

    ``format`` is "torch" or "safetensors"; by default the suffix says which. Tensors that share
    memory will share it when they are loaded. A path holds either what it held before or the whole
    new file, never a part. Raises TypeError for whole modules (``model.state_dict()`` is wanted)
    and what cannot be pickled, RuntimeError for a folder that is not there and for memory that
    tensors of different dtypes share, ValueError for other formats and protocols.

    >>> import io, tatamu
    >>> from tatamu import nn
    >>> file = io.BytesIO()
    >>> tatamu.save(nn.Linear(2, 1).state_dict(), file)
    >>> file.getvalue()[:4]
    b'PK\\x03\\x04'
    """
    if pickle_module not in (None, pickle):
        raise ValueError("tatamu pickles by its own means: leave pickle_module out")
    if pickle_protocol != PROTOCOL:
        raise ValueError(f"pickle_protocol={pickle_protocol}: torch reads protocol 2 safely")
    path = os.fspath(f) if isinstance(f, str | os.PathLike) else None
    if path is None and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    if format is None:
        format = "safetensors" if str(path or "").endswith(tensor_file.SUFFIX) else "torch"
    if format not in FORMATS:
        raise ValueError(f"format={format!r}: there are {' and '.join(map(repr, FORMATS))}")
    name = "archive" if path is None else _archive_name(str(path))

    def write(file: IO[bytes]) -> None:
        if format == "safetensors":
            _write_tensors(obj, file)
        elif _use_new_zipfile_serialization:
            _write_archive(obj, file, name)
        else:
            _write_stream(obj, file)

    if path is None:
        write(f)
        return
    with placed(Path(str(path))) as file:
        write(file)


@contextlib.contextmanager
def placed(path: Path) -> Iterator[IO[bytes]]:
    """A file that comes to be at ``path`` when it is whole, and not at all if anything fails."""
    folder = path.parent
    if not folder.is_dir():
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder\n  name a file inside it")
    if path.exists() and not path.is_file():  # a pipe, a device
        with path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o777)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _archive_name(path: str) -> str:
    """The folder within the archive, as torch names it: after the file, if that is ASCII."""
    stem = Path(path).name.rpartition(".")[0] or Path(path).name
    return stem if stem.isascii() else "archive"


# ---- pickling under torch's names ----


class Name:
    """A class or function of torch's, by its name alone."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self) -> None:
        """Nothing: pickle asks that what makes an object can be called."""


_NAMES: dict[str, Name] = {}


def _name(module: str, name: str) -> Name:
    """The one of that name, so that the pickle remembers it."""
    return _NAMES.setdefault(f"{module}.{name}", Name(module, name))


class Pickler(pickle._Pickler):
    """Python's own, that writes tensors and dtypes under torch's names, and storages apart."""

    def __init__(self, file: IO[bytes], identify: Callable[[Tensor], tuple[Any, ...]]) -> None:
        super().__init__(file, PROTOCOL)
        self.identify = identify

    def persistent_id(self, obj: Any) -> Any:
        """The tuple by which torch knows a storage."""
        return obj.id if isinstance(obj, _Reference) else None

    def reducer_override(self, obj: Any) -> Any:
        """How torch makes one of ours, or NotImplemented for what Python has."""
        if isinstance(obj, Parameter):
            return _name("torch._utils", "_rebuild_parameter"), (
                _plain(obj), obj.requires_grad, OrderedDict(),
            )  # fmt: skip
        if isinstance(obj, Tensor):
            return _name("torch._utils", "_rebuild_tensor_v2"), (
                _Reference(self.identify(obj)), obj.offset, tuple(obj.shape), tuple(obj.strides),
                obj.requires_grad, OrderedDict(),
            )  # fmt: skip
        if isinstance(obj, Size):
            return _name("torch", "Size"), (tuple(obj),)
        if isinstance(obj, device):
            index = () if obj.index is None else (obj.index,)
            return _name("torch", "device"), (obj.type, *index)
        if isinstance(obj, Layout):
            return _name("torch.serialization", "_get_layout"), (f"torch.{obj.name}",)
        if isinstance(obj, Module):
            raise TypeError(_whole_module(obj))
        if isinstance(obj, Generator):
            raise TypeError(
                "cannot pickle 'torch._C.Generator' object for torch\n  get_state() is a tensor"
            )
        return NotImplemented

    def _save_name(self, obj: Name) -> None:
        write: Any = self.write  # type: ignore[attr-defined]
        write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode("ascii"))
        self.memoize(obj)  # type: ignore[attr-defined]

    def _save_dtype(self, obj: DType) -> None:
        self.save(_name("torch", obj.name))  # type: ignore[attr-defined]

    dispatch: ClassVar[Any] = {**pickle._Pickler.dispatch, Name: _save_name, DType: _save_dtype}


class _Reference:
    """Stands in a pickle for a storage, which is written apart."""

    def __init__(self, id: tuple[Any, ...]) -> None:
        self.id = id


def _plain(parameter: Parameter) -> Tensor:
    """A parameter's tensor, with its own storage, so that it is written but once."""
    x = Tensor(
        parameter.storage, parameter.offset, parameter.shape, parameter.strides, parameter.dtype
    )
    x._requires_grad = parameter.requires_grad
    return x


def _whole_module(module: Module) -> str:
    kind = type(module).__name__
    return compose(
        f"a whole module ({kind}) is not written: its class is code, which no file should hold",
        fits=[
            "save model.state_dict(); later make the model again and load_state_dict() it",
        ],
    )


class _Storages:
    """Storages that a pickle refers to: each once, by the address of its memory."""

    def __init__(self, further: tuple[Any, ...] = ()) -> None:
        self.further = further  # what a persistent id ends with
        self.found: dict[int, tuple[str, Storage, DType]] = {}

    def identify(self, x: Tensor) -> tuple[Any, ...]:
        """The persistent id of a tensor's storage."""
        storage = x.storage
        place = storage.address if storage.nbytes else -1 - id(storage)
        new = (str(len(self.found)), storage, x.dtype)
        key, first, dtype = self.found.setdefault(place, new)
        if dtype is not x.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                f"types\n  one memory is seen as {dtype} and as {x.dtype}: clone() one of them"
            )
        if storage.nbytes > first.nbytes:
            self.found[place] = (key, storage, dtype)
        name = _name("torch", f"{dtype.legacy_name}Storage")
        numel = max(storage.nbytes, first.nbytes) // dtype.itemsize
        return ("storage", name, key, "cpu", numel, *self.further)


def _pickled(obj: Any, storages: _Storages) -> bytes:
    content = io.BytesIO()
    try:
        Pickler(content, storages.identify).dump(obj)
    except RecursionError as error:
        raise ValueError("the object's containers lie too deep inside each other") from error
    return content.getvalue()


def _bytes_of(storage: Storage) -> memoryview:
    return np.asarray(storage).data if storage.nbytes else memoryview(b"")


# ---- the zip format ----


def _write_archive(obj: Any, file: IO[bytes], name: str) -> None:
    import hashlib
    import zipfile

    storages = _Storages()
    content = _pickled(obj, storages)
    checksum = hashlib.sha256(name.encode("utf-8"))
    # The archive begins where the file stands, which must not be its first byte.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:

        def add(record: str, content: bytes | memoryview) -> None:
            checksum.update(f"{record} {zlib.crc32(content)}".encode())
            _add(archive, f"{name}/{record}", content)

        add("data.pkl", content)
        add(".storage_alignment", str(ALIGNMENT).encode())
        add("byteorder", b"little")
        for key, storage, _ in storages.found.values():
            add(f"data/{key}", _bytes_of(storage))
        add("version", b"3\n")
        digits = f"{int.from_bytes(checksum.digest()[:16], 'big'):040d}"
        add(".data/serialization_id", digits.encode())


def _add(archive: ZipFile, name: str, content: bytes | memoryview) -> None:
    """One record, whose bytes begin at a multiple of 64."""
    from zipfile import ZipInfo

    info = ZipInfo(name, EPOCH)
    large = len(content) >= ZIP64_FROM
    # Before the bytes stand the header, the name, the extra field and, if large, 20 bytes more.
    start = archive.start_dir + 30 + len(name.encode("utf-8")) + 4 + (20 if large else 0)
    fill = -start % ALIGNMENT
    info.extra = b"FB" + fill.to_bytes(2, "little") + b"Z" * fill
    with archive.open(info, "w", force_zip64=large) as record:
        record.write(content)


# ---- the legacy stream ----


def _write_stream(obj: Any, file: IO[bytes]) -> None:
    # The last member of an id would say which part of the storage is meant: all of it.
    storages = _Storages((None,))
    content = _pickled(obj, storages)
    facts = {
        "protocol_version": legacy.PROTOCOL,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for part in (legacy.MAGIC, legacy.PROTOCOL, facts):
        file.write(pickle.dumps(part, PROTOCOL))
    file.write(content)
    by_key = {key: (storage, dtype) for key, storage, dtype in storages.found.values()}
    file.write(pickle.dumps(sorted(by_key), PROTOCOL))
    for key in sorted(by_key):
        storage, dtype = by_key[key]
        file.write((storage.nbytes // dtype.itemsize).to_bytes(8, "little"))
        file.write(_bytes_of(storage))


# ---- safetensors ----


def _write_tensors(obj: Any, file: IO[bytes]) -> None:
    from safetensors import serialize

    specs, kept = tensor_file.specifications(obj)
    file.write(serialize(specs, metadata={"format": "pt"}))
    del kept
