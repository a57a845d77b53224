"""The result of ``summary``: totals, and the whole as text or as a table for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tatamu.summary.record import LayerInfo
from tatamu.summary.settings import Units
from tatamu.summary.table import FormattingOptions

__all__ = ["ModelStatistics"]

SCALES = {
    Units.TERABYTES: 10**12,
    Units.GIGABYTES: 10**9,
    Units.MEGABYTES: 10**6,
    Units.NONE: 1,
}


class ModelStatistics:
    """A model's records and totals; prints as the table.

    ``summary_list`` holds a ``LayerInfo`` for each call; ``total_params``, ``trainable_params``,
    ``total_mult_adds`` are numbers, ``total_input``, ``total_output_bytes`` (forward and backward)
    and ``total_param_bytes`` bytes. A layer called twice has its parameters counted once.
    """

    def __init__(
        self,
        summary_list: Sequence[LayerInfo],
        input_size: Any,
        total_input_size: int,
        formatting: FormattingOptions,
    ) -> None:
        self.summary_list = summary_list
        self.input_size = input_size
        self.total_input = total_input_size
        self.formatting = formatting
        self.total_mult_adds = 0
        self.total_params = self.trainable_params = 0
        self.total_param_bytes = self.total_output_bytes = 0
        for record in summary_list:
            self._add(record)
        formatting.fit_names(summary_list)

    def _add(self, record: LayerInfo) -> None:
        if record.is_leaf_layer:
            self.total_mult_adds += record.macs
            if record.num_params > 0:
                self.total_output_bytes += record.output_bytes * 2  # its gradient is as large
        if record.is_recursive:
            return
        if record.is_leaf_layer:
            self.total_params += record.num_params
            self.trainable_params += record.trainable_params
            self.total_param_bytes += record.param_bytes
        else:
            self.total_params += max(record.leftover_params(), 0)
            self.trainable_params += max(record.leftover_trainable_params(), 0)

    def __repr__(self) -> str:
        formatting = self.formatting
        rule = "=" * formatting.width()
        rows = formatting.rows(self.summary_list, self.total_params)
        parts = [
            [formatting.line(formatting.header())],
            [formatting.line(row) for row in rows],
            *([f"{name}: {number}" for name, number in group] for group in self.totals()),
        ]
        return "\n".join([rule, *(line for part in parts for line in [*part, rule])])

    def totals(self, plain: bool = False) -> list[list[tuple[str, str]]]:
        """What stands below the table: names and numbers of parameters and mult-adds, then sizes.

        The second group is there only where the model was run. ``plain`` writes the unit as M, G
        or T.
        """
        counts = [
            ("Total params", f"{self.total_params:,}"),
            ("Trainable params", f"{self.trainable_params:,}"),
            ("Non-trainable params", f"{self.total_params - self.trainable_params:,}"),
        ]
        if not self.input_size:
            return [counts]
        unit, scaled = self.to_readable(self.total_mult_adds)
        written = f"{int(scaled):,}" if scaled.is_integer() else f"{scaled:,.2f}"
        # An enum in an f-string is written out since Python 3.11, and so torchinfo's text is, too.
        counts.append((f"Total mult-adds ({unit.value if plain else unit})", written))
        parts = {
            "Input size (MB)": self.total_input,
            "Forward/backward pass size (MB)": self.total_output_bytes,
            "Params size (MB)": self.total_param_bytes,
        }
        parts["Estimated Total Size (MB)"] = sum(parts.values())
        return [counts, [(name, f"{self.to_megabytes(n):0.2f}") for name, n in parts.items()]]

    @staticmethod
    def to_megabytes(num: int) -> float:
        """Bytes as megabytes."""
        return num / SCALES[Units.MEGABYTES]

    @staticmethod
    def float_to_megabytes(num: int) -> float:
        """So many float32 numbers as megabytes."""
        return num * 4 / SCALES[Units.MEGABYTES]

    @staticmethod
    def to_readable(num: int, units: Units = Units.AUTO) -> tuple[Units, float]:
        """A number and its unit: millions, or billions or trillions where there are so many.

        >>> ModelStatistics.to_readable(2_500_000)
        (<Units.MEGABYTES: 'M'>, 2.5)
        """
        if units == Units.AUTO:
            fits = [unit for unit, scale in SCALES.items() if scale > 1 and num >= scale]
            units = fits[0] if fits else Units.MEGABYTES
        return units, num / SCALES[units]

    def _repr_html_(self) -> str:
        from tatamu.summary.page import html

        return html(self)
