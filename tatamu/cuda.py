"""torch.cuda where there is none: questions are answered with no, the rest raises torch's sentence.

>>> is_available(), device_count()
(False, 0)
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
    "synchronize",
]


def is_available() -> bool:
    """Whether there is a GPU to use: no."""
    return False


def is_initialized() -> bool:
    """Whether CUDA's state has been made: no."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a GPU computes in bfloat16: there is none."""
    return False


def device_count() -> int:
    """How many GPUs there are: none."""
    return 0


def empty_cache() -> None:
    """Nothing is cached."""


def manual_seed(seed: int) -> None:
    """There is no generator of a GPU to seed."""


def manual_seed_all(seed: int) -> None:
    """There are no generators of GPUs to seed."""


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on a GPU: none."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that were in use on a GPU: none."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes kept on a GPU: none."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that were kept on a GPU: none."""
    return 0


def _refuse() -> NoReturn:
    raise AssertionError(
        "Torch not compiled with CUDA enabled\n"
        "  tatamu computes on the CPU only; torch.cuda.is_available() is False"
    )


def init() -> None:
    """AssertionError: there is no CUDA."""
    _refuse()


def synchronize(device: Any = None) -> None:
    """AssertionError: there is no CUDA."""
    _refuse()


def current_device() -> int:
    """AssertionError: there is no CUDA."""
    _refuse()


def get_device_name(device: Any = None) -> str:
    """AssertionError: there is no CUDA."""
    _refuse()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """AssertionError: there is no CUDA."""
    _refuse()


def get_device_properties(device: Any = None) -> Any:
    """AssertionError: there is no CUDA."""
    _refuse()


if not TYPE_CHECKING:
    __getattr__ = missing.of_module("torch.cuda", __name__)
