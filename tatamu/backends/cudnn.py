"""``torch.backends.cudnn``: switches of a library for GPUs. They can be set, and steer nothing.

tatamu's results depend neither on the number of threads nor on what ran before, so
``deterministic`` holds whatever it is set to.
"""

from __future__ import annotations

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available", "version"]

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False."""
    return False


def version() -> None:
    """None: cuDNN is not there."""
