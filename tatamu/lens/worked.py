"""The account of one value of a recorded layer."""

from __future__ import annotations

from tatamu.lens.probe import Probe, probe
from tatamu.lens.records import LayerRecord


def work_out(record: LayerRecord, channel: int, row: int, column: int) -> Probe | None:
    """The account of `record.output[0, channel, row, column]`; None for layers without one."""
    return probe(record, record.input, record.output, channel, row, column)
