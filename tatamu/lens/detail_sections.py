"""The report's sections on what a layer did beyond its maps."""

from __future__ import annotations

from tatamu.lens.border_section import border_section
from tatamu.lens.details import Places, Statistics, Winners
from tatamu.lens.norm_section import norm_section
from tatamu.lens.pooling_section import gaps_section, winners_section
from tatamu.lens.records import LayerRecord, Look
from tatamu.lens.words import Words


def detail_sections(look: Look, record: LayerRecord, w: Words) -> str:
    """Winners of a pooling, gaps of an unpooling, statistics of a normalisation, padding."""
    if not record.has_maps:
        return ""
    if isinstance(record.detail, Winners):
        return winners_section(record, record.detail, w)
    if isinstance(record.detail, Places):
        return gaps_section(record, record.detail, w)
    if isinstance(record.detail, Statistics):
        return norm_section(record, record.detail, w)
    return border_section(look, record, w)
