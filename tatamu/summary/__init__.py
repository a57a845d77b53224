"""Summaries: torchinfo's table of a model's layers (the text is that of torchinfo 1.8.0).

``tatamu.summary`` is the function; the names here are torchinfo's own.
"""

from tatamu.summary.run import summary
from tatamu.summary.settings import ColumnSettings, Mode, RowSettings, Units, Verbosity
from tatamu.summary.statistics import ModelStatistics

__all__ = [
    "ColumnSettings",
    "Mode",
    "ModelStatistics",
    "RowSettings",
    "Units",
    "Verbosity",
    "summary",
]
