"""safetensors files: a header of names, dtypes and shapes, then the numbers. No pickle in them.

The library checks a file's header, and writes files; the numbers are taken from where they lie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tatamu import dtypes
from tatamu.errors import compose
from tatamu.ops.layout import Size, contiguous_strides
from tatamu.serialization.stored import held
from tatamu.tensor import Tensor

__all__ = ["is_safetensors", "load_tensors", "specifications"]

SUFFIX = ".safetensors"

NAMES = {
    "F64": dtypes.float64, "F32": dtypes.float32, "F16": dtypes.float16, "BF16": dtypes.bfloat16,
    "I64": dtypes.int64, "I32": dtypes.int32, "I16": dtypes.int16, "I8": dtypes.int8,
    "U8": dtypes.uint8, "BOOL": dtypes.bool_,
}  # fmt: skip


def is_safetensors(data: memoryview, name: str = "") -> bool:
    """Whether a file is one: by its suffix, or by the length of a header that is JSON."""
    if name.endswith(SUFFIX):
        return True
    return bytes(data[8:9]) == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def load_tensors(data: memoryview, name: str = "", *, keep: bool) -> dict[str, Tensor]:
    """The tensors by name; over the file's own bytes with ``keep``. ``name`` is the file's path.

    Raises RuntimeError with the library's sentence for a file that is not whole, TypeError for a
    dtype that is not there.
    """
    from safetensors import SafetensorError, deserialize, safe_open

    try:
        if name:
            with safe_open(name, framework="numpy"):
                pass
        else:
            deserialize(bytes(data))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise RuntimeError(
            f"{error}\n  the file has {len(data):,} bytes: it is cut short or damaged; copy or "
            "download it again"
        ) from error
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(bytes(data[8:start]))
    header.pop("__metadata__", None)
    return {key: _tensor(key, facts, data, start, keep) for key, facts in header.items()}


def _tensor(key: str, facts: dict[str, Any], data: memoryview, start: int, keep: bool) -> Tensor:
    dtype = NAMES.get(facts["dtype"])
    if dtype is None:
        raise TypeError(
            f"tensor {key!r} has dtype {facts['dtype']}, which is not in tatamu"
            f"\n  there are {', '.join(NAMES)}"
        )
    begin, end = (start + offset for offset in facts["data_offsets"])
    storage = held(data[begin:end], keep=keep and begin % dtype.itemsize == 0)
    shape = tuple(facts["shape"])
    return Tensor(storage, 0, Size(shape), contiguous_strides(shape), dtype)


def specifications(tensors: Any) -> tuple[dict[str, Any], list[Any]]:
    """What the library writes for a dict of tensors, and what must be kept until it has.

    Raises TypeError for anything but a dict of tensors, RuntimeError for tensors that share memory.
    """
    from safetensors import TensorSpec

    if not isinstance(tensors, Mapping):
        raise TypeError(
            f"a safetensors file holds a dict of tensors, and not {type(tensors).__name__}"
            "\n  model.state_dict() is one; the format 'torch' (suffix .pt) takes anything"
        )
    _share_nothing(tensors)
    kept = []
    found: dict[str, Any] = {}
    for key, value in tensors.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise TypeError(
                f"a safetensors file holds tensors by name, and {key!r} is "
                f"{type(value).__name__}\n  the format 'torch' (suffix .pt) takes anything"
            )
        dense = value.detach().contiguous()
        kept.append(dense)
        found[key] = TensorSpec(
            dtype=dense.dtype.name,
            shape=list(dense.shape),
            data_ptr=dense.address,
            data_len=dense.shape.numel() * dense.dtype.itemsize,
        )
    return found, kept


def _share_nothing(tensors: Mapping[str, Any]) -> None:
    by_memory: dict[int, list[str]] = {}
    for key, value in tensors.items():
        if isinstance(value, Tensor) and value.shape.numel():
            by_memory.setdefault(value.storage.address, []).append(key)
    shared = [set(keys) for keys in by_memory.values() if len(keys) > 1]
    if shared:
        names = ", ".join("{" + ", ".join(map(repr, sorted(keys))) + "}" for keys in shared)
        raise RuntimeError(
            compose(
                "Some tensors share memory, this will lead to duplicate memory on disk and "
                f"potential differences when loading them again: [{names}].",
                fits=["clone() all but one, leave them out, or write the format 'torch'"],
            )
        )
