"""The table as text: columns, indents, box drawing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tatamu.summary.record import LayerInfo
from tatamu.summary.settings import ColumnSettings, RowSettings, Verbosity

__all__ = ["TITLES", "FormattingOptions"]

TITLES = {
    ColumnSettings.KERNEL_SIZE: "Kernel Shape",
    ColumnSettings.INPUT_SIZE: "Input Shape",
    ColumnSettings.OUTPUT_SIZE: "Output Shape",
    ColumnSettings.NUM_PARAMS: "Param #",
    ColumnSettings.PARAMS_PERCENT: "Param %",
    ColumnSettings.MULT_ADDS: "Mult-Adds",
    ColumnSettings.TRAINABLE: "Trainable",
}
INDENT = 5
NAME_WIDTH = 40


class FormattingOptions:
    """How a summary is written; its attributes may be changed before it is printed again."""

    def __init__(
        self,
        max_depth: int,
        verbose: int,
        col_names: Sequence[ColumnSettings],
        col_width: int,
        row_settings: set[RowSettings],
    ) -> None:
        self.max_depth = max_depth
        self.verbose = verbose
        self.col_names = tuple(col_names)
        self.col_width = col_width
        self.row_settings = row_settings
        self.layer_name_width = NAME_WIDTH
        self.ascii_only = RowSettings.ASCII_ONLY in row_settings
        self.show_var_name = RowSettings.VAR_NAMES in row_settings
        self.show_depth = RowSettings.DEPTH in row_settings
        self.hide_recursive_layers = RowSettings.HIDE_RECURSIVE_LAYERS in row_settings

    def fit_names(self, records: Sequence[LayerInfo]) -> None:
        """Make the first column wide enough for every name, shown or not, in steps of five."""
        longest = max((len(self.name(r)) + r.depth * INDENT + 1 for r in records), default=0)
        if longest >= self.layer_name_width:
            self.layer_name_width = math.ceil(longest / INDENT) * INDENT

    def width(self) -> int:
        """Characters between the ends of a dividing line."""
        return len(self.col_names) * self.col_width + self.layer_name_width

    def name(self, record: LayerInfo) -> str:
        """The text of the first column, without its indent."""
        return record.get_layer_name(self.show_var_name, self.show_depth)

    def indent(self, depth: int) -> str:
        """What is drawn before a name.

        >>> FormattingOptions(3, 1, [], 25, set()).indent(3)
        '│    │    └─'
        """
        if depth == 0:
            return ""
        if depth == 1:
            return "+ " if self.ascii_only else "├─"
        bar, end = ("|    ", "+ ") if self.ascii_only else ("│    ", "└─")
        return bar * (depth - 1) + end

    def header(self) -> list[str]:
        """The titles, the first column's first."""
        name = "Layer (type"
        if self.show_var_name:
            name += " (var_name)"
        if self.show_depth:
            name += ":depth-idx"
        return [f"{name})", *(TITLES[column] for column in self.col_names)]

    def shown(self, records: Sequence[LayerInfo]) -> Iterator[LayerInfo]:
        """Those records that have a row."""
        for record in records:
            hidden = self.hide_recursive_layers and record.is_recursive
            if record.depth <= self.max_depth and not hidden:
                yield record

    def cells(self, record: LayerInfo, total_params: int) -> dict[ColumnSettings, str]:
        """The cells of a row by column."""
        deepest = record.depth == self.max_depth
        return {
            ColumnSettings.KERNEL_SIZE: _or_dashes(record.kernel_size),
            ColumnSettings.INPUT_SIZE: _or_dashes(record.input_size),
            ColumnSettings.OUTPUT_SIZE: _or_dashes(record.output_size),
            ColumnSettings.NUM_PARAMS: record.num_params_to_str(deepest),
            ColumnSettings.PARAMS_PERCENT: record.params_percent(total_params, deepest),
            ColumnSettings.MULT_ADDS: record.macs_to_str(deepest),
            ColumnSettings.TRAINABLE: record.trainable,
        }

    def rows(self, records: Sequence[LayerInfo], total_params: int) -> Iterator[list[str]]:
        """Name, with its indent, and cells of every row; with ``verbose=2`` of parameters, too."""
        for record in self.shown(records):
            cells = self.cells(record, total_params)
            yield [f"{self.indent(record.depth)}{self.name(record)}", *self._chosen(cells)]
            if self.verbose == Verbosity.VERBOSE:
                for name, inner in record.inner_layers.items():
                    yield [f"{self.indent(record.depth + 1)}{name}", *self._chosen(inner)]

    def _chosen(self, cells: Mapping[ColumnSettings, str]) -> list[str]:
        return [cells.get(column, "") for column in self.col_names]

    def line(self, row: Sequence[str]) -> str:
        """A row as a line of text."""
        name, *cells = row
        padded = [f"{name:<{self.layer_name_width}} "]
        padded += [f"{cell:<{self.col_width}} " for cell in cells]
        return "".join(padded).rstrip()


def _or_dashes(value: Any) -> str:
    return str(value) if value else "--"
