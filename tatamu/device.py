"""Devices: the CPU is the only one there is, and torch's own sentences say so."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["CPU", "device", "must_be_cpu"]

# What torch knows by name, in the order of its sentence.
TYPES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia",
    "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip


class device:
    """Where a tensor lies: torch's class, with which scripts choose between CPU and GPU.

    Any of torch's devices can be named; only ``cpu`` can be used. Raises RuntimeError with torch's
    sentence for other names.

    >>> device("cpu"), device("cuda", 1), str(device("cuda:1"))
    (device(type='cpu'), device(type='cuda', index=1), 'cuda:1')
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, device):
            self.type, self.index = type.type, type.index
            return
        if isinstance(type, int) and not isinstance(type, bool):
            raise RuntimeError("Cannot access accelerator device when none is available.")
        if not isinstance(type, str):
            raise TypeError(
                "device() received an invalid combination of arguments - got "
                f"({type.__class__.__name__}), but expected one of:\n"
                "  (torch.device device)\n  (str type, int index = -1)"
            )
        self.type, self.index = _parsed(type)
        if index is None:
            return
        if self.index is not None:
            raise RuntimeError(
                f"type (string) must not include an index because index was passed explicitly: "
                f"{type}"
            )
        if index < 0:
            raise RuntimeError("Device index must not be negative")
        self.index = index

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (str(self),)

    def __enter__(self) -> device:
        return must_be_cpu(self)

    def __exit__(self, *error: object) -> None:
        return None


def _parsed(text: str) -> tuple[str, int | None]:
    if not text:
        raise RuntimeError("Device string must not be empty\n  'cpu' is the one that can be used")
    name, colon, index = text.partition(":")
    if colon and not re.fullmatch(r"0|[1-9][0-9]*", index):
        raise RuntimeError(f"Invalid device string: '{text}'")
    if re.search(r"[^a-z_]", name) or not name:
        raise RuntimeError(f"Invalid device string: '{text}'")
    if name not in TYPES:
        known = ", ".join(TYPES)
        raise RuntimeError(f"Expected one of {known} device type at start of device string: {name}")
    return name, int(index) if colon else None


CPU = device("cpu")


def must_be_cpu(target: Any) -> device:
    """``target``, a device or its name, as a device; None is the CPU.

    Raises AssertionError for CUDA and RuntimeError for other devices, in torch's words.
    """
    if target is None or target == "cpu":
        return CPU
    found = device(target)
    if found.type == "cpu":
        return found
    use = (
        f"\n  tatamu computes on the CPU only: leave {str(found)!r} out, or choose it by "
        "torch.cuda.is_available(), which is False here"
    )
    if found.type == "cuda":
        raise AssertionError(f"Torch not compiled with CUDA enabled{use}")
    raise RuntimeError(f"PyTorch is not linked with support for {found.type} devices{use}")
