"""A summary as an HTML table, as notebooks show it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tatamu.summary.settings import ColumnSettings

if TYPE_CHECKING:
    from tatamu.summary.statistics import ModelStatistics

__all__ = ["html"]

NUMBERS = {ColumnSettings.NUM_PARAMS, ColumnSettings.PARAMS_PERCENT, ColumnSettings.MULT_ADDS}

CELL = "padding:2px 10px;white-space:nowrap;text-align:"
NAME = f"{CELL}left;font-family:monospace"
FAINT = "opacity:0.55"


def html(result: ModelStatistics) -> str:
    """The rows of the text, and its totals below; sizes and names are escaped.

    Colours are the notebook's own, so that it is readable on dark and on light pages.
    """
    formatting = result.formatting
    columns = formatting.col_names
    sides = ["right" if column in NUMBERS else "left" for column in columns]
    name, *titles = formatting.header()
    head = _cell("th", name, f"{CELL}left")
    head += "".join(
        _cell("th", title, f"{CELL}{side}") for title, side in zip(titles, sides, strict=True)
    )
    rows = []
    for record in formatting.shown(result.summary_list):
        cells = formatting.cells(record, result.total_params)
        indent = f"{NAME};padding-left:{10 + 18 * record.depth}px"
        row = _cell("td", formatting.name(record), indent)
        for column, side in zip(columns, sides, strict=True):
            row += _cell("td", cells[column].strip(), f"{CELL}{side}")
        style = f' style="{FAINT}"' if record.is_recursive else ""
        rows.append(f"<tr{style}>{row}</tr>")
    foot = [
        f"<tr>{_cell('td', title, f'{CELL}left')}"
        f'<td colspan="{max(len(columns), 1)}" style="{CELL}left">{escape(number)}</td></tr>'
        for group in result.totals(plain=True)
        for title, number in group
    ]
    return (
        '<table class="tatamu-summary" style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        f'<tfoot style="border-top:1px solid currentColor">{"".join(foot)}</tfoot></table>'
    )


def _cell(tag: str, text: str, style: str) -> str:
    return f'<{tag} style="{style}">{escape(text)}</{tag}>'
