"""``torch.cuda`` on a machine where kernels run on the processor: there is no CUDA device.

Scripts ask ``is_available()`` and go on without; whoever needs a device is told as torch's own
build for processors tells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tatamu import missing

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "init",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]


def _absent(*_: Any, **__: Any) -> NoReturn:
    """AssertionError: there is no CUDA device to ask."""
    raise AssertionError(
        "Torch not compiled with CUDA enabled\n"
        "  tatamu runs on the processor; torch.cuda.is_available() is False\n"
        "  device='cpu' fits, or device = 'cuda' if torch.cuda.is_available() else 'cpu'"
    )


current_device = get_device_capability = get_device_name = get_device_properties = _absent
init = set_device = synchronize = _absent


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing: no device draws numbers. ``tatamu.manual_seed`` seeds the processor's generator."""


def manual_seed_all(seed: int) -> None:
    """Nothing, as ``manual_seed``."""


def seed() -> None:
    """Nothing, as ``manual_seed``."""


def seed_all() -> None:
    """Nothing, as ``manual_seed``."""


def empty_cache() -> None:
    """Nothing: no device holds memory."""


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated

if not TYPE_CHECKING:
    __getattr__ = missing.of_module("torch.cuda", __name__)
