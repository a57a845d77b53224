"""The choices of ``summary`` by name: columns, rows, modes, units."""

from __future__ import annotations

from enum import Enum, IntEnum, unique

__all__ = ["ColumnSettings", "Mode", "RowSettings", "Units", "Verbosity"]


class Choice(str, Enum):  # noqa: UP042 (a StrEnum prints its value where torchinfo prints its name)
    """A name that is also a text."""


@unique
class Mode(Choice):
    """The mode the model is run in."""

    TRAIN = "train"
    EVAL = "eval"


@unique
class RowSettings(Choice):
    """What the rows show and how they are drawn."""

    DEPTH = "depth"
    VAR_NAMES = "var_names"
    ASCII_ONLY = "ascii_only"
    HIDE_RECURSIVE_LAYERS = "hide_recursive_layers"


@unique
class ColumnSettings(Choice):
    """The columns there are."""

    KERNEL_SIZE = "kernel_size"
    INPUT_SIZE = "input_size"
    OUTPUT_SIZE = "output_size"
    NUM_PARAMS = "num_params"
    PARAMS_PERCENT = "params_percent"
    MULT_ADDS = "mult_adds"
    TRAINABLE = "trainable"


@unique
class Units(Choice):
    """How large numbers are written."""

    AUTO = "auto"
    MEGABYTES = "M"
    GIGABYTES = "G"
    TERABYTES = "T"
    NONE = ""


@unique
class Verbosity(IntEnum):
    """How much is printed."""

    QUIET, DEFAULT, VERBOSE = 0, 1, 2
