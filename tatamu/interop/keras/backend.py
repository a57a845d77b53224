"""`keras.backend`: what tutorials ask of it."""

from __future__ import annotations

from tatamu.interop.keras.naming import clear_session

__all__ = ["clear_session", "epsilon", "floatx", "image_data_format"]


def image_data_format() -> str:
    """Where the channels are: last."""
    return "channels_last"


def floatx() -> str:
    """The dtype of weights."""
    return "float32"


def epsilon() -> float:
    """The small number that keeps logarithms finite."""
    return 1e-7
