"""How maps are to be shown: on which scale, in which order, beside what torch would have shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tatamu.lens.maps import scale_end
from tatamu.lens.records import LayerRecord
from tatamu.lens.statistics import describe
from tatamu.lens.words import LookError

SCALES = ("own", "shared")
ORDERS = ("index", "strength")


@dataclass(frozen=True)
class View:
    """`scale`: each map its own, or one for all maps of a layer. `order`: None leaves the page in
    the channels' order and the table with the strongest first. `torch`: every map beside what
    `to_pil_image` makes of it.
    """

    scale: str = "own"
    order: str | None = None
    torch: bool = False


def checked(view: View) -> View:
    """The view, or `LookError` for a scale or an order that there is not."""
    for option, value, known in (
        ("--scale", view.scale, SCALES),
        ("--order", view.order or ORDERS[0], ORDERS),
    ):
        if value not in known:
            raise LookError("options.choice", option=option, value=value, known=", ".join(known))
    return view


def options(view: View) -> str:
    """The view as one would type it, with a space in front; empty for the usual one."""
    parts = [f" --scale {view.scale}"] if view.scale != "own" else []
    parts += [f" --order {view.order}"] if view.order else []
    parts += [" --torch-view"] if view.torch else []
    return "".join(parts)


def arranged(records: Sequence[LayerRecord], view: View) -> tuple[LayerRecord, ...]:
    """The records with their channels described on the scale that was asked for."""
    if view.scale == "own":
        return tuple(records)
    shared = []
    for record in records:
        end = scale_end(record.output[0]) if record.has_maps else None
        channels = describe(record.output, record.names, end)
        shared.append(replace(record, channels=channels))
    return tuple(shared)


def page_order(record: LayerRecord, view: View) -> list[int]:
    """The channels' places as the page shows them."""
    return list(record.order) if view.order == "strength" else list(range(len(record.channels)))


def table_order(record: LayerRecord, view: View) -> list[int]:
    """The channels' places as the terminal lists them."""
    return list(range(len(record.channels))) if view.order == "index" else list(record.order)
